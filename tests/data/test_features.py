"""Cells of other columns stay with their texts, whatever file and split they come from."""

from __future__ import annotations

import datetime
import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest

from bakeoff.data.cells import cell_of, label_of
from bakeoff.data.config import TableData
from bakeoff.data.row_texts import RowTexts, concatenated, picked, row_texts, with_columns
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError
from tests.command import refused


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def written(rows: list[dict], name: str = "table.jsonl") -> str:
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return name

    return written


def rows(count: int = 60, **columns) -> list[dict]:
    return [
        {"text": f"text number {row}", "label": ("good", "bad")[row % 2], "price": row, "author": f"a{row % 12}"}
        | {name: values[row % len(values)] for name, values in columns.items()}
        for row in range(count)
    ]


def data(table: str, features, **settings) -> TableData:
    return TableData(table=table, features=features, **settings)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (3, "3"),
        (3.0, "3"),
        ("3.0", "3"),
        (" 3 ", "3"),
        (0.1, "0.1"),
        (True, "True"),
        ("TRUE", "True"),
        ("de", "de"),
        ("", None),
        ("nan", None),
        (math.nan, None),
        (None, None),
        (math.inf, "inf"),
        (datetime.date(2024, 3, 1), "2024-03-01"),
        (datetime.datetime(2024, 3, 1, 9), "2024-03-01T09:00:00"),
    ],
)
def test_a_cell_is_one_text_however_a_file_stores_it(value, cell):
    assert cell_of(value) == cell


def test_the_missing_value_of_pandas_is_missing():
    assert cell_of(pd.NA) is None
    assert label_of(pd.NA) is None
    assert cell_of("<NA>") == "<NA>"


@pytest.mark.parametrize("split", [{}, {"folds": 3}, {"group": "author"}, {"time": "price"}])
def test_every_text_keeps_its_cells(write, split):
    table, report = prepare_table(data(write(rows()), ["price"], split=split), seed=1)

    for part in [table, *table.folds]:
        for texts in (part.train, part.validation, part.test):
            assert isinstance(texts.texts, RowTexts)
            assert [f"text number {price}" for price in texts.texts.columns["price"]] == list(texts.texts)
    assert table.features == report.features == ["price"]


def test_parts_of_a_learning_curve_keep_them(write):
    table, _ = prepare_table(data(write(rows()), "price"), seed=1, shares=[0.5])

    (part,) = table.parts
    assert [f"text number {price}" for price in part.texts.columns["price"]] == list(part.texts)


def test_files_of_their_own(write):
    for name in ("train", "validation", "test"):
        write([row | {"text": f"{name} {row['text']}"} for row in rows(20)], f"{name}.jsonl")
    files = {name: f"{name}.jsonl" for name in ("train", "validation", "test")}

    table, _ = prepare_table(TableData(**files, features=["price", "author"]), seed=1)
    assert table.test.texts.columns["price"][0] == table.test.texts[0].rpartition(" ")[2]

    write([{"text": "a text", "label": "good", "Price": 1}] * 5, "test.jsonl")
    with pytest.raises(UserError, match="has no column 'price'") as caught:
        prepare_table(TableData(**files, features=["price"]), seed=1)
    assert "Is it 'Price' there?" in caught.value.hint


def test_dotted_paths(write):
    nested = [row | {"more": {"price": row["price"]}} for row in rows()]

    table, _ = prepare_table(data(write(nested), ["more.price"]), seed=1)
    assert table.train.texts.columns["more.price"][0] == table.train.texts[0].split()[-1]


def test_splits_are_the_same_and_the_fingerprint_is_not(write):
    name = write(rows())
    with_them, its = prepare_table(data(name, ["price"]), seed=1)
    without, report = prepare_table(data(name, None), seed=1)

    assert with_them.train.ids == without.train.ids
    assert with_them.test.ids == without.test.ids
    assert isinstance(without.train.texts, list)
    assert its.fingerprint != report.fingerprint
    assert [part.fingerprint for part in its.splits] == [part.fingerprint for part in report.splits], "to be compared"


def test_cells_of_out_of_scope_rows_count(write):
    values = rows(90, label=("good", "bad", "oos"))
    changed = [row | {"price": 5 if row["label"] == "oos" else row["price"]} for row in values]

    one, other = (
        prepare_table(data(write(given), ["price"], out_of_scope="oos"), seed=1)[1] for given in (values, changed)
    )

    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("features", "settings", "said"),
    [
        (["prise"], {}, "has no column 'prise'.*Did you mean 'price'.*data.features"),
        (["text"], {}, "'text' is the column of data.text"),
        (["label"], {}, "'label' is the column of data.label"),
        (["author"], {"split": {"group": "author"}}, "'author' is the column of data.split.group"),
        (["tags"], {}, r"column 'tags' of data.features holds a list: \['x'\]"),
        (["empty"], {}, "column 'empty' of data.features is empty in every row"),
    ],
)
def test_columns_that_cannot_be_read_are_refused(write, features, settings, said):
    table = write(rows(tags=[["x"]], empty=[None, ""]))
    with pytest.raises(UserError) as caught:
        prepare_table(data(table, features, **settings), seed=1)
    assert re.search(said, f"{caught.value.message} {caught.value.hint}")


def test_a_run_refuses_them_in_a_sentence(write):
    Path("my.yaml").write_text(
        f"task: classification\ndata: {{table: {write(rows())}, features: [prise]}}\ncontestants: {{linear: {{}}}}\n"
    )
    assert "Did you mean 'price'?" in refused("run", "my.yaml")


def test_what_is_missing_and_what_is_copied_is_counted(write):
    table = [*rows(price=[None, 1, 2]), *[row | {"price": 99} for row in rows(3)]]

    _, report = prepare_table(data(write(table), ["price"]), seed=1)

    assert "20 rows have no value in column 'price'." in report.notes
    copies = "3 texts occur more than once with different features: such rows count as duplicates, and stay together."
    assert copies in report.notes


def test_row_texts_are_a_sequence_of_strings():
    texts = row_texts(["a", "b", "c"], {"n": [1, 2.0, None]})

    assert list(texts) == ["a", "b", "c"]
    assert texts[1:].columns == {"n": ["2", None]}
    assert picked(texts, [2, 0]).columns == {"n": [None, "1"]}
    assert picked(["a", "b"], [1]) == ["b"]
    assert concatenated([texts, texts[:1]]).columns == {"n": ["1", "2", None, "1"]}
    assert with_columns(["a"], ["n"]).columns == {"n": [None]}
    assert with_columns(texts, ["n", "m"]).columns == {"n": ["1", "2", None], "m": [None] * 3}
    with pytest.raises(ValueError, match="2 values of 'n' for 1 texts"):
        row_texts(["a"], {"n": [1, 2]})
