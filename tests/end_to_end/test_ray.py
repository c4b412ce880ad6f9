"""A Ray cluster of two machines, one of which is killed in the middle, ends with the results of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from pyarrow import csv

from bakeoff import runner
from bakeoff.data.config import TableData
from bakeoff.data.table_sources import read_table_source
from bakeoff.errors import UserError
from bakeoff.execution.on_ray import OnRay
from bakeoff.execution.schedule import Assignment
from bakeoff.packages import missing_modules
from bakeoff.training.progress import Progress
from tests.command import refused
from tests.end_to_end.test_kill import everything_measured
from tests.end_to_end.test_workers import CONFIG, LSTM, models, steps_taken
from tests.real_runs import write_config_file

pytestmark = pytest.mark.slow

needs_ray = pytest.mark.skipif(bool(missing_modules("ray")), reason="ray is not installed")
SMALL = {
    **CONFIG,
    "repeats": 1,
    "data": {"table": "sentence-polarity", "rows": 150},
    "budget": {"epochs": 30},
    "contestants": {"first": LSTM, "second": LSTM, "both": {"method": "ensemble", "members": ["first", "second"]}},
}
# A dead machine is noticed after half a second, not half a minute.
HEALTH = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 200,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 2,
}


class Heard(Progress):
    def __init__(self, interrupt_after: int | None = None) -> None:
        self.messages: list[str] = []
        self.steps = 0
        self._interrupt_after = interrupt_after

    def wait(self, steps: int) -> None:
        deadline = time.monotonic() + 60
        while self.steps < steps and time.monotonic() < deadline:
            time.sleep(0.02)

    def message(self, text: str) -> None:
        self.messages.append(text)

    def step(self, line: Any, share: float) -> None:
        self.steps += 1
        if self.steps == self._interrupt_after:
            raise KeyboardInterrupt


@pytest.fixture
def two_machines(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # or other tests on the machine would leave them no time
    from ray.cluster_utils import Cluster

    own: dict[str, Any] = {"num_cpus": torch.get_num_threads(), "object_store_memory": 80 * 2**20}
    cluster = Cluster(
        initialize_head=True, head_node_args={**own, "include_dashboard": False, "_system_config": HEALTH}
    )
    second = cluster.add_node(**own)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    yield cluster, second
    cluster.shutdown()


@needs_ray
@pytest.mark.timeout(120)
def test_a_machine_dies_in_the_middle(two_machines, tmp_path):
    cluster, second = two_machines
    whole = runner.run(SMALL, tmp_path / "whole").folder
    run, heard = tmp_path / "run", Heard()

    def kill() -> None:
        deadline = time.monotonic() + 60
        while steps_taken(run) < 10 and time.monotonic() < deadline:
            time.sleep(0.02)
        cluster.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = runner.run(SMALL, run, on="ray", progress=heard)
    killer.join()

    assert any("Its process is lost" in message for message in heard.messages), heard.messages
    assert heard.steps > 0
    assert [result.name for result in outcome.results] == ["first", "second", "both"]
    assert everything_measured(run) == everything_measured(whole)
    assert models(run) == models(whole)


@needs_ray
@pytest.mark.timeout(300)
def test_machines_without_a_common_disk_exchange_files_through_a_storage(two_machines, tmp_path):
    cluster, second = two_machines
    config = {**SMALL, "data": {"table": str(write_table(tmp_path / "own" / "reviews.csv")), "rows": 150}}
    whole = runner.run(config, tmp_path / "whole").folder
    run, store = tmp_path / "run", (tmp_path / "store").as_uri()

    with pytest.raises(KeyboardInterrupt):
        runner.run(config, run, on="ray", storage=store, progress=Heard(interrupt_after=10))
    assert any(path.is_dir() for path in run.rglob("checkpoint"))  # it came from the machine that wrote it
    with pytest.raises(UserError, match="already holds a run"):
        runner.run(config, tmp_path / "other" / "run", on="ray", storage=store)

    heard = Heard()
    killer = threading.Thread(target=lambda: (heard.wait(steps=10), cluster.remove_node(second, allow_graceful=False)))
    killer.start()
    runner.resume(run, on="ray", storage=store, progress=heard)
    killer.join()

    assert any("Its process is lost" in message for message in heard.messages), heard.messages
    assert everything_measured(run) == everything_measured(whole)
    assert models(run) == models(whole)
    assert not [*run.rglob("checkpoint"), *run.rglob("trials")]
    assert str(tmp_path / "own") in (run / "bakeoff.yaml").read_text()  # and no path of another machine


def write_table(path: Path) -> Path:
    path.parent.mkdir()
    source = read_table_source(TableData(table="sentence-polarity"))
    texts, labels = source.table.column(source.text[0]), source.table.column(source.label[0])
    csv.write_csv(pa.table({"text": list(texts), "label": list(labels)}), path)
    return path


def test_without_ray_it_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.packages.missing_modules", lambda extra: ["ray"])

    said = refused("run", write_config_file(tmp_path / "a.yaml", SMALL), "-o", tmp_path / "run", "--on", "ray")

    assert "--on ray needs ray, which is not installed" in said
    assert "--workers N" in said
    assert not (tmp_path / "run").exists()


@needs_ray
def test_an_address_of_another_kind_is_refused():
    with pytest.raises(UserError, match=r"--on 10.0.0.1 is no address"):
        OnRay("10.0.0.1", 1, Assignment("", "", ""))


def test_a_storage_is_for_a_cluster(tmp_path):
    config = write_config_file(tmp_path / "a.yaml", SMALL)

    said = refused("run", config, "-o", tmp_path / "run", "--storage", "s3://bucket/runs")

    assert "--storage is for a cluster" in said
    assert not (tmp_path / "run").exists()
