"""/v1/completions over HTTP: OpenAI's shape, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

import bakeoff
from bakeoff.serve.limits import Limits
from tests.serve.servers import running

if TYPE_CHECKING:
    import openai  # which takes a second, and each worker of pytest-xdist collects this module

PROMPT = "Once upon a time"


@pytest.fixture(scope="module")
def expected(stories) -> str:
    return bakeoff.load_language_model(str(stories / "contestants" / "lora")).generate(PROMPT, max_new_tokens=20)


@pytest.fixture(scope="module")
def official(client: httpx.Client) -> openai.OpenAI:
    import openai

    return openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0)


def ask(client: httpx.Client, **asked: object) -> httpx.Response:
    return client.post("/v1/completions", json={"model": "stories/lora", "prompt": PROMPT, "max_tokens": 20, **asked})


def test_the_official_client_reads_an_answer(official: openai.OpenAI, expected: str) -> None:
    answer = official.completions.create(model="stories/lora", prompt=PROMPT, max_tokens=20, seed=1)

    assert answer.choices[0].text == expected
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (5, 20, 25)


def test_the_official_client_reads_a_stream(official: openai.OpenAI, expected: str) -> None:
    chunks = list(
        official.completions.create(
            model="stories/lora", prompt=PROMPT, max_tokens=20, stream=True, stream_options={"include_usage": True}
        )
    )

    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == expected
    assert len(chunks) > 10
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "length"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 20


def test_the_official_client_knows_the_models_and_the_errors(official: openai.OpenAI) -> None:
    import openai

    assert [model.id for model in official.models.list()] == [
        *("sentiment/majority", "sentiment/linear", "sentiment/lstm"),
        *("stories/pretrained", "stories/lora"),
    ]
    assert official.models.retrieve("stories/lora").owned_by == "bakeoff"
    with pytest.raises(openai.NotFoundError, match="Models: stories/pretrained, stories/lora"):
        official.completions.create(model="gpt-9", prompt=PROMPT)
    with pytest.raises(openai.BadRequestError, match="logprobs: not supported"):
        official.completions.create(model="stories/lora", prompt=PROMPT, logprobs=2)


def test_a_seed_repeats_its_draw(client: httpx.Client) -> None:
    def draw(seed: int) -> str:
        return ask(client, temperature=1.0, seed=seed).json()["choices"][0]["text"]

    assert draw(3) == draw(3)
    assert draw(3) != draw(4)


def test_a_stop_string_in_a_stream(client: httpx.Client) -> None:
    lines = ask(client, model="stories/pretrained", stop="Lily", stream=True).text.split("\n\n")
    chunks = [json.loads(line.removeprefix("data: "))["choices"][0] for line in lines if line.startswith("data: {")]

    assert "".join(chunk["text"] for chunk in chunks) == ", there was a little girl named "
    assert chunks[-1]["finish_reason"] == "stop"
    assert lines[-2:] == ["data: [DONE]", ""]


def test_an_answer_says_how_fast_it_was(client: httpx.Client) -> None:
    speed = ask(client).json()["speed"]

    assert speed["tokens_per_second"] == pytest.approx(20 / speed["seconds"])


@pytest.mark.parametrize(
    ("asked", "status", "param", "message"),
    [
        ({"model": "stories/none"}, 404, "model", "There is no model 'stories/none'"),
        ({"model": "sentiment/linear"}, 400, "model", "Use /v1/classify"),
        ({"n": 2}, 400, "n", "Leave it out or send 1"),
        ({"logprobs": 0}, 400, "logprobs", "not supported"),
        ({"echo": True}, 400, "echo", "not supported"),
        ({"prompt": ["one", "two"]}, 400, "prompt", "one prompt per request, not 2"),
        ({"stop": ["a", ""]}, 400, "stop", "1 to 200 characters"),
        ({"prompt": "time " * 600}, 400, "prompt", "511 are allowed"),
        ({"max_tokens": 0}, 400, "max_tokens", "greater than or equal to 1"),
        ({"max_tokens": 100_000}, 400, "max_tokens", "at most 4,096"),
        ({"max_tokens": "5"}, 400, "max_tokens", "valid integer"),
        ({"temperature": 3}, 400, "temperature", "less than or equal to 2"),
        ({"tokens": 5}, 400, "tokens", "Extra inputs are not permitted"),
    ],
)
def test_refusals(client: httpx.Client, asked: dict, status: int, param: str, message: str) -> None:
    answer = ask(client, **asked)
    error = answer.json()["error"]

    assert answer.status_code == status
    assert error["param"].split(".")[0] == param
    assert message in error["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b'{"model": "stories/lora", "prompt": "\\ud800"}', b"[" * 20_000]
)
def test_bodies_that_say_nothing(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/v1/completions", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_form_of_another_site_is_not_read_as_json(client: httpx.Client) -> None:
    body = json.dumps({"model": "stories/lora", "prompt": PROMPT})

    assert client.post("/v1/completions", content=body, headers={"Content-Type": "text/plain"}).status_code == 400


def test_time_runs_out(stories) -> None:
    with running([stories], limits=Limits(seconds=0.0)) as client:
        assert ask(client).status_code == 504
        assert ask(client, stream=True).json()["error"]["code"] == "timeout"
