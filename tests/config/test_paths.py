"""The files that a config names."""

from __future__ import annotations

from bakeoff.config.load import load_config
from bakeoff.config.paths import contestants_files


def test_a_language_model_in_a_file_is_one_of_those_that_contestants_read(tmp_path):
    """So that a resume notices another one under its name."""
    (tmp_path / "base.gguf").write_bytes(b"GGUF")
    values = {"task": "language-model", "data": {"text": "wikitext"}, "contestants": {"pretrained": {}}}

    files = contestants_files(load_config({**values, "model": str(tmp_path / "base.gguf")}))

    assert files == [tmp_path / "base.gguf"]
    assert contestants_files(load_config({**values, "model": "smollm2-135m"})) == []


def test_those_of_a_model_in_a_folder_are_too(tmp_path):
    for name in ("base/config.json", "base/model.safetensors", "base/notes.md", "run/model/adapter_model.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    contestants = {"a": {"method": "embedding", "model": str(tmp_path / "base")}}
    contestants["b"] = contestants["a"] | {"model": str(tmp_path / "run")}

    files = contestants_files(
        load_config({"task": "classification", "data": {"table": "a.csv"}, "contestants": contestants})
    )

    assert [file.relative_to(tmp_path).as_posix() for file in files] == [
        "base/config.json", "base/model.safetensors", "run/model/adapter_model.safetensors",
    ]  # fmt: skip
