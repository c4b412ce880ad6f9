"""Counts of character n-grams against scikit-learn's `char_wb`."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from bakeoff.data.words import tokenize
from bakeoff.methods.linear.characters import learn_character_ngrams
from tests.methods.linear.ngram_names import character_ngrams

WORDS = st.lists(st.sampled_from(["a", "ab", "aba", "bbbb", "é", "好吃", "\U00020000"]), max_size=6).map(" ".join)


def counts_by_scikit_learn(training, texts, max_characters, min_df):
    """The n-grams and their counts, without the space alone; None where no n-gram is frequent enough."""
    vectorizer = CountVectorizer(analyzer="char_wb", ngram_range=(1, max_characters), min_df=min_df)
    try:
        vectorizer.fit(training)
    except ValueError:
        return None
    names = vectorizer.get_feature_names_out().tolist()
    kept = [column for column, name in enumerate(names) if name != " "]
    return [names[column] for column in kept], vectorizer.transform(texts).toarray()[:, kept].tolist()


def by_name(names, counts):
    order = np.argsort(np.array(names, dtype=object))
    return [names[column] for column in order], counts[:, order].tolist()


@settings(deadline=None)
@given(
    training=st.lists(WORDS, min_size=1, max_size=6),
    unseen=st.lists(WORDS, min_size=1, max_size=4),
    max_characters=st.integers(1, 6),
    min_df=st.integers(1, 3),
)
def test_counts_equal_scikit_learns(training, unseen, max_characters, min_df):
    vocabulary, counts = learn_character_ngrams(tokenize(training, "separate"), max_characters, min_df)
    expected = counts_by_scikit_learn(training, unseen, max_characters, min_df) if min_df <= len(training) else None

    if expected is None:
        assert vocabulary.size == 0
    else:
        names = character_ngrams(vocabulary)
        assert by_name(names, vocabulary.count(tokenize(unseen, "separate")).toarray()) == by_name(
            expected[0], np.array(expected[1])
        )
        assert np.array_equal(vocabulary.count(tokenize(training, "separate")).toarray(), counts.toarray())


def test_two_words_of_one_text_make_an_ngram_no_more_frequent_than_one():
    """Both hold it, but only one text does."""
    training = tokenize(["film films", "dull"], "separate")

    frequent, _ = learn_character_ngrams(training, 3, 2)
    every, _ = learn_character_ngrams(training, 3, 1)

    assert "fil" in character_ngrams(every)
    assert character_ngrams(frequent) == ["l"]
