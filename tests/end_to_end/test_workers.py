"""Trainings side by side end with the results of one after the other, whatever is killed meanwhile."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from bakeoff import runner
from bakeoff.environment import other_circumstances
from bakeoff.errors import UserError
from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff, fork, forked, refused
from tests.end_to_end.test_kill import everything_measured
from tests.real_runs import SENTIMENT, write_config_file

pytestmark = pytest.mark.slow

LSTM = {"method": "lstm", "embedding_size": 8, "hidden_size": 8}
CONFIG = {
    **SENTIMENT,
    "repeats": 2,
    "data": {"table": "sentence-polarity", "rows": 100, "split": {"folds": 2}},
    "budget": {"epochs": 10},
    "contestants": {"linear": {"tune": {"trials": 3, "at_once": 2}}, "lstm": LSTM},  # an ensemble is in test_ray.py
    "evaluation": {"resamples": 20},
}


@pytest.fixture(scope="module")
def one_after_the_other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runner.run(CONFIG, tmp_path_factory.mktemp("one-after-the-other") / "run").folder


def models(run: Path) -> dict[str, str]:
    files = sorted(run.rglob("*.safetensors"))
    return {str(file.relative_to(run)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def steps_taken(run: Path) -> int:
    # os.walk passes over the folders of checkpoints that vanish meanwhile.
    logs = [Path(folder, "metrics.jsonl") for folder, _, files in os.walk(run) if "metrics.jsonl" in files]
    return sum(len(log.read_bytes().splitlines()) for log in logs)


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not what():
        assert time.monotonic() < deadline, "that took too long"
        time.sleep(0.01)


def test_the_same_results_after_a_killed_worker_and_ctrl_c(one_after_the_other, tmp_path):
    run, config = tmp_path / "run", write_config_file(tmp_path / "a.yaml", CONFIG)
    total = steps_taken(one_after_the_other)
    same_threads = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}

    process = fork("run", config, "-o", run, "--workers", "2", env=same_threads)
    wait_for(lambda: steps_taken(run) > total // 6)
    workers = psutil.Process(process.pid).children()
    assert len(workers) == 2
    os.kill(workers[0].pid, signal.SIGKILL)
    wait_for(lambda: steps_taken(run) > total // 2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.poll() == 130, said
    assert "Its process was killed" in said
    assert f"Resume with: bakeoff resume {run}" in said
    assert not any(worker.is_running() for worker in workers)
    assert not all(contestant.finished for contestant in RunFolder(run).contestants())
    unfinished = [path for path in run.rglob("checkpoint") if path.is_dir()]
    assert unfinished  # from which it goes on

    resumed = forked("resume", run, "--workers", "2", "--json", env=same_threads)
    assert resumed.code == 0, resumed.err
    assert "resuming after step" in resumed.err
    assert resumed.json["folder"] == str(run)
    assert everything_measured(run) == everything_measured(one_after_the_other)
    assert models(run) == models(one_after_the_other)
    threads = "1 thread" if torch.get_num_threads() == 1 else f"{torch.get_num_threads()} threads"
    assert f"{threads} used by each of 2 trainings at the same time" in (run / "report.html").read_text()


def test_another_number_of_threads_is_noted(one_after_the_other, tmp_path):
    environment = RunFolder(one_after_the_other).environment()
    changed = environment.model_copy(update={"threads": 7, "processor": "abacus"})
    assert other_circumstances(environment, "fp32") is None
    noted = other_circumstances(changed, "fp32") or ""
    assert "not abacus" in noted
    assert "threads, not 7" in noted


def test_what_cannot_be_combined(tmp_path):
    config = write_config_file(tmp_path / "a.yaml", CONFIG)

    assert "cannot be combined" in refused("run", config, "-o", tmp_path / "run", "--workers", "2", "--on", "ray")
    (tmp_path / "my plan.json").write_text("{}")
    said = refused("run", config, "-o", tmp_path / "run", "--plan", tmp_path / "my plan.json")
    assert "is not a forecast" in said
    assert f"bakeoff plan CONFIG --json > '{tmp_path / 'my plan.json'}'" in said
    assert bakeoff("run", config, "--workers", "0").code == 2
    assert not (tmp_path / "run").exists()


def test_torchrun_divides_trainings_in_another_way(tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.training.torchrun.world_size", lambda: 2)
    monkeypatch.setattr("bakeoff.training.torchrun.is_main_process", lambda: True)

    with pytest.raises(UserError, match="torchrun divides each training"):
        runner.run(CONFIG, tmp_path / "run", workers=2)
