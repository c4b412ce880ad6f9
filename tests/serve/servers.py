"""Servers for tests: real ones, on a free port, in a thread of this process."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from bakeoff.serve.app import create_app
from bakeoff.serve.guard import Guard
from bakeoff.serve.limits import Limits
from bakeoff.serve.models import find_runs
from bakeoff.serve.server import http_server, listen


@contextlib.contextmanager
def running(runs: Sequence[Path], *, limits: Limits | None = None, **options: Any) -> Iterator[httpx.Client]:
    """A client of a server that serves `runs` as long as the block lasts."""
    limits = limits or Limits()
    with serving(create_app(find_runs(runs), limits=limits, **options), limits) as client:
        yield client


@contextlib.contextmanager
def serving(app: Guard, limits: Limits) -> Iterator[httpx.Client]:
    """A client of an application that is served as long as the block lasts."""
    server = http_server(app, limits)
    with listen("127.0.0.1", 0) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            until(lambda: server.started)
            with httpx.Client(base_url=address, timeout=200) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that must come to hold soon."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"still not so after {seconds} seconds"
        time.sleep(0.02)


def measured(client: httpx.Client, name: str) -> float:
    """A metric of /metrics that has no labels."""
    lines = client.get("/metrics").text.splitlines()
    (found,) = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
    return float(found)
