"""A run that is killed again and again, and resumed, ends with the metrics of one that was left alone."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from subprocess import Popen

import pytest

from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff, fork
from tests.processes import Forked
from tests.real_runs import LANGUAGE_MODEL, SENTIMENT, write_config_file

TIMES = {"seconds", "total_seconds", "peak_memory_bytes"}
CONFIGS = {
    "classification": {**SENTIMENT, "contestants": {"linear": {}, "lstm": SENTIMENT["contestants"]["lstm"]}},
    "language-model": {
        **LANGUAGE_MODEL,
        "contestants": {name: LANGUAGE_MODEL["contestants"][name] for name in ("full", "lora")},
    },
}


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if key not in TIMES}
    if isinstance(value, list):
        return [without_times(each) for each in value]
    if isinstance(value, str):  # a note about a search
        return re.sub(r"took [\d,]+ s of training", "took some time", value)
    return value


def everything_measured(path: Path) -> dict[str, object]:
    """Results, metrics, scores and texts of every contestant, without what depends on the clock."""
    found: dict[str, object] = {}
    homes = [repeat for contestant in RunFolder(path).contestants() for repeat in contestant.repeats()]
    parts = {
        home.path: [home.part(number + 1) for number in range(len(list(home.path.glob("part-*"))))] for home in homes
    }
    for contestant in (training for home in homes for training in (*home.folds(), home, *parts[home.path])):
        steps, epochs = contestant.training_log()
        found[contestant.name] = without_times(
            {
                "result": contestant.result().model_dump(),
                "steps": [line.model_dump() for line in steps],
                "epochs": [line.model_dump() for line in epochs],
                "scores": contestant.scores().to_pylist(),
                "samples": [sample.model_dump() for sample in contestant.samples()],
            }
        )
    return found


def lines_of_metrics(path: Path) -> int:
    return sum(len(file.read_bytes().splitlines()) for file in path.glob("contestants/*/metrics.jsonl"))


def kill(process: Forked | Popen[str], path: Path, lines: int, how: signal.Signals) -> str:
    """Kill a process as soon as its run has written so many lines of metrics; return what it said."""
    deadline = time.monotonic() + 120
    while process.poll() is None and lines_of_metrics(path) < lines:
        assert time.monotonic() < deadline, "the run did not get that far"
        time.sleep(0.005)
    process.send_signal(how)
    return process.communicate(timeout=60)[1]


@pytest.mark.parametrize("task", CONFIGS)
def test_killed_again_and_again(task, tmp_path):
    config = write_config_file(tmp_path / "config.yaml", CONFIGS[task])
    assert bakeoff("run", config, "-o", tmp_path / "whole").code == 0
    total = lines_of_metrics(tmp_path / "whole")
    killed = tmp_path / "killed"

    kill(fork("run", config, "-o", killed), killed, 2, signal.SIGKILL)
    kill(fork("resume", killed), killed, total // 2, signal.SIGKILL)
    said = kill(fork("resume", killed), killed, 3 * total // 4, signal.SIGINT)
    assert f"bakeoff resume {killed}" in said or lines_of_metrics(killed) == total
    assert bakeoff("resume", killed, "--json").json["verdict"] is not None

    assert everything_measured(killed) == everything_measured(tmp_path / "whole")


def test_resume_of_a_finished_run_only_reports(sentiment_run):
    before = everything_measured(sentiment_run)

    typed = bakeoff("resume", sentiment_run, "--json")

    assert typed.code == 0
    assert json.loads(typed.out)["folder"] == str(sentiment_run)
    assert everything_measured(sentiment_run) == before
