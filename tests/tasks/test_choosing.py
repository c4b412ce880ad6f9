"""What is said where a contestant cannot be used."""

from __future__ import annotations

import pytest

from bakeoff.errors import UserError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.tasks.choosing import finished
from bakeoff.tasks.classifier import load_classifier


def test_commands_quote_names_with_blanks(tmp_path):
    run = RunFolder(tmp_path / "my run")
    run.write_config_file({"format": 2, "task": "language-model", "contestants": {"lora": {}}})

    with pytest.raises(UserError) as unfinished:
        finished(ContestantFolder(run.path / "contestants" / "lora"), run.path)
    with pytest.raises(UserError) as of_another_task:
        load_classifier(run.path)

    assert unfinished.value.hint == f"Type: bakeoff resume '{run.path}'"
    assert f"bakeoff generate '{run.path}/contestants/NAME'" in of_another_task.value.hint
