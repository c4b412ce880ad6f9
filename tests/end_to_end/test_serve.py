"""bakeoff serve, started and stopped as a person does it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.command import bakeoff, refused, start


@pytest.fixture
def served(sentiment_run: Path, language_model_run: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    process = start("serve", sentiment_run, language_model_run, "--port", "0", "--json")
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    with httpx.Client(base_url=said["address"], timeout=200) as client:
        yield process, client
    process.kill()
    process.communicate()


def test_what_is_served_and_how_it_stops(served, sentiment_run: Path) -> None:
    process, client = served
    typed = bakeoff("predict", sentiment_run, "A fine film", "--contestant", "lstm", "--json").json
    model = client.get("/v1/models").json()["data"][2]["id"]

    answer = client.post("/v1/classify", json={"texts": ["A fine film"], "models": [model]}).json()
    process.send_signal(signal.SIGINT)

    (found,) = answer["data"][0]["predictions"]
    assert found["probability"] == pytest.approx(typed["predictions"]["lstm"][0]["probability"], abs=1e-6)
    assert process.wait(timeout=60) == 0
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


def test_sigterm_lets_a_text_end(served) -> None:
    process, client = served
    model = next(each["id"] for each in client.get("/v1/models").json()["data"] if each["contestant"] == "full")
    asked = {"model": model, "prompt": "Once upon a time", "max_tokens": 64, "temperature": 1.5, "stream": True}
    with client.stream("POST", "/v1/completions", json=asked) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: {")
        process.send_signal(signal.SIGTERM)
        rest = list(lines)

    assert rest[-2] == "data: [DONE]"
    assert process.wait(timeout=60) == 0


def test_refusals(sentiment_run: Path, tmp_path: Path) -> None:
    assert "does not exist" in refused("serve", tmp_path / "nothing")
    assert "BAKEOFF_TOKEN" in refused("serve", sentiment_run, "--host", "0.0.0.0")
    assert "cannot listen on 203.0.113.1" in refused(
        "serve", sentiment_run, "--host", "203.0.113.1", "--token", "secret"
    )
