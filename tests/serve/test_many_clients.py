"""Many at once, and those who go away."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.serve.servers import measured, until

PROMPTS = ["Once upon a time", "The dog", "Lily", "One day", "A red ball", "In the park"]


def test_32_clients_get_the_answers_that_each_would_get_alone(client: httpx.Client) -> None:
    def ask(number: int) -> object:
        if number % 4 == 3:
            asked = {"texts": [f"A fine film, number {number}", "Dull"], "models": ["sentiment/lstm"]}
            return client.post("/v1/classify", json=asked).json()["data"]
        asked = {
            "model": ("stories/pretrained", "stories/lora")[number % 2],
            "prompt": PROMPTS[number % len(PROMPTS)],
            "max_tokens": 4 + number,
            "temperature": (0.0, 0.8)[number // 2 % 2],
            "seed": number,
            "stream": number % 3 == 0,
        }
        answer = client.post("/v1/completions", json=asked)
        if not asked["stream"]:
            return answer.json()["choices"][0]["text"]
        events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
        return "".join(json.loads(event)["choices"][0]["text"] for event in events)

    alone = [ask(number) for number in range(32)]
    with ThreadPoolExecutor(32) as threads:
        together = list(threads.map(ask, range(32)))

    assert together == alone
    until(lambda: measured(client, "bakeoff_active_requests") == 0)


def begin_stream(client: httpx.Client, **asked: object) -> socket.socket:
    body = json.dumps({"model": "stories/pretrained", "prompt": "Once", "stream": True, **asked}).encode()
    connection = socket.create_connection((client.base_url.host, client.base_url.port), timeout=30)
    connection.sendall(
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    return connection


def test_a_stream_whose_client_goes_away_ends(client: httpx.Client) -> None:
    # Tokens that are drawn this wildly hardly ever end the text.
    with begin_stream(client, max_tokens=500, temperature=2.0) as connection:
        received = b""
        while b"data: {" not in received:  # the headers may come alone
            received += connection.recv(10_000)
        until(lambda: measured(client, "bakeoff_texts_in_progress") == 1)
        begun = measured(client, "bakeoff_tokens_total")
    until(lambda: measured(client, "bakeoff_texts_in_progress") == 0)
    written = measured(client, "bakeoff_tokens_total")
    time.sleep(0.2)

    assert measured(client, "bakeoff_tokens_total") == written
    assert written - begun < 500


def test_an_answer_whose_client_goes_away_ends(client: httpx.Client) -> None:
    before = measured(client, "bakeoff_tokens_total")
    with begin_stream(client, max_tokens=500, temperature=2.0, stream=False):
        until(lambda: measured(client, "bakeoff_tokens_total") > before)
    until(lambda: measured(client, "bakeoff_texts_in_progress") == 0)

    assert measured(client, "bakeoff_tokens_total") - before < 500
