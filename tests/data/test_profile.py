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
BITS = [n % 2 for n in range(ROWS)]
FLAGS = [n % 2 == 0 for n in range(ROWS)]
WORDS = [("Yes", "no")[n % 2] for n in range(ROWS)]
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
        ({"y": TEXTS, "length": STARS, "x": KINDS}, (["y"], "x", None)),
        ({"text": TEXTS, "label": NUMBERS, "kind": KINDS}, (["text"], "kind", None)),
        ({"a": ["这部电影太无聊了浪费时间"] * ROWS, "b": KINDS}, (["a"], "b", None)),
        ({"a": ["หนังเรื่องนี้น่าเบื่อมากครับ"] * ROWS, "b": KINDS}, (["a"], "b", None)),
        ({"a": [text.split() for text in TEXTS], "b": [[kind] for kind in KINDS]}, (["a"], "b", None)),
        ({"text": TEXTS, "a": BITS, "b": BITS}, (["text"], ["a", "b"], None)),
        ({"text": TEXTS, "a": FLAGS, "b": WORDS, "c": BITS}, (["text"], ["a", "b", "c"], None)),
        ({"text": TEXTS, "a": FLAGS, "b": WORDS, "x": KINDS}, (["text"], "x", None)),
        ({"text": TEXTS, "labels": [["a", "b"]] * ROWS}, (["text"], "labels", None)),
        ({"text": TEXTS, "x": [["a"], ["a", "b"]] * 20}, (["text"], "x", None)),
        ({"text": TEXTS, "kind": ["a", "b", "a,b", "b"] * 10}, (["text"], "kind", None, ",")),
        ({"data": [{"text": t, "k": k} for t, k in zip(TEXTS, KINDS, strict=True)]}, (["data.text"], "data.k", None)),
    ],
)
def test_guesses(columns, expected):
    assert roles(columns) == ColumnRoles(*expected)


def test_every_column_of_a_wide_table_is_seen():
    topics = {f"topic{n:02}": BITS for n in range(60)}
    numbers = {f"number{n:02}": NUMBERS for n in range(45)}

    assert roles({"text": TEXTS, **topics}).label == list(topics)
    assert roles({"data": [{"text": text, **dict.fromkeys(topics, n % 2)} for n, text in enumerate(TEXTS)]}).label == [
        f"data.{name}" for name in topics
    ]
    assert roles({**numbers, "comment": TEXTS, "label": KINDS}) == ColumnRoles(["comment"], "label", None)


def test_messages_do_not_list_every_column_of_a_wide_table():
    with pytest.raises(UserError) as error:
        roles({f"number{n:02}": NUMBERS for n in range(60)})

    assert "number39, ..." in error.value.message


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
        ({"text": TEXTS, "price": [n // 4 + 0.5 for n in range(ROWS)]}, {"label": "price"}, "regression"),
        ({"text": TEXTS[:6], "label": KINDS[:6]}, {}, "6 rows with a label: too few"),
        ({"text": TEXTS, "label": KINDS}, {"label": "lable"}, "no column 'lable'; it has text, label"),
        ({"text": TEXTS, "label": KINDS}, {"text": ["body"]}, "no column 'body'; it has text, label"),
    ],
)
def test_refusals(columns, known, expected):
    with pytest.raises(UserError, match=expected) as caught:
        roles(columns, **known)

    assert caught.value.hint


@pytest.mark.parametrize("name", ["class {}", "{}"])
def test_a_named_label_may_have_many_classes(name):
    names = [name.format(n // 4) for n in range(1000)]
    columns = {"text": [f"something was said {n}" for n in range(1000)], "intent": names}

    assert roles(columns, label="intent").label == "intent"
    assert roles(columns).label is None


def test_the_reasons_are_said():
    assert roles({"text": TEXTS, "label": KINDS}).reasons == ["text: text, for its name", "label: label, for its name"]
    assert roles({"y": TEXTS, "z": STARS, "x": KINDS}).reasons == [
        "text: y, the column with the most words",
        "label: x, whose 3 values repeat, and no numbers",
    ]
    assert roles({"y": TEXTS, "x": KINDS}, text=["y"], label="x").reasons == []


def test_word_counts():
    assert word_counts(["a"] * 94 + ["a b c"] * 5 + ["a b c d e"]) == WordCounts(1, 3, 5)
    assert word_counts(["one  two\nthree"]) == WordCounts(3, 3, 3)
    assert word_counts(["这部电影太无聊了"] * 3) == WordCounts(8, 8, 8, "characters")
    assert word_counts(["a film 好"] * 3) == WordCounts(3, 3, 3, "words")
