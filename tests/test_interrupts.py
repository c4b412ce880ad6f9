"""Ctrl-C and SIGTERM reach the command even where Python would drop them."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from bakeoff import interrupts
from tests.command import bakeoff
from tests.real_runs import SENTIMENT, write_config_file


class Interrupted:
    """Is interrupted while Python frees it."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)


@pytest.fixture(autouse=True)
def _keep(monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # what it is now comes back after the test
    interrupts.keep()


def test_ctrl_c_in_a_finalizer_ends_a_wait(capfd):
    started = time.monotonic()

    with pytest.raises(KeyboardInterrupt):
        free_and_wait(signal.SIGINT)

    assert time.monotonic() - started < 20
    assert capfd.readouterr().err == ""


def test_sigterm_in_a_finalizer_ends_a_run_that_can_be_resumed(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("bakeoff.tasks.classification.evaluate", lambda *_, **__: free_and_wait(signal.SIGTERM))
    config = write_config_file(tmp_path / "config.yaml", {**SENTIMENT, "contestants": {"linear": {}}})

    typed = bakeoff("run", config, "-o", tmp_path / "out")

    assert typed.code == 130
    assert f"Resume with: bakeoff resume {tmp_path / 'out'}" in typed.err
    assert "Traceback" not in capfd.readouterr().err


def test_other_errors_of_finalizers_are_printed_as_ever(capfd):
    class Failing:
        def __del__(self):
            raise ValueError("of a finalizer")

    Failing()

    assert "ValueError: of a finalizer" in capfd.readouterr().err


def free_and_wait(number: signal.Signals) -> None:
    Interrupted(number)
    time.sleep(30)
