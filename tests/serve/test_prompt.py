"""Method `prompt` asks what `bakeoff serve` serves, and `bakeoff serve` serves what asks an endpoint."""

from __future__ import annotations

import pytest

from bakeoff.methods.prompt.config import PromptConfig
from bakeoff.methods.prompt.model import Prompt, PromptModel
from bakeoff.runner import run
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.tasks.classifier import addresses
from tests.command import bakeoff
from tests.methods.prompt.fake_endpoint import fake_endpoint, refusal
from tests.serve.servers import running


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_it_asks_our_own_server(language_model_run):
    with running([language_model_run]) as client:
        served = client.get("/v1/models").json()["data"][0]["id"]
        config = PromptConfig.model_validate(
            {"model": served, "base_url": f"{client.base_url}/v1".replace("//v1", "/v1"), "api": "completions"}
        )
        model = PromptModel(config, ["bad", "good"], Prompt([], [0.5, 0.5], [0.0, 0.0], ""))

        rows = model.probabilities(["A fine film", "A dull film"])

    assert rows.shape == (2, 2)
    assert model.usage is not None
    assert model.usage.requests == 2
    assert model.usage.input_tokens > 20  # as the server counts them


def test_a_server_says_where_texts_go_and_survives_an_endpoint_that_does_not_answer(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("bakeoff.methods.prompt.endpoint.pause", lambda stop, seconds: None)
    with fake_endpoint() as endpoint:
        config = {
            "task": "classification",
            "data": {"table": "sentence-polarity", "rows": 60},
            "contestants": {
                "majority": {},
                "prompt": {"model": "m", "base_url": endpoint.url},
                "both": {"method": "ensemble", "members": ["majority", "prompt"]},
            },
            "evaluation": {"resamples": 20},
        }
        run(config, tmp_path / "run")
        asked = len(endpoint.requests)
        with running([tmp_path / "run"]) as client:
            question = {"texts": ["A text of many words"], "explain": True}
            explained = client.post("/v1/classify", json=question).json()["data"]
        asked_to_explain = len(endpoint.requests) - asked
        typed = bakeoff("predict", tmp_path / "run", "--contestant", "prompt", "A text")
        endpoint.answer = lambda body: refusal(500, "down")

        with running([tmp_path / "run"]) as client:
            answer = client.post("/v1/classify", json={"texts": ["A new text"], "models": ["run/prompt"]})

    assert typed.code == 0
    assert f"prompt sends the texts to {endpoint.url}." in typed.err
    words = {answer["model"]: answer["predictions"][0]["words"] for answer in explained}
    assert words == {"run/majority": [], "run/prompt": None, "run/both": None}
    assert asked_to_explain <= 2  # for the answers of two contestants, and not for each word
    assert asked <= 60  # the ensemble asks for nothing more, and no sample is explained
    assert answer.status_code == 503
    assert "run/prompt cannot answer now" in answer.json()["error"]["message"]
    assert "run/prompt sends the texts of all clients to" in caplog.text
    folder = RunFolder(tmp_path / "run")
    assert addresses(folder) == {"prompt": endpoint.url, "both": endpoint.url}
    results = {name: ContestantFolder(folder.contestant(name).path).result() for name in ("prompt", "both")}
    assert [result.total_parameters for result in results.values()] == [None, None]  # of an ensemble with it, too
    assert results["both"].usage is not None
    assert results["both"].usage.requests == results["prompt"].usage.requests
