"""An ensemble in a bake-off: what its members have answered, it does not ask again."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import bakeoff
from bakeoff.methods import saved
from bakeoff.methods.ensemble.model import Answered
from bakeoff.methods.linear.model import LinearModel

CONFIG = {
    "task": "classification",
    "data": {"table": "sentence-polarity", "rows": 200},
    "contestants": {
        "words": {"method": "linear", "ngrams": "words"},
        "characters": {"method": "linear", "ngrams": "words", "max_ngram": 1},
        "both": {"method": "ensemble", "members": ["words", "characters"]},
    },
}


@pytest.mark.parametrize("split", [{}, {"folds": 3}])
def test_members_answer_once_and_the_result_is_the_same(split, tmp_path, monkeypatch):
    config = {**CONFIG, "data": {**CONFIG["data"], "split": split}}
    asked: Counter[int] = Counter()
    probabilities = LinearModel.probabilities

    def counted(model, texts):
        asked[len(texts)] += 1
        return probabilities(model, texts)

    monkeypatch.setattr(LinearModel, "probabilities", counted)
    once = bakeoff.run(config, tmp_path / "once")
    many = {texts: count for texts, count in asked.items() if texts > 10}  # the rest are for marked words
    asked.clear()
    monkeypatch.setattr(Answered, "probabilities", lambda answered, texts: answered._model.probabilities(texts))
    again = bakeoff.run(config, tmp_path / "again")

    assert sum(many.values()) < sum(count for texts, count in asked.items() if texts > 10)
    for one, other in zip(once.results, again.results, strict=True):
        assert one.metrics == other.metrics
    weights = [(tmp_path / run / "contestants/both/model/weights.json").read_text() for run in ("once", "again")]
    assert weights[0] == weights[1]


def test_members_are_loaded_once(tmp_path, monkeypatch):
    loaded = []
    load = saved.load_text_model
    monkeypatch.setattr(saved, "load_text_model", lambda folder, *more: loaded.append(folder) or load(folder, *more))

    bakeoff.run(CONFIG, tmp_path / "run")

    copies = tmp_path / "run/contestants/both/model/members"
    assert sorted(loaded) == [copies / "characters", copies / "words"], "for words that are marked in its answers"


def test_other_texts_are_asked_for():
    class Model:
        parameters = 1

        def probabilities(self, texts):
            return np.full((len(texts), 2), 0.5)

    texts, known = ["a", "b"], np.array([[0.9, 0.1], [0.2, 0.8]])
    member = Answered(Model, [(texts, known)])

    assert member.probabilities(texts) is known
    assert member.probabilities(["a", "b"]).tolist() == [[0.5, 0.5], [0.5, 0.5]]
