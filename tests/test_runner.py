"""What a bake-off leaves behind when it fails before its first step."""

from __future__ import annotations

import pytest

from bakeoff import runner
from bakeoff.errors import UserError
from bakeoff.runs.folder import RunFolder

CONFIG = {
    "task": "classification",
    "data": {"table": "sentence-polarity", "rows": 60},
    "contestants": {"majority": {}},
    "evaluation": {"resamples": 50},
}


def test_a_failure_before_the_spec_is_written_is_told_and_leaves_no_folder(tmp_path, monkeypatch):
    def full_disk(*_):
        raise UserError("The disk is full")

    monkeypatch.setattr(RunFolder, "write_data", full_disk)

    with pytest.raises(UserError, match="The disk is full"):
        runner.run(CONFIG, tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_a_run_that_finds_the_folder_taken_does_not_remove_it(tmp_path, monkeypatch):
    """Another process takes the folder while this one reads its data."""
    taken = RunFolder(tmp_path / "run")
    prepare = runner.prepare_data

    with taken.locked():
        (taken.path / ".lock").rename(tmp_path / "held")  # not there yet when this process looks at the folder
        taken.path.rmdir()

        def prepare_while_the_other_begins(*arguments):
            prepared = prepare(*arguments)
            taken.path.mkdir()
            (tmp_path / "held").rename(taken.path / ".lock")
            return prepared

        monkeypatch.setattr(runner, "prepare_data", prepare_while_the_other_begins)
        with pytest.raises(UserError, match="Another process is working"):
            runner.run(CONFIG, taken.path)

    assert taken.path.exists()
