"""How a linear model's evidence is spread over a text, against its score and against a sum by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from bakeoff.data.words import tokenize
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import PUNCTUATION, LinearModel
from bakeoff.methods.linear_part.evidence import evidence, evidence_size
from tests.methods.linear.ngram_names import word_ngrams
from tests.methods.small_data import small_table

TWO = LinearConfig(ngrams="words", max_ngram=2)
SHORT = "a fine plot ."
LONG = " ".join(["dull"] * 3 + ["the film"] * 40 + ["fine", "fine plot"])


def fitted(settings=TWO, classes=2):
    table = small_table(classes=classes)
    return LinearModel.fit(table.train.texts, table.train.labels, settings)


def evidence_of(model, texts):
    tokenized = tokenize(texts, PUNCTUATION)
    counts = model.ngrams.count(tokenized)
    return evidence(model, tokenized, counts, model.tfidf.transform(counts))


@pytest.mark.parametrize("texts", [[SHORT], [LONG], ["", SHORT, "unheard of"], small_table().test.texts])
def test_all_evidence_of_a_text_is_its_score(texts):
    model = fitted()

    found = evidence_of(model, texts)

    log_odds = np.diff(np.log(model.probabilities(texts)))[:, 0]
    singles, pairs, in_favor, against = found[:, :4].T
    assert singles + pairs + model.intercepts[0] == pytest.approx(log_odds)
    assert in_favor + against == pytest.approx(singles + pairs)
    assert (in_favor >= 0).all()
    assert (against <= 0).all()


def test_beginnings_and_ends_are_the_sums_over_their_ngrams():
    model = fitted()

    found = evidence_of(model, [LONG])[0, 4:]

    words = LONG.split()
    expected = [by_hand(model, words, part) for size in (10, 25, 50) for part in (words[:size], words[-size:])]
    assert found == pytest.approx(expected)
    assert found[0] < 0 < found[1], "it begins badly and ends well"


def by_hand(model, words, part):
    """What the n-grams inside a part of the words add to the score of all of them."""

    def ngrams(some):
        pairs = [" ".join(pair) for pair in pairwise(some)]
        return [ngram for ngram in some + pairs if ngram in columns]

    columns = {ngram: column for column, ngram in enumerate(word_ngrams(model.ngrams.words))}
    counts = {ngram: ngrams(words).count(ngram) for ngram in ngrams(words)}
    values = {ngram: (1 + np.log(count)) * model.tfidf.idf_[columns[ngram]] for ngram, count in counts.items()}
    norm = np.linalg.norm(list(values.values()))
    return sum(values[ngram] / norm / counts[ngram] * model.weights[0, columns[ngram]] for ngram in ngrams(part))


def test_a_text_shorter_than_its_beginnings_has_all_evidence_in_each():
    found = evidence_of(fitted(), [SHORT])[0]

    assert found[4:] == pytest.approx(np.full(6, found[:2].sum()))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("max_ngram", [1, 3])
@pytest.mark.parametrize("ngrams", ["words", "both"])
def test_each_class_has_its_own_but_of_two_only_the_second(classes, max_ngram, ngrams):
    settings = LinearConfig(ngrams=ngrams, max_ngram=max_ngram)

    found = evidence_of(fitted(settings, classes), [SHORT, LONG])

    assert found.shape == (2, evidence_size(settings, classes))
    assert found.shape[1] == (1 if classes == 2 else 3) * (max_ngram + (ngrams == "both") + 8)


@pytest.mark.parametrize(("ngrams", "groups"), [("both", 3), ("characters", 1)])
def test_character_ngrams_are_a_group_of_their_own(ngrams, groups):
    model = fitted(LinearConfig(ngrams=ngrams, max_ngram=2))

    found = evidence_of(model, [SHORT, LONG, ""])

    log_odds = np.diff(np.log(model.probabilities([SHORT, LONG, ""])))[:, 0]
    assert found[:, :groups].sum(axis=1) + model.intercepts[0] == pytest.approx(log_odds)
    assert found[0, groups + 2 :] == pytest.approx(np.full(6, found[0, :groups].sum())), "shorter than its beginnings"
