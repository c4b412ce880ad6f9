"""/v1/classify gives what the library gives."""

from __future__ import annotations

from types import SimpleNamespace

import httpx
import numpy as np
import pytest

import bakeoff
from bakeoff.serve import classification
from bakeoff.serve.models import Models
from bakeoff.serve.worker import Worker
from bakeoff.tasks.classifier import Classifier

TEXTS = ["A fine film, moving and funny", "Dull .", "", "☃ <b>unheard</b> of", "fine " * 3000]


def test_every_classifier_answers_as_the_library_does(client: httpx.Client, sentiment) -> None:
    answer = client.post("/v1/classify", json={"texts": TEXTS}).json()

    assert [each["model"] for each in answer["data"]] == ["sentiment/majority", "sentiment/linear", "sentiment/lstm"]
    for each in answer["data"]:
        classifier = bakeoff.load_classifier(sentiment, contestant=each["model"].split("/")[1])
        for found, expected in zip(each["predictions"], classifier.predict(TEXTS), strict=True):
            assert found["label"] == expected.label
            assert found["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)


def test_many_texts_keep_their_order(client: httpx.Client, sentiment) -> None:
    texts = [f"a {word} film" for word in ("fine", "dull", "long", "moving", "tedious")] * 20
    (answer,) = client.post("/v1/classify", json={"texts": texts, "models": ["sentiment/linear"]}).json()["data"]

    expected = bakeoff.load_classifier(sentiment, contestant="linear").predict(texts)
    assert [each["label"] for each in answer["predictions"]] == [each.label for each in expected]


def test_a_label_below_the_threshold_is_not_given(client: httpx.Client) -> None:
    def label(threshold: float) -> str | None:
        asked = {"texts": ["A fine film"], "models": ["sentiment/linear"], "threshold": threshold}
        return client.post("/v1/classify", json=asked).json()["data"][0]["predictions"][0]["label"]

    assert label(0.5) in ("negative", "positive")
    assert label(1.0) is None


def test_marked_words_are_those_of_explain(client: httpx.Client, sentiment) -> None:
    text = "A fine film, moving and funny"
    asked = {"texts": [text], "models": ["sentiment/linear"], "explain": True}
    (prediction,) = client.post("/v1/classify", json=asked).json()["data"][0]["predictions"]

    expected = bakeoff.load_classifier(sentiment, contestant="linear").explain(text)
    strongest = expected.words[: len(prediction["words"])]
    assert prediction["words"]
    for word, same in zip(prediction["words"], strongest, strict=True):
        assert (word["word"], word["spans"]) == (same.word, [list(span) for span in same.spans])
        assert word["contribution"] == pytest.approx(same.contribution, abs=1e-6)


class SlowModel:
    """A model that counts the texts of each turn, and takes some seconds for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float = 1) -> None:
        self.turns: list[int] = []
        self._seconds = seconds
        self._now = 0.0
        do = Worker.do

        async def counted(worker: Worker, *arguments, **named):
            self.turns.append(0)
            return await do(worker, *arguments, **named)

        monkeypatch.setattr(Worker, "do", counted)
        monkeypatch.setattr(Models, "classifier", lambda *_: Classifier(["bad", "good"], self))
        monkeypatch.setattr(classification, "time", SimpleNamespace(monotonic=lambda: self._now))

    def probabilities(self, texts):
        self.turns[-1] += len(texts)
        self._now += self._seconds
        good = np.array([0.9 if "fine" in text else 0.6 for text in texts])
        return np.stack([1 - good, good], axis=1)


MANY_WORDS = " ".join(["fine", *(f"word{number}" for number in range(99))])


def test_words_are_looked_for_in_many_turns(client: httpx.Client, monkeypatch) -> None:
    model = SlowModel(monkeypatch)
    asked = {"texts": [MANY_WORDS], "models": ["sentiment/linear"], "explain": True}
    (prediction,) = client.post("/v1/classify", json=asked).json()["data"][0]["predictions"]

    assert [word["word"] for word in prediction["words"]] == ["fine"]
    assert model.turns == [1, *[16] * 6, 5]  # the text, and 101 questions


def test_when_time_is_up_a_text_has_a_label_without_words(client: httpx.Client, monkeypatch) -> None:
    def ask(*texts: str) -> httpx.Response:
        asked = {"texts": texts, "models": ["sentiment/linear"], "explain": True}
        return client.post("/v1/classify", json=asked)

    model = SlowModel(monkeypatch, seconds=400)  # of the 1,000 that the server allows
    answer = ask(MANY_WORDS)
    (prediction,) = answer.json()["data"][0]["predictions"]

    assert (prediction["label"], prediction["words"]) == ("good", None)
    assert model.turns == [1, 16, 16, 0]
    answer = ask(MANY_WORDS, "A fine film")
    assert answer.status_code == 504
    assert "Not finished in 1000 seconds. Send fewer texts." in answer.json()["error"]["message"]


def test_a_very_long_text_is_labeled_but_not_marked(client: httpx.Client) -> None:
    asked = {"texts": ["fine " * 5000], "models": ["sentiment/linear"], "explain": True}
    (prediction,) = client.post("/v1/classify", json=asked).json()["data"][0]["predictions"]

    assert prediction["label"]
    assert prediction["words"] is None


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        ({"texts": []}, 400, "at least 1 item"),
        ({"texts": "A fine film"}, 400, "valid list"),
        ({"texts": ["x"] * 257}, 400, "257 texts; 256 are allowed"),
        ({"texts": ["x"], "models": ["stories/lora"]}, 400, "Use /v1/completions"),
        ({"texts": ["x"], "models": ["sentiment/gru"]}, 404, "There is no model"),
        ({"texts": ["x"], "features": []}, 400, "0 objects for 1 text. Send one for each text."),
        ({"texts": ["x", "y"], "features": [{}]}, 400, "1 object for 2 texts."),
    ],
)
def test_refusals(client: httpx.Client, asked: dict, status: int, message: str) -> None:
    answer = client.post("/v1/classify", json=asked)

    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_empty_texts_are_named(client: httpx.Client) -> None:
    assert client.post("/v1/classify", json={"texts": ["", "A fine film", " \n"]}).json()["empty"] == [0, 2]
