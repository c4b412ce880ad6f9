"""The run folder: one that cannot be read is explained."""

from __future__ import annotations

import pytest

from bakeoff.errors import UserError
from bakeoff.runs.folder import RunFolder


def test_a_folder_that_is_not_a_run_names_the_runs_nearby(tmp_path):
    RunFolder(tmp_path / "mine").write_config_file({"task": "classification"})

    with pytest.raises(UserError, match=r"typo does not exist.\n.*mine"):
        RunFolder(tmp_path / "typo").must_hold_a_run()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no run"):
        RunFolder(tmp_path / "empty").must_hold_a_run()


def test_two_processes_cannot_work_in_one_folder(tmp_path):
    with (
        RunFolder(tmp_path / "run").locked(),
        pytest.raises(UserError, match="Another process is working"),
        RunFolder(tmp_path / "run").locked(),
    ):
        pass


@pytest.mark.parametrize(
    ("values", "version", "hint"),
    [
        ({}, r"an earlier version of bakeoff \(format 1\)", "read its report.html"),
        ({"format": 1}, r"an earlier version of bakeoff \(format 1\)", "read its report.html"),
        ({"format": 3}, r"a later version of bakeoff \(format 3\)", "Update bakeoff"),
    ],
)
def test_a_run_of_another_format_is_one_sentence(tmp_path, values, version, hint):
    run = RunFolder(tmp_path / "run")
    run.write_config_file({**values, "task": "classification", "contestants": {}})

    with pytest.raises(UserError, match=rf"run was written by {version}; this one reads format 2\.") as caught:
        run.must_hold_a_run()

    assert hint in caught.value.hint


@pytest.mark.parametrize("content", ["", "- a list", "task: [unfinished", "\x00"])
def test_a_damaged_config_is_explained(tmp_path, content):
    run = RunFolder(tmp_path)
    (tmp_path / "bakeoff.yaml").write_text(content)

    with pytest.raises(UserError, match=r"bakeoff\.yaml is damaged"):
        run.must_hold_a_run()
