"""A server of `bakeoff ui` in this process, and files to give it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import bakeoff
from bakeoff.runs.plans import ContestantPlan, Plan
from bakeoff.ui import processes
from bakeoff.ui.app import create_app
from bakeoff.ui.bakeoffs import Bakeoff, BakeoffRecord
from bakeoff.ui.limits import PageLimits
from bakeoff.ui.looking import look_into
from tests.serve.servers import serving

GOOD = ["köstlich", "wunderbar", "großartig", "süß"]
BAD = ["schäbig", "trüb", "übel", "öde"]


def reviews(rows: int = 80) -> bytes:
    """A table as a spreadsheet in Germany exports it: semicolons, Windows-1252, a text that holds a semicolon."""
    lines = ["Nr;Bewertung;Urteil"]
    for row in range(rows):
        words = (BAD, GOOD)[row % 2]
        text = f"Das Frühstück war {words[row // 2 % 4]}; am {row + 1}. Tag sehr {words[row // 8 % 4]}"
        lines.append(f'{row};"{text}";{("schlecht", "gut")[row % 2]}')
    return "\r\n".join(lines).encode("cp1252")


@contextlib.contextmanager
def running(folder: Path, *, limits: PageLimits | None = None, **options: Any) -> Iterator[httpx.Client]:
    """A client of a server that works in `folder` as long as the block lasts."""
    limits = limits or PageLimits()
    with serving(create_app(folder, limits=limits, **options), limits.requests) as client:
        yield client


class FakeProcesses:
    """Processes that only pretend: a test says when they end."""

    def __init__(self) -> None:
        self.started: list[list[str]] = []
        self.alive: set[int] = set()

    def start(self, arguments: list[str], output: Path, errors: Path | None = None) -> processes.ProcessRecord:
        self.started.append(list(arguments))
        output.touch()
        self.alive.add(len(self.started))
        return processes.ProcessRecord(pid=len(self.started), created=0.0)

    def is_running(self, process: processes.ProcessRecord | None) -> bool:
        return process is not None and process.pid in self.alive

    def stop(self, process: processes.ProcessRecord | None) -> None:
        self.alive.discard(process.pid if process else 0)

    def of(self, command: str) -> list[list[str]]:
        return [words for words in self.started if words[0] == command]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeProcesses:
    made = FakeProcesses()
    for name in ("start", "is_running", "stop"):
        monkeypatch.setattr(processes, name, getattr(made, name))
    return made


@pytest.fixture
def client(tmp_path: Path, fake: FakeProcesses) -> Iterator[httpx.Client]:
    with running(tmp_path / "home") as client:
        yield client


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """While it is clear, no look into a file ends, as if the file were large."""
    may_end = threading.Event()
    may_end.set()

    def look(*arguments: Any) -> Any:
        may_end.wait(60)
        return look_into(*arguments)

    monkeypatch.setattr("bakeoff.ui.files.look_into", look)
    yield may_end
    may_end.set()


def upload(client: httpx.Client, content: bytes | None = None, name: str = "Bewertungen.csv") -> dict[str, Any]:
    answer = client.post("/v1/files", params={"name": name}, content=reviews() if content is None else content)
    assert answer.status_code == 201, answer.text
    return answer.json()


def planned(seconds: dict[str, float]) -> Plan:
    """A forecast, by contestant."""
    return Plan(
        name="",
        task="classification",
        contestants=[
            ContestantPlan(
                name=name,
                method="linear",
                evaluation_seconds=0,
                total_seconds=each,
                peak_memory_bytes=0,
                model_bytes=0,
                disk_bytes=0,
                total_parameters=0,
                trainable_parameters=0,
            )
            for name, each in seconds.items()
        ],
        total_seconds=sum(seconds.values()) + 2,
        peak_memory_bytes=0,
        disk_bytes=0,
        available_memory_bytes=0,
        free_disk_bytes=0,
        measuring_seconds=0,
    )


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `bakeoff ui` with one finished bake-off."""
    home = tmp_path_factory.mktemp("ui")
    table = home / "reviews.csv"
    table.write_bytes(reviews(120))
    made = Bakeoff(home / "runs" / "1")
    made.folder.mkdir(parents=True)
    config = {
        "task": "classification",
        "data": {"table": str(table), "text": "Bewertung", "label": "Urteil"},
        "budget": {"epochs": 1},
        "contestants": {"majority": {}, "linear": {}},
        "evaluation": {"resamples": 100},
    }
    bakeoff.run(config, made.run.path)
    made.config.write_text("task: classification # as an example\n")
    names = ["majority", "linear"]
    made.write(BakeoffRecord(file="1", name="<b>Bewertungen</b>.csv", created=1e9, contestants=names, since=1e9))
    return home
