"""Everything that reads a run folder refuses one of another format, with the same sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bakeoff.comparing import compare
from bakeoff.environment import current_environment
from bakeoff.errors import UserError
from bakeoff.report.output import write_report
from bakeoff.runner import resume
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.writing import write_text
from bakeoff.serve.models import Models, find_runs
from bakeoff.tasks.classifier import load_classifier
from tests.command import bakeoff

REFUSAL = "was written by an earlier version of bakeoff (format 1); this one reads format 2."


def with_format(path: Path, version: int | None) -> Path:
    """Write the config and environment of a run of this format."""
    values = {"task": "classification", "contestants": {"linear": {"method": "linear"}}}
    path.mkdir()
    (path / "bakeoff.yaml").write_text(yaml.safe_dump({**values, **({"format": version} if version else {})}))
    RunFolder(path).write_environment(current_environment())
    return path


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(resume, id="resume"),
        pytest.param(lambda path: write_report(RunFolder(path)), id="report"),
        pytest.param(load_classifier, id="load_classifier"),
        pytest.param(lambda path: compare([path, with_format(path.parent / "other", 2)]), id="compare"),
    ],
)
def test_the_library_refuses_an_old_run(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(UserError) as caught:
        read(with_format(tmp_path / "old", None))

    assert caught.value.message == f"{tmp_path / 'old'} {REFUSAL}"


@pytest.mark.parametrize("command", ["report", "resume", "predict", "explain", "export", "compare"])
def test_every_command_refuses_an_old_run(tmp_path: Path, command: str) -> None:
    old = with_format(tmp_path / "old", None)
    more = {
        "predict": ["A fine film"],
        "explain": ["A fine film"],
        "export": ["-o", str(tmp_path / "out")],
        "compare": [str(with_format(tmp_path / "other", None))],
    }

    typed = bakeoff(command, str(old), *more.get(command, []))

    assert typed.code == 2
    assert REFUSAL in " ".join(typed.err.split())


def test_old_and_damaged_runs_do_not_keep_others_from_being_served(tmp_path: Path, caplog) -> None:
    good, old, damaged = (with_format(tmp_path / name, version) for name, version in GOOD_OLD_DAMAGED)
    (damaged / "environment.json").write_text("{}")
    write_text(RunFolder(good).contestant("linear").path / "result.json", "{}")

    models = Models(find_runs([damaged, old, good]))

    assert list(models.runs) == ["good"]
    assert REFUSAL in caplog.text
    assert "environment.json is damaged" in caplog.text
    assert models.listed() == []  # its only result is damaged
    assert "result.json is damaged" in caplog.text
    with pytest.raises(UserError, match="earlier version"):
        find_runs([old])
    with pytest.raises(UserError, match="does not exist"):
        find_runs([good, tmp_path / "typo"])


GOOD_OLD_DAMAGED = (("good", 2), ("old", None), ("damaged", 2))
