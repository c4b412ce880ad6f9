"""How a linear part is fitted."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bakeoff.data.types import LabeledTexts
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import LinearModel
from bakeoff.methods.linear_part import fitting
from bakeoff.methods.linear_part.evidence import evidence_size
from bakeoff.methods.linear_part.fitting import fit_linear_part
from tests.methods.small_data import small_table

TABLE = small_table(classes=3)
LINEAR = LinearConfig(ngrams="words", min_document_frequency=1)


def test_no_training_text_is_judged_by_a_model_that_has_seen_it(monkeypatch):
    """Seen by its n-grams of one text each: every text has a word of its own."""
    own_words = [f"own{row}" for row in range(len(TABLE.train))]
    texts = [f"{text} {word}" for text, word in zip(TABLE.train.texts, own_words, strict=True)]
    seen, evaluated = [], []
    answers = fitting._answers

    def watched_answers(model, texts):
        seen.append(set(model.ngrams.words.words))
        evaluated.append({texts.words[number] for number in texts.ids})
        return answers(model, texts)

    monkeypatch.setattr(fitting, "_answers", watched_answers)
    part = fit_linear_part(LabeledTexts(TABLE.train.ids, texts, TABLE.train.labels), LINEAR, seed=1)

    for known, words in zip(seen, evaluated, strict=True):
        own = words & set(own_words)
        assert own
        assert not own & known
        assert own | known >= set(own_words), "and it was fitted on all the others"
    assert set.union(*evaluated) >= set(own_words), "each text was evaluated"
    assert set(part.model.ngrams.words.words) >= set(own_words), "the one that is kept has seen all"
    assert part.training.logits.shape == (len(texts), 3)
    assert part.training.evidence.shape == (len(texts), evidence_size(LINEAR, classes=3))


def test_the_kept_model_is_as_sure_of_itself_as_the_others_should_have_been():
    part = fit_linear_part(TABLE.train, LINEAR, seed=1)
    plain = LinearModel.fit(TABLE.train.texts, TABLE.train.labels, LINEAR)

    scores = [np.log(each.probabilities(TABLE.test.texts)) for each in (plain, part.model)]

    ratios = [(score[:, 0] - score[:, 1]) for score in scores]
    assert ratios[0] / ratios[1] == pytest.approx(np.full(len(TABLE.test), ratios[0][0] / ratios[1][0]))


def test_a_rare_class_does_not_take_training_texts_from_the_others(monkeypatch):
    """Two texts of it are seen by all five models but two, each of which sees one of them."""
    rows = [*(row for row, label in enumerate(TABLE.train.labels) if label != 2), 2, 5]
    labels = [TABLE.train.labels[row] for row in rows]
    rare = LabeledTexts([TABLE.train.ids[row] for row in rows], [TABLE.train.texts[row] for row in rows], labels)
    seen, fit = [], LinearModel.fit_tokenized

    def watched_fit(texts, labels, settings):
        seen.append(Counter(labels))
        return fit(texts, labels, settings)

    monkeypatch.setattr(LinearModel, "fit_tokenized", watched_fit)
    fit_linear_part(rare, LINEAR, seed=1)

    *unseen, whole = seen
    assert len(unseen) == 5
    assert all(each.total() >= 0.75 * whole.total() for each in unseen)
    assert sorted(each[2] for each in unseen) == [1, 1, 2, 2, 2]
