"""Columns that `init` proposes, and columns that nearly give the label away."""

from __future__ import annotations

import dataclasses

import pytest

from bakeoff.data.row_texts import RowTexts
from bakeoff.methods.table_columns.leaks import leak_note, leaking_columns
from bakeoff.methods.table_columns.proposing import usable_columns
from tests.methods.small_data import small_label_table, small_table
from tests.methods.table_columns.small_rows import columns_are_noise, with_columns

ROWS = range(60)
COLUMNS = {
    "price": [f"{row * 7 % 13},{row % 10}5" for row in ROWS],
    "count": [row % 9 for row in ROWS],
    "country": ["de", "fr", "us"] * 20,
    "paid": [True, False] * 30,
    "half empty": [None, "a", "b", "a"] * 15,
    "id": list(ROWS),
    "row": [row * 3 + 1 for row in ROWS],
    "customer_id": [row % 7 for row in ROWS],
    "shopId": ["a", "b"] * 30,
    "remark": [f"a remark, number {row}" for row in ROWS],
    "author": [f"author {row // 2}" for row in ROWS],
    "day": [f"2024-03-{1 + row % 28:02}" for row in ROWS],
    "one": ["x"] * 60,
    "empty": [None] * 60,
    "nearly empty": [None] * 50 + [1, 2] * 5,
    "tags": [["a"], ["b", "c"]] * 30,
    "label": ["good", "bad"] * 30,
}


def test_names_of_rows_dates_free_text_and_constants_are_not_proposed():
    assert usable_columns(COLUMNS, ["label"]) == ["price", "count", "country", "paid", "half empty"]


@pytest.mark.parametrize("table", [small_table(), small_label_table()])
def test_a_column_that_knows_the_answer_is_found(table):
    assert leaking_columns(with_columns(table, telling=True))["country"] == 1
    assert leaking_columns(with_columns(table, telling=False)) == {}


def test_a_column_that_tells_much_but_not_all_is_no_leak():
    table = columns_are_noise()

    def often(part):
        cells = ["yes" if label == (row % 5 > 0) else "no" for row, label in enumerate(part.labels)]  # right in 80 %
        return dataclasses.replace(part, texts=RowTexts(part.texts.texts, {"hint": cells}))

    parts = {name: often(getattr(table, name)) for name in ("train", "validation", "test")}
    assert leaking_columns(dataclasses.replace(table, **parts)) == {}


def test_the_note_names_the_column():
    note = leak_note(("stars", 0.974))
    assert note.startswith("Column 'stars' alone nearly gives the label away (balanced accuracy 97.4% on")
