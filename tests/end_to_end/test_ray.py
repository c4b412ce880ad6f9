"""A Ray cluster of two machines, one of which is killed in the middle, ends with the results of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from bakeoff import runner
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
    def __init__(self) -> None:
        self.messages: list[str] = []
        self.steps = 0

    def message(self, text: str) -> None:
        self.messages.append(text)

    def step(self, line: Any, share: float) -> None:
        self.steps += 1


@pytest.fixture
def two_machines(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
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
