"""Odd uploads to the page of `bakeoff ui`, and odd requests to `bakeoff serve`: every answer is one of the API."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.cases import Case, Outcome, judged
from hostile.forks import run_forked
from hostile.tables import ODD_TEXTS, odd_file, trained

_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1e308,
        10**30,
        "",
        "x",
        [],
        {},
        [[]],
        {"a": {}},
        "\ud800",
        "a\x00b",
        "x" * 10_000,
        0.5,
        2,
        "f1",
    ),
    *(["a fine film"], ["a", None], ["a"] * 300, "classifiers/linear", ["classifiers/linear"], ["../linear"], "Once"),
)


def _served(make: Callable[[], Any], ask: Callable[[Any], list[Any]], place: Path) -> Outcome:
    """Ask an application in a fork; any answer but a server's error is right."""

    def work() -> int:
        from fastapi.testclient import TestClient

        with TestClient(make(), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
            answers = ask(client)
        wrong = [f"{answer.request.url.path}: {answer.status_code} {answer.text[:300]}" for answer in answers]
        wrong = [each for each, answer in zip(wrong, answers, strict=True) if answer.status_code in (500, 501, 502)]
        print(json.dumps([sorted({answer.status_code for answer in answers}), "; ".join(wrong)]))
        return 0

    typed = run_forked(work, seconds=20, scratch=place, inside=place)
    outcome = judged(typed)
    if outcome.problem:
        return outcome
    statuses, wrong = json.loads(typed.out.splitlines()[-1])
    return Outcome("refused in a sentence" if max(statuses) >= 400 else "done", wrong)


def odd_upload(choose: random.Random, place: Path) -> Case:
    """Upload an odd file to the page, look at it, and choose odd columns."""
    content, ending = odd_file(choose, place)
    name = choose.choice((f"odd.{ending}", f"../../odd.{ending}", f"{'x' * 400}.{ending}", f"é\u202e<b>.{ending}"))
    columns = {"text": [choose.choice(("text", "label", "", "nothing", "a.b"))], "label": choose.choice(("label", "x"))}

    def make() -> Any:
        from bakeoff.ui import processes
        from bakeoff.ui.app import create_app

        processes.start = lambda *_, **__: processes.ProcessRecord(pid=0, created=0.0)  # no forecasts
        return create_app(place / "page")

    def ask(client: Any) -> list[Any]:
        answers = [client.post("/v1/files", params={"name": name}, content=content)]
        if answers[0].status_code == 201:
            file = f"/v1/files/{answers[0].json()['id']}"
            answers += [client.get(file), client.get(f"{file}/forecast")]
            answers += [client.post(f"{file}/columns", json=columns), client.get("/v1/files")]
            asked = {"file": answers[0].json()["id"], "contestants": ["linear", "majority"]}
            answers += [client.post("/v1/bakeoffs", json=asked), client.get("/v1/bakeoffs"), client.get("/v1/runs")]
        return answers

    return Case("uploads", f"{name[:60]!r}, columns {columns}", lambda: _served(make, ask, place))


def odd_request(choose: random.Random, place: Path) -> Case:
    """Ask a server in an odd way."""
    run = trained(place.parent / "trained")
    fields = ("texts", "models", "threshold", "explain", "model", "prompt", "max_tokens", "seed", "more")
    texts = choose.choice((["a fine film"], [choose.choice(ODD_TEXTS) for _ in range(3)]))
    body: dict[str, Any] = {"texts": texts, "models": [f"{run.name}/linear"]}
    for _ in range(choose.randint(0, 2)):
        body[choose.choice(fields)] = choose.choice(_VALUES)
    raw = json.dumps(body).encode()
    if choose.random() < 0.3:
        raw = choose.choice((raw[: choose.randrange(len(raw))], b"[" * 100_000, b"\xff", b"{" + raw, b"9" * 5000))
    path = choose.choice(
        ("/v1/classify", "/v1/classify", "/v1/classify", "/v1/completions", "/v1/models", "/v1/nothing")
    )
    paths = (
        "/v1/runs/%00",
        "/v1/models/%2e%2e/x",
        "/runs/../report.html",
        "/runs/%2e%2e%2f/report.html",
        "/static/%2e%2e",
    )
    read = choose.choice(
        (*paths, "/v1/models/" + "x" * 5000, "/docs", "/metrics", "/v1/runs/run", "/runs/run/report.html")
    )
    headers = choose.choice(({}, {"content-type": "text/plain"}, {"content-length": "-1"}, {"origin": "http://evil"}))

    def make() -> Any:
        from bakeoff.serve.app import create_app
        from bakeoff.serve.models import find_runs

        return create_app(find_runs([run]))

    def ask(client: Any) -> list[Any]:
        sent = {"content-type": "application/json", **headers}
        return [client.post(path, content=raw, headers=sent), client.get(read)]

    return Case("requests", f"POST {path} {raw[:200]!r}, GET {read[:60]}", lambda: _served(make, ask, place))
