"""Files and folders are complete or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bakeoff.errors import UserError
from bakeoff.runs.writing import explain_disk_errors, made_folder, recover_folder, replaced_folder, write_text


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "model"
    for text in ("first", "second"):
        with replaced_folder(target) as temporary:
            (temporary / "weights").write_text(text)

    assert (target / "weights").read_text() == "second"
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_a_failure_while_writing_leaves_the_old_folder(tmp_path):
    target = tmp_path / "model"
    with replaced_folder(target) as temporary:
        (temporary / "weights").write_text("old")

    def fail_half_way() -> None:
        with replaced_folder(target) as temporary:
            (temporary / "weights").write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()

    assert (target / "weights").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_a_kill_between_the_renames_is_undone(tmp_path):
    target = tmp_path / "model"
    with replaced_folder(target) as temporary:
        (temporary / "weights").write_text("old")
    target.rename(tmp_path / ".model.old")

    recover_folder(target)

    assert (target / "weights").read_text() == "old"


def test_of_several_that_make_a_folder_the_first_decides(tmp_path):
    target = tmp_path / "model"

    with made_folder(target) as slow:
        (slow / "weights").write_text("made second")
        with made_folder(target) as fast:
            (fast / "weights").write_text("made first")

    assert (target / "weights").read_text() == "made first"
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_a_folder_is_not_made_in_the_place_of_a_file(tmp_path):
    (tmp_path / "model").write_text("a file")

    with pytest.raises(UserError, match="a file is in its place"), made_folder(tmp_path / "model"):
        pass


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("IoError: No space left on device (os error 28)")],
)
def test_a_full_disk_is_a_sentence(error):
    with pytest.raises(UserError, match=r"disk is full.*\nFree some space"), explain_disk_errors(Path("model")):
        raise error


def test_advice_on_a_folder_that_may_not_be_written_fits_every_command(tmp_path):
    """`bakeoff ui` calls its option --folder, `predict` --out, and `resume` has none."""
    with pytest.raises(UserError, match="cannot be written") as caught, explain_disk_errors(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")

    assert caught.value.hint == "Choose another folder, or make this one writable."


def test_a_failed_text_keeps_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_text(path, "old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))

    with pytest.raises(UserError, match="disk is full"):
        write_text(path, "new")

    assert path.read_text() == "old"


def test_a_link_under_a_temporary_name_is_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    for name in (".model.part", ".model.old"):
        (tmp_path / name).symlink_to(outside)

    with replaced_folder(tmp_path / "model") as temporary:
        (temporary / "weights").touch()

    assert [path.name for path in outside.iterdir()] == ["kept"]
    assert (tmp_path / "model" / "weights").exists()
