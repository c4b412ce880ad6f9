from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.methods.prompt.fake_endpoint import FakeEndpoint, fake_endpoint

KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of answers, and an API key."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PROMPT_TEST_KEY", KEY)
    return tmp_path / "cache" / "bakeoff" / "answers.sqlite"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, none of which is waited for."""
    taken: list[float] = []

    def pause(stop: threading.Event, seconds: float) -> None:
        taken.append(seconds)

    monkeypatch.setattr("bakeoff.methods.prompt.endpoint.pause", pause)
    return taken


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with fake_endpoint() as endpoint:
        yield endpoint
