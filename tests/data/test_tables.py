"""From a table to three splits, and the report about it."""

from __future__ import annotations

import csv
import json
from collections import Counter

import pytest

from bakeoff.data.cells import labels_of
from bakeoff.data.config import TableData
from bakeoff.data.splitting import folded
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError


def splits_of(split):
    return {"train": split.train, "validation": split.validation, "test": split.test}


@pytest.fixture
def table(tmp_path):
    """Write rows as .jsonl and return the config's `data` for them."""

    def write(values: list[dict], /, **settings) -> TableData:
        file = tmp_path / "table.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in values))
        return TableData(table=str(file), **settings)

    return write


def rows(count: int, **further) -> list[dict]:
    return [{"text": f"text number {n}", "label": ("good", "bad")[n % 2], **further} for n in range(count)]


def test_the_packaged_sentences():
    split, report = prepare_table(TableData(table="sentence-polarity"), seed=12)

    assert split.label_names == ["negative", "positive"]
    assert {name: len(part) for name, part in splits_of(split).items()} == {
        "train": 7464,
        "validation": 1066,
        "test": 2132,
    }
    assert sum((Counter(part.labels) for part in report.splits), Counter()) == {"negative": 5331, "positive": 5331}
    texts = [{folded(text) for text in part.texts} for part in splits_of(split).values()]
    assert len(texts[0] | texts[1] | texts[2]) == sum(map(len, texts))
    assert "effective but too-tepid biopic" in texts[0] | texts[1] | texts[2]


def test_texts_keep_their_labels_and_names(table):
    split, _ = prepare_table(table(rows(50)), seed=3)

    for part in splits_of(split).values():
        for name, text, label in zip(part.ids, part.texts, part.labels, strict=True):
            number = int(text.split()[-1])
            assert name == str(number + 1)
            assert split.label_names[label] == ("good", "bad")[number % 2]


def test_own_ids_are_kept_unless_one_occurs_twice(table):
    named = [{"id": f"row-{number}", **row} for number, row in enumerate(rows(20))]
    split, _ = prepare_table(table(named), seed=3)
    assert {name for part in splits_of(split).values() for name in part.ids} == {f"row-{n}" for n in range(20)}

    named[3]["id"] = "\ud83d"  # half of a surrogate pair, which no file can hold
    split, _ = prepare_table(table(named), seed=3)
    assert {name for part in splits_of(split).values() for name in part.ids} == {str(n) for n in range(1, 21)}
    named[3]["id"] = "row-4"
    split, _ = prepare_table(table(named), seed=3)
    assert {name for part in splits_of(split).values() for name in part.ids} == {str(n) for n in range(1, 21)}


def test_the_seed_determines_the_split_and_the_fingerprint(table):
    data = table(rows(60))
    first, report = prepare_table(data, seed=1)
    again, same = prepare_table(data, seed=1)
    other, different = prepare_table(data, seed=2)

    assert first == again
    assert first != other
    assert report.fingerprint == same.fingerprint != different.fingerprint
    changed = rows(60)
    changed[7]["label"] = "good"
    assert prepare_table(table(changed), seed=1)[1].fingerprint != report.fingerprint


def test_identical_texts_stay_together_and_are_counted(table):
    copies = [{"text": f"  text number {n % 10}\n", "label": ("good", "bad")[n % 2]} for n in range(20)]

    split, report = prepare_table(table(rows(40) + copies), seed=5)

    texts = [{folded(text) for text in part.texts} for part in splits_of(split).values()]
    assert sum(map(len, texts)) == 40
    assert report.duplicate_texts == 30
    assert report.across_splits == 0


def test_rows_that_cannot_be_used_are_counted_and_skipped(table):
    unusable = [
        {"text": "", "label": "good"},
        {"text": " \n", "label": "good"},
        {"label": "good"},
        {"text": float("nan"), "label": "good"},
        {"text": "half of a pair \ud800", "label": "bad"},
        {"text": "no label", "label": None},
        {"text": "no label", "label": ""},
        {"text": "no label", "label": float("nan")},
        {"text": "no label", "label": "NaN"},
    ]

    split, report = prepare_table(table(rows(20) + unusable), seed=1)

    assert report.skipped == {"the text is empty or missing": 5, "the label is missing": 4}
    assert sum(len(part) for part in splits_of(split).values()) == 20


def test_numbers_are_labels_too(table):
    numbered = [{"text": str(n), "label": [1.0, 0, True][n % 3]} for n in range(30)]

    assert prepare_table(table(numbered), seed=1)[0].label_names == ["0", "1", "True"]


def test_a_sample_of_the_rows(table):
    split, report = prepare_table(table(rows(200), rows=50), seed=1)

    assert [len(part) for part in splits_of(split).values()] == [35, 5, 10]
    assert report.notes == ["A random sample of 50 of 200 rows is used."]


@pytest.mark.parametrize(
    ("header", "text", "label"),
    [("Review,Sentiment", None, None), ("a,b", "a", "b"), ("text,label", "text", "label")],
)
def test_columns_are_guessed_or_named(tmp_path, header, text, label):
    file = tmp_path / "reviews.csv"
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([header.split(","), *((row["text"], row["label"]) for row in rows(20))])

    split, _ = prepare_table(TableData(table=str(file), text=text, label=label), seed=1)

    assert split.label_names == ["bad", "good"]


def test_given_splits_are_kept_and_leakage_is_reported(table):
    given = [
        *rows(20, split="train"),
        *({**row, "text": row["text"] + "!"} for row in rows(6, split="dev")),
        *rows(2, split="test"),
    ]

    split, report = prepare_table(table(given, split={"column": "split"}), seed=1)

    assert [len(part) for part in splits_of(split).values()] == [20, 6, 2]
    assert sorted(split.test.texts) == ["text number 0", "text number 1"]
    assert report.across_splits == 2
    assert report.split_seed is None
    assert "Leakage: 2 texts occur in more than one split" in report.notes[0]


def test_validation_comes_from_train_where_the_column_names_none(table):
    given = [*rows(40, split="train"), *({**row, "text": row["text"] + "!"} for row in rows(10, split="test"))]

    split, _ = prepare_table(table(given, split={"column": "split"}), seed=1)

    assert [len(part) for part in splits_of(split).values()] == [35, 5, 10]
    assert all(text.endswith("!") for text in split.test.texts)
    assert not any(text.endswith("!") for text in split.train.texts + split.validation.texts)


@pytest.mark.parametrize(
    ("values", "settings", "expected"),
    [
        (rows(20), {"text": "body"}, "no column 'body'; it has text, label"),
        (rows(20), {"split": {"column": "fold"}}, "no column 'fold'; it has text, label"),
        ([{"words": "a", "kind": "b"}], {}, r"usual name for texts; its columns are words, kind"),
        ([{"text": "a", "kind": "b"}], {}, r"usual name for labels(.|\n)*--set data.label=NAME"),
        ([{"text": str(n), "label": "good"} for n in range(9)], {}, "one class only: every label is 'good'"),
        ([*rows(20), {"text": {"a": 1}, "label": "good"}], {}, r"row 21: the text in column 'text' is an object: {'a'"),
        (
            [*rows(20), {"text": [1], "label": "good"}],
            {},
            "row 21: the text in column 'text' is a list of other things",
        ),
        (
            [*rows(20), {"text": "x", "label": ["a", "b"]}],
            {},
            "row 1: column 'label' holds 'good', and lists of labels in other rows",
        ),
        (
            [*rows(20), *({**row, "label": "bad, good"} for row in rows(4))],
            {},
            "'bad, good' in column 'label' is several",
        ),
        ([{"text": f"t{n % 2}", "label": "ab"[n % 2]} for n in range(30)], {}, "no class with three different texts"),
        (
            [{"text": "", "label": "good"}, {"text": "a"}],
            {},
            "no rows that can be used: the text is empty or missing in 1",
        ),
        (rows(20, split="left"), {"split": {"column": "split"}}, "column 'split' holds 'left'"),
        (rows(20, split="train"), {"split": {"column": "split"}}, "no row belongs to the split 'test'"),
        (
            [*rows(9, split="train"), {"text": "x", "label": "new", "split": "test"}],
            {"split": {"column": "split"}},
            "'new'",
        ),
        (rows(20), {"rows": 4}, "(one class only. Set aside|no class with three different texts)"),
    ],
)
def test_wrong_tables_are_refused(table, values, settings, expected):
    with pytest.raises(UserError, match=expected) as caught:
        prepare_table(table(values, **settings), seed=1)

    assert caught.value.hint


def test_several_columns_are_one_text(table):
    values = [{"title": f"Title {n}" if n % 2 else "", "body": f"body {n}", "label": "ab"[n % 2]} for n in range(20)]
    values.append({"title": " ", "body": None, "label": "a"})

    split, report = prepare_table(table(values, text=["title", "body"]), seed=1)

    texts = {text for part in splits_of(split).values() for text in part.texts}
    assert texts == {f"Title {n}\n\nbody {n}" if n % 2 else f"body {n}" for n in range(20)}
    assert report.skipped == {"the text is empty or missing": 1}
    with pytest.raises(UserError, match="no column 'bodi'") as caught:
        prepare_table(table(values, text=["title", "bodi"]), seed=1)
    assert "Did you mean 'body'?" in caught.value.hint


def test_labels_that_python_takes_for_equal_keep_their_names():
    names, notes = labels_of([1, True, "1", 1.0, 1, True])

    assert names == ["1", "True", "1", "1", "1", "True"]
    assert notes == ["One class, however its label is written: '1' is also written '1.0' (1 row)."]


def test_labels_of_any_kind(table):
    labels = ["sehr gut", "Pos", "pos", "日本語", "<script>", True, 2, 2.5, "a\x1b[31m"]
    values = [{"text": f"text {n}", "label": labels[n % 9]} for n in range(90)]
    values += [{"text": "half a pair", "label": "\ud800"}, {"text": "spaces", "label": " pos\n"}]

    split, report = prepare_table(table(values), seed=1)

    assert split.label_names == sorted(map(str, labels))
    assert report.skipped == {"the label is missing": 1}
    assert report.notes == [
        "One class, however its label is written: 'pos' is also written ' pos\\n' (1 row).",
        "The labels 'Pos' and 'pos' differ only in case or white space; each is a class of its own.",
    ]
