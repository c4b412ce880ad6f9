"""Columns are recognized by their names and contents."""

from __future__ import annotations

import pytest

from bakeoff.data.profile import ColumnRoles, WordCounts, guess_columns, word_counts
from bakeoff.data.raw_tables import RawTable
from bakeoff.errors import UserError

ROWS = 40
TEXTS = [f"something was said here about number {n}" for n in range(ROWS)]
TITLES = [f"on number {n}" for n in range(ROWS)]
KINDS = [("spam", "ham", "jam")[n % 3] for n in range(ROWS)]
STARS = [n % 5 + 1 for n in range(ROWS)]
SPLITS = [("train", "train", "dev", "test")[n % 4] for n in range(ROWS)]
NUMBERS = [n / 7 for n in range(ROWS)]


def roles(columns: dict[str, list], **known) -> ColumnRoles:
    return guess_columns(RawTable("some.csv", columns, {}), **known)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"text": TEXTS, "label": KINDS}, (["text"], "label", None)),
        ({"Review": TEXTS, "Sentiment": KINDS, "fold": SPLITS}, (["Review"], "Sentiment", "fold")),
        ({"id": KINDS, "a": TITLES, "b": TEXTS, "c": KINDS, "d": NUMBERS}, (["b"], "c", None)),
        ({"title": TITLES, "body": TEXTS, "stars": STARS}, (["body"], "stars", None)),
        ({"title": TITLES, "words": TEXTS, "yes": [n % 2 == 0 for n in range(ROWS)]}, (["title"], "yes", None)),
        ({"x": KINDS, "y": TEXTS, "z": STARS}, (["y"], "x", None)),
        ({"text": TEXTS, "number": NUMBERS}, (["text"], None, None)),
        ({"text": TEXTS, "same": ["one"] * ROWS}, (["text"], None, None)),
        ({"text": TEXTS, "split": SPLITS}, (["text"], None, "split")),
    ],
)
def test_guesses(columns, expected):
    assert roles(columns) == ColumnRoles(*expected)


def test_known_columns_are_not_guessed():
    columns = {"title": TITLES, "body": TEXTS, "stars": STARS, "kind": KINDS}

    assert roles(columns, text=["title", "body"], label="kind") == ColumnRoles(["title", "body"], "kind", None)


@pytest.mark.parametrize(
    ("columns", "known", "expected"),
    [
        ({"a": NUMBERS, "label": KINDS}, {}, "no column of texts"),
        ({"text": TEXTS, "label": ["one"] * ROWS}, {}, "one class only"),
        ({"text": TEXTS, "rating": NUMBERS}, {}, "40 different values in 40 rows.*regression"),
        ({"text": TEXTS, "who": TITLES}, {"label": "who"}, r"too many to be classes\.\n"),
        ({"text": TEXTS[:6], "label": KINDS[:6]}, {}, "6 rows with a label: too few"),
        ({"text": TEXTS, "label": KINDS}, {"label": "lable"}, "no column 'lable'; it has text, label"),
        ({"text": TEXTS, "label": KINDS}, {"text": ["body"]}, "no column 'body'; it has text, label"),
    ],
)
def test_refusals(columns, known, expected):
    with pytest.raises(UserError, match=expected) as caught:
        roles(columns, **known)

    assert caught.value.hint


def test_word_counts():
    assert word_counts(["a"] * 94 + ["a b c"] * 5 + ["a b c d e"]) == WordCounts(1, 3, 5)
    assert word_counts(["one  two\nthree"]) == WordCounts(3, 3, 3)
