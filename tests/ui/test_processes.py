"""Processes that outlive the server."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from bakeoff.ui import processes
from tests.serve.servers import until


def test_a_command_runs_apart_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKEOFF_TOKEN", "secret")
    (tmp_path / "typer.py").write_text("raise SystemExit('the folder of the server is no place for modules')")
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "output.txt"

    process = processes.start(["run", "nothing.yaml"], output)

    assert processes.is_running(process)
    until(lambda: not processes.is_running(process))
    error = processes.last_error(output)
    assert error is not None
    assert error.startswith("nothing.yaml is neither a file nor a built-in bake-off.\n")


def test_it_is_stopped(tmp_path: Path) -> None:
    process = processes.start(["run", "sentiment", "-o", str(tmp_path / "run")], tmp_path / "output.txt")
    assert Path(psutil.Process(process.pid).cwd()).samefile(tmp_path)  # of whose disk a plan tells the free space

    processes.stop(process)

    until(lambda: not processes.is_running(process))
    assert not (tmp_path / "run" / "verdict.json").exists()


def test_a_number_that_another_process_has_by_now(tmp_path: Path) -> None:
    process = processes.start(["--version"], tmp_path / "output.txt")
    earlier = process.model_copy(update={"created": process.created - 100})

    assert not processes.is_running(earlier)
    assert not processes.is_running(None)
    until(lambda: not processes.is_running(process))
