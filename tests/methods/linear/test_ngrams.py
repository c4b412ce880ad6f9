"""Counts of n-grams against scikit-learn's CountVectorizer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from bakeoff.data.words import tokenize
from bakeoff.methods.linear.ngrams import learn_ngrams
from tests.methods.linear.ngram_names import word_ngrams

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=8).map(" ".join)


def counts_by_scikit_learn(training, texts, max_ngram, min_df):
    """The names of the n-grams and their counts, or None where no n-gram is frequent enough."""
    vectorizer = CountVectorizer(ngram_range=(1, max_ngram), min_df=min_df, token_pattern=r"\S+")
    try:
        vectorizer.fit(training)
    except ValueError:
        return None
    return vectorizer.get_feature_names_out().tolist(), vectorizer.transform(texts).toarray()


def by_name(names, counts):
    """Columns in alphabetical order of their n-grams: both sides number them as they like."""
    order = np.argsort(names)
    return [names[column] for column in order], counts[:, order].tolist()


@settings(deadline=None)
@given(
    training=st.lists(WORDS, min_size=1, max_size=6),
    unseen=st.lists(WORDS, min_size=1, max_size=4),
    max_ngram=st.integers(1, 4),
    min_df=st.integers(1, 3),
)
def test_counts_equal_scikit_learns(training, unseen, max_ngram, min_df):
    vocabulary, counts = learn_ngrams(tokenize(training, "separate"), max_ngram, min_df)
    expected = counts_by_scikit_learn(training, unseen, max_ngram, min_df) if min_df <= len(training) else None

    if expected is None:
        assert vocabulary.size == 0
    else:
        found = vocabulary.count(tokenize(unseen, "separate")).toarray()
        assert by_name(word_ngrams(vocabulary), found) == by_name(*expected)
        assert np.array_equal(vocabulary.count(tokenize(training, "separate")).toarray(), counts.toarray())


def test_ngrams_do_not_reach_from_one_text_into_the_next():
    vocabulary, counts = learn_ngrams(tokenize(["good film", "film good"], "separate"), 2, 1)

    assert sorted(word_ngrams(vocabulary)) == ["film", "film good", "good", "good film"]
    assert counts.sum(axis=1).tolist() == [[3], [3]] or counts.sum(axis=1).tolist() == [3, 3]


@pytest.mark.parametrize("texts", [[], [""], ["unheard of"], ["", "good", ""]])
def test_texts_that_hold_nothing_known_have_a_row_of_their_own(texts):
    vocabulary, _ = learn_ngrams(tokenize(["good film", "dull film"], "separate"), 2, 1)

    assert vocabulary.count(tokenize(texts, "separate")).shape == (len(texts), vocabulary.size)
