"""What is held of a Ray cluster when something fails. No cluster is started."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bakeoff.errors import UserError
from bakeoff.execution import on_ray
from bakeoff.execution.on_ray import OnRay
from bakeoff.execution.schedule import Assignment, Job, carry_out
from bakeoff.training.progress import Progress


class Cluster(SimpleNamespace):
    """Stands in for the module `ray`: a machine of four cores, on which everything ends at once."""

    connected = False

    def __init__(self) -> None:
        super().__init__(exceptions=SimpleNamespace(RayError=OSError, RayTaskError=OSError))

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 4.0, "memory": 8e9}}]

    def remote(self, *_: Any, **__: Any) -> Any:
        task = SimpleNamespace(remote=lambda *_: object(), take=SimpleNamespace(remote=object))
        task.options = lambda **_: task
        return lambda _: SimpleNamespace(remote=lambda *_: task, options=task.options)

    def get(self, *_: Any, **__: Any) -> Any:
        return []

    def wait(self, references: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
        return references[:1], references[1:]

    def cancel(self, *_: Any, **__: Any) -> None:
        pass

    kill = cancel

    def shutdown(self) -> None:
        self.connected = False


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()

    def connect(_: str) -> bool:
        cluster.connected = True
        return True

    monkeypatch.setitem(sys.modules, "ray", cluster)  # type: ignore[arg-type]
    monkeypatch.setattr(on_ray, "require", lambda *_: None)
    monkeypatch.setattr(on_ray, "_connect", connect)
    monkeypatch.setattr(OnRay, "_look_around", lambda _: None)
    return cluster


class Unreachable:
    """A storage that cannot be read any more."""

    url = "memory://run"
    published = False

    def __init__(self) -> None:
        self.asked: list[int] = []

    def publish(self) -> None:
        self.published = True

    def collect(self, number: int) -> None:
        self.asked.append(number)
        raise UserError(f"{number} cannot be read.")


def test_a_storage_that_cannot_be_read_is_asked_for_every_training_and_the_first_error_is_told(cluster):
    storage = Unreachable()
    jobs = [Job(number, f"training {number}") for number in (1, 2, 3)]

    with pytest.raises(UserError, match="1 cannot be read"), OnRay("ray", 3, Assignment("", "", ""), storage) as ray:
        carry_out(jobs, ray, Progress())

    assert storage.asked == [1, 2, 3]
    assert not cluster.connected


def test_a_cluster_without_bakeoff_is_left_again(cluster, monkeypatch):
    """Otherwise the next address would be ignored, because this process is connected already."""

    def look_around(_: OnRay) -> None:
        raise UserError("The cluster cannot run bakeoff.")

    monkeypatch.setattr(OnRay, "_look_around", look_around)

    with pytest.raises(UserError, match="cannot run bakeoff"):
        OnRay("ray://other:10001", 3, Assignment("", "", ""))

    assert not cluster.connected
