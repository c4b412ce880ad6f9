"""Many clients at a server: every answer is that which the client would get alone, and none waits long."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hostile.forks import type_command
from hostile.runs import KINDS, write_config

CROWD = 64
FEW = 8  # clients whose latency is measured
_TEXTS = ("a fine and moving film", "dull, long and badly made", "what a plot", "the score is warm", "x", "é 漢 😀")


@dataclass
class Crowd:
    """What a number of clients saw."""

    clients: int
    milliseconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    refused: int = 0  # 429 and 503, which a client is told to repeat

    def percentile(self, share: float) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def clients(seconds: float, seed: int, folder: Path) -> list[tuple[str, Crowd]]:
    """Let 64 clients ask for everything, and then 8 for labels of a linear model, in an equal share of the time."""
    runs = [_trained("classifiers", folder), _trained("language-model", folder)]
    server = subprocess.Popen(
        [sys.executable, "-m", "bakeoff", "serve", *map(str, runs), "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")},
    )
    try:
        assert server.stdout is not None
        address = urlsplit(json.loads(server.stdout.readline())["address"])
        place = (str(address.hostname), int(address.port or 80))
        everything = _questions(runs)
        linear = [each for each in everything if each[1].get("models") == ["classifiers/linear"]]
        alone = asyncio.run(_alone(place, everything))
        crowd = asyncio.run(_ask(place, CROWD, everything, alone, 0.8 * seconds, seed))
        few = asyncio.run(_ask(place, FEW, linear, alone, 0.2 * seconds, seed))
        return [("everything", crowd), ("/v1/classify, linear", few)]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def _trained(kind: str, folder: Path) -> Path:
    place = folder / f"served-{kind}"
    place.mkdir()
    typed = type_command(["run", write_config(KINDS[kind], place), "-o", place / kind], seconds=300)
    assert typed.code == 0, typed.err
    return place / kind


_Question = tuple[str, dict[str, Any]]


def _questions(runs: list[Path]) -> list[_Question]:
    classifiers, writers = (run.name for run in runs)
    names = [f"{classifiers}/{name}" for name in KINDS[classifiers].values["contestants"]]
    asked: list[_Question] = [
        ("/v1/classify", {"texts": [text, f"{text} {number}"], "models": [name]})
        for name in names
        for number, text in enumerate(_TEXTS)
    ]
    asked += [("/v1/classify", {"texts": list(_TEXTS), "explain": True}), ("/v1/classify", {"texts": [""]})]
    asked += [
        (
            "/v1/completions",
            {
                "model": f"{writers}/{name}",
                "prompt": prompt,
                "max_tokens": 4 + number,
                "temperature": number % 2,
                "seed": 3,
            },
        )
        for name in KINDS[writers].values["contestants"]
        for number, prompt in enumerate(("Once upon a time", "The dog", "Lily"))
    ]
    return [*asked, ("/v1/classify", {"texts": "no list"}), ("/v1/completions", {"model": "none", "prompt": "x"})]


_Answers = dict[str, tuple[int, Any]]
_VOLATILE = {"id", "created", "speed"}


async def _alone(place: tuple[str, int], questions: list[_Question]) -> _Answers:
    """Return the answers to a single client."""
    reader, writer = await asyncio.open_connection(*place)
    answers = {json.dumps(question): await _post(reader, writer, question) for question in questions}
    writer.close()
    return answers


async def _ask(
    place: tuple[str, int], count: int, questions: list[_Question], alone: _Answers, seconds: float, seed: int
) -> Crowd:
    """Let clients ask one question after the other; in a crowd, some hang up before they have an answer."""
    crowd, ends = Crowd(count), time.monotonic() + seconds

    async def client(number: int) -> None:
        choose = random.Random(f"{seed} {number}")
        reader, writer = await asyncio.open_connection(*place)
        while time.monotonic() < ends:
            question = choose.choice(questions)
            if count == CROWD and choose.random() < 0.02:
                writer.write(_request(question))
                writer.close()
                reader, writer = await asyncio.open_connection(*place)
                continue
            started = time.perf_counter()
            status, answer = await _post(reader, writer, question)
            took = 1000 * (time.perf_counter() - started)
            if status in (429, 503):
                crowd.refused += 1
                await asyncio.sleep(0.2)
                continue
            crowd.milliseconds.append(took)
            if (status, answer) != alone[json.dumps(question)]:
                crowd.wrong.append(f"{question}: {status} {str(answer)[:200]}")
        writer.close()

    await asyncio.gather(*(client(number) for number in range(count)))
    return crowd


def _request(question: _Question) -> bytes:
    path, asked = question
    body = json.dumps(asked).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: _Question) -> tuple[int, Any]:
    """Return the status and the answer without what is new each time."""
    writer.write(_request(question))
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length:")[2].split("\r\n")[0])
    answer = json.loads(await reader.readexactly(length))
    return int(head.split()[1]), {key: value for key, value in answer.items() if key not in _VOLATILE}
