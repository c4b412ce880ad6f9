"""Several labels of one text: every form they are written in, what is refused, and how they are split."""

from __future__ import annotations

import csv
import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bakeoff.data.config import TableData
from bakeoff.data.label_stratification import split_by_label_sets
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError
from tests.data.spreadsheets import xlsx

LABELS = ["news", "sport", "war"]
SETS = [[label for bit, label in enumerate(LABELS) if row >> bit & 1] for row in range(8)] * 10


def text(row: int) -> str:
    chance = random.Random(row)
    return " ".join(chance.choices(["sun", "moon", "sea", "hill", "tree", "bird", "road", "lake"], k=12)) + f" {row}"


@pytest.fixture
def write(tmp_path):
    """Write a table of texts and further columns, as JSON lines or CSV, and return its path."""

    def written(columns: dict[str, list], ending: str = "jsonl") -> str:
        table = {"text": [text(row) for row in range(len(next(iter(columns.values()))))], **columns}
        rows = [dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True)]
        path = tmp_path / f"table.{ending}"
        with path.open("w", newline="") as file:
            if ending == "jsonl":
                file.writelines(json.dumps(row) + "\n" for row in rows)
            else:
                writer = csv.DictWriter(file, list(table))
                writer.writeheader()
                writer.writerows(rows)
        return str(path)

    return written


def bits(label: str) -> list[int]:
    return [int(label in labels) for labels in SETS]


def found(path: str, **data) -> dict[str, list[str]]:
    """Return the labels of every text in all splits."""
    table, _ = prepare_table(TableData(table=path, **data), 3)
    assert table.multilabel
    parts = [table.train, table.validation, table.test]
    return {
        text: [name for name, has in zip(table.label_names, row, strict=True) if has]
        for part in parts
        for text, row in zip(part.texts, part.sets, strict=True)
    }


def test_every_form_gives_the_same_labels(write):
    expected = {text(row): labels for row, labels in enumerate(SETS)}
    shares = {label: [0.7 if bit else 0.2 for bit in bits(label)] for label in LABELS}

    assert found(write({"labels": SETS})) == expected
    joined = {"tags": [" ; ".join(labels) for labels in SETS]}
    assert found(write(joined, "csv"), label="tags", labels={"separator": ";"}) == expected
    assert found(write({"labels": [str(labels) for labels in SETS]}, "csv")) == expected
    assert found(write({"labels": [json.dumps(labels) for labels in SETS]}, "csv")) == expected
    assert found(write({label: bits(label) for label in LABELS}, "csv"), label=LABELS) == expected
    assert found(write({"labels": [str(np.array(labels)) for labels in SETS]}, "csv")) == expected
    words = {label: ["yes" if bit else "False" for bit in bits(label)] for label in LABELS}
    assert found(write(words), label=LABELS) == expected
    assert found(write(shares), label=LABELS) == expected
    assert found(write(shares), label=LABELS, labels={"threshold": 0.7}) == expected


def test_an_empty_cell_means_that_no_label_applies(write, tmp_path):
    expected = {text(row): labels for row, labels in enumerate(SETS)}
    assert not all(expected.values())

    assert found(write({"labels": [str(labels) if labels else "" for labels in SETS]}, "csv")) == expected
    pytest.importorskip("python_calamine")
    sheet = [("text", "tags"), *((text(row), ";".join(labels) or None) for row, labels in enumerate(SETS))]
    (tmp_path / "table.xlsx").write_bytes(xlsx({"Sheet": sheet}))
    assert found(str(tmp_path / "table.xlsx"), label="tags", labels={"separator": ";"}) == expected


def test_arrays_of_numpy_spelled_out(write):
    table, _ = prepare_table(TableData(table=write({"labels": ["[27]", "[0 3]", "[3]", "[0]"] * 20}, "csv")), 3)
    assert table.multilabel
    assert table.label_names == ["0", "27", "3"]

    quoted = {"labels": ["[\"it's\" 'a, b'\n 'c']", "['c']", '["it\'s"]', "['a, b']"] * 20}
    table, _ = prepare_table(TableData(table=write(quoted, "csv")), 3)
    assert table.label_names == ["a, b", "c", "it's"]


@pytest.mark.parametrize("spell", [str, json.dumps, lambda labels: str(np.array(labels))])
def test_spelled_out_lists_of_one_label_each_are_that_label(write, spell):
    table, report = prepare_table(
        TableData(table=write({"labels": [spell([LABELS[row % 3]]) for row in range(60)]}, "csv")), 3
    )

    assert not table.multilabel
    assert table.label_names == LABELS
    assert not any("written" in note for note in report.notes)


def test_classes_in_brackets_are_no_lists(write):
    table, _ = prepare_table(TableData(table=write({"label": ["[spam]", "[ham]"] * 20}, "csv")), 3)

    assert table.label_names == ["[ham]", "[spam]"]


def test_labels_that_are_numbers_have_one_name_and_columns_keep_their_order(write):
    table, _ = prepare_table(TableData(table=write({"labels": [[1, "2.0"], ["1.0"], [2, 3.0], [3]] * 20})), 3)
    assert table.label_names == ["1", "2", "3"]

    columns = {label: bits(label) for label in LABELS}
    table, report = prepare_table(TableData(table=write(columns), label=["war", "news", "sport"]), 3)
    assert table.label_names == ["war", "news", "sport"]
    assert report.multilabel
    assert report.splits[0].labels == dict(zip(table.label_names, table.train.sets.sum(axis=0).tolist(), strict=True))
    assert any("10 rows have no label" in note for note in report.notes)


def test_rows_whose_labels_are_not_known_are_left_out(write):
    sets = [None if row < 5 else labels for row, labels in enumerate(SETS)]
    assert set(found(write({"labels": sets}))) == {text(row) for row in range(5, len(SETS))}

    columns = {label: [-1] * 4 + bits(label)[4:] for label in LABELS}
    columns["war"][9] = ""
    known = found(write(columns, "csv"), label=LABELS, unlabeled="-1")
    assert set(known) == {text(row) for row in range(4, len(SETS)) if row != 9}


def test_labels_that_cannot_be_learned_are_left_out_and_named(write):
    sets = [[*labels, *["rare"] * (row in (0, 3)), "always"] for row, labels in enumerate(SETS)]

    table, report = prepare_table(TableData(table=write({"labels": sets})), 3)

    assert table.label_names == LABELS
    assert len(table.train) + len(table.validation) + len(table.test) == len(SETS)
    assert any("fewer than three different texts have: 'rare' (1 in all)" in note for note in report.notes)
    assert any("no training text has, or all: 'always' (1 in all)" in note for note in report.notes)


def test_labels_that_exclude_each_other_get_a_note(write):
    columns = {"a": [1, 0] * 30, "b": [0, 1] * 30}
    _, report = prepare_table(TableData(table=write(columns), label=["a", "b"]), 3)
    assert any(note.startswith("Every text has exactly one label.") for note in report.notes)


@pytest.mark.parametrize(
    ("columns", "data", "expected"),
    [
        ({"a": [0, 1] * 20, "b": [0, 2] * 20}, {"label": ["a", "b"]}, "row 2: column 'b' holds '2'"),
        ({"a": [0, 1] * 20, "b": ["x", "y"] * 20}, {"label": ["a", "b"]}, "row 1: column 'b' holds 'x'"),
        ({"a": [0, 1] * 20}, {"label": ["a", "c"]}, "no column 'c'"),
        ({"labels": ["a|b", "b"] * 20}, {"labels": {"separator": ","}}, "no cell of column 'labels' has labels separ"),
        ({"labels": ["a|b", "b", "a"] * 20}, {}, r"row 1: the label 'a\|b'(.|\n)*data.labels.separator=\"\|\""),
        ({"labels": [["a", "b"], "b"] * 20}, {}, "row 2: column 'labels' holds 'b', and lists of labels in other rows"),
        ({"labels": ["['a']", "[a, b]"] * 20}, {}, r"row 2: column 'labels' holds '\[a, b\]', and lists of labels"),
        ({"labels": [["a", ["b"]], ["b"]] * 20}, {}, "row 1: the labels in column 'labels' are"),
        ({"labels": [["a", "b"], ["b"], ["?"]] * 20}, {"unlabeled": "-"}, "data.unlabeled: no row of .* the label '-'"),
        ({"a": [0, 1] * 20, "b": [1, 0] * 20}, {"label": ["a", "b"], "unlabeled": "-1"}, "has the label '-1'"),
        ({"labels": [["a", "b"], ["b"]] * 20}, {}, r"1 label that can be learned: 'a'"),
        ({"labels": [{"a": 1}] * 20}, {}, "row 1: the label in column 'labels' is"),
    ],
)
def test_wrong_labels_are_refused(write, columns, data, expected):
    with pytest.raises(UserError, match=expected) as caught:
        prepare_table(TableData(table=write(columns), **data), 3)
    assert caught.value.hint


def test_wrong_configs_are_refused():
    with pytest.raises(ValidationError, match="two columns or more; for one column: label: a"):
        TableData(table="x.csv", label=["a"])
    with pytest.raises(ValidationError, match="is for one column of labels"):
        TableData(table="x.csv", label=["a", "b"], labels={"separator": ","})


def test_every_label_has_its_share_in_every_split(write):
    chance = np.random.default_rng(0)
    shares = [0.4, 0.2, 0.05, 0.02]
    sets = [[f"label {n}" for n, share in enumerate(shares) if chance.random() < share] for _ in range(1000)]

    for split in ({}, {"folds": 4}):
        table, _ = prepare_table(TableData(table=write({"labels": sets}), split=split), 3)
        counts = [sum(f"label {n}" in labels for labels in sets) for n in range(4)]
        parts = [(fold.test, 1 / 4) for fold in table.folds] or [(table.validation, 0.1), (table.test, 0.2)]
        for part, share in parts:
            assert len(part) == pytest.approx(1000 * share, abs=3)
            assert part.sets.sum(axis=0) == pytest.approx(np.array(counts) * share, abs=1.01)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.sets(st.integers(0, 4))), min_size=6, max_size=80), st.integers(0, 9))
def test_rows_that_belong_together_stay_together_and_all_rows_are_dealt_out(values, seed):
    keys, sets = np.array([key for key, _ in values]), [tuple(sorted(labels)) for _, labels in values]
    rows, sizes = list(range(len(values))), {"a": len(values) - len(values) // 3, "b": len(values) // 3}

    parts = split_by_label_sets(rows, keys, sets, sizes, np.random.default_rng(seed))

    assert sorted(row for part in parts.values() for row in part) == rows
    assert not {keys[row] for row in parts["a"]} & {keys[row] for row in parts["b"]}
    assert all(part == sorted(part) for part in parts.values())
    assert parts == split_by_label_sets(rows, keys, sets, sizes, np.random.default_rng(seed))
