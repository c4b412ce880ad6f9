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
