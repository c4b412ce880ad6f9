"""Tables from Python become the same Arrow table, whichever library holds them."""

from __future__ import annotations

from datetime import datetime

import datasets
import numpy as np
import pyarrow as pa
import pytest

from bakeoff.data.frames import is_splits, to_arrow
from bakeoff.errors import UserError

COLUMNS = {"text": ["a b", "c d", None], "label": ["x", "y", "x"], "stars": [1, 2, 3]}
ROWS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
EXPECTED = pa.table(COLUMNS)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(EXPECTED, id="Arrow"),
        pytest.param(EXPECTED.to_batches()[0], id="record batch"),
        pytest.param(ROWS, id="list of dicts"),
        pytest.param(tuple(ROWS), id="tuple of dicts"),
        pytest.param(COLUMNS, id="dict of lists"),
        pytest.param({**COLUMNS, "stars": np.array([1, 2, 3])}, id="dict with an array"),
        pytest.param(datasets.Dataset.from_dict(COLUMNS), id="dataset"),
        pytest.param(datasets.Dataset.from_dict(COLUMNS).to_iterable_dataset(), id="iterable dataset"),
    ],
)
def test_every_kind_gives_the_same_table(value):
    assert to_arrow(value, "data.table").to_pylist() == ROWS


def test_pandas():
    pandas = pytest.importorskip("pandas", reason="pandas is in the extra `benchmarks`")
    frame = pandas.DataFrame(COLUMNS)
    frame["day"] = pandas.to_datetime(["2024-01-01", None, "2024-01-03"])
    frame["kind"] = pandas.Categorical(["u", "v", "u"])
    frame["note"] = ["words", float("nan"), None]

    table = to_arrow(frame.sample(frac=1, random_state=1).sort_index(ascending=False), "data.table")

    assert table.column_names == ["text", "label", "stars", "day", "kind", "note"]  # and not the unnamed index
    assert table.column("text").to_pylist() == [None, "c d", "a b"]
    assert table.column("day").to_pylist() == [datetime(2024, 1, 3), None, datetime(2024, 1, 1)]
    assert table.column("kind").to_pylist() == ["u", "v", "u"]
    assert table.column("note").to_pylist() == [None, None, "words"]
    named = to_arrow(pandas.DataFrame(COLUMNS, index=pandas.Index(["i", "j", "k"], name="id")), "data.table")
    assert named.column("id").to_pylist() == ["i", "j", "k"]
    with pytest.raises(UserError, match=r"data\.table cannot be stored as a table: .*column label"):
        to_arrow(pandas.DataFrame({"text": ["a", "b"], "label": [1, "x"]}), "data.table")
    with pytest.raises(UserError, match="Duplicate column names"):
        to_arrow(pandas.DataFrame([["a", "b"]], columns=["text", "text"]), "data.table")


def test_polars():
    polars = pytest.importorskip("polars", reason="polars is not installed")

    table = to_arrow(polars.DataFrame(COLUMNS), "data.table")

    assert table.to_pylist() == ROWS
    assert pa.string_view() not in table.schema.types


def test_names_of_classes_and_chosen_rows_of_datasets():
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["negative", "positive"])}
    )
    dataset = datasets.Dataset.from_dict({"text": ["a", "b", "c", "d"], "label": [0, 1, -1, None]}, features=features)

    table = to_arrow(dataset.select([3, 2, 1, 0]), "data.table")

    assert table.to_pydict() == {"text": ["d", "c", "b", "a"], "label": [None, None, "positive", "negative"]}
    assert table.schema.metadata is None


def test_names_of_classes_in_lists():
    tags = datasets.Sequence(datasets.ClassLabel(names=["news", "war"]))
    features = datasets.Features({"text": datasets.Value("string"), "tags": tags})
    dataset = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "tags": [[0, 1], [], [1]]}, features=features)

    assert to_arrow(dataset, "data.table").to_pydict()["tags"] == [["news", "war"], [], ["war"]]


def test_rows_with_different_keys_have_gaps():
    assert to_arrow([{"text": "a"}, {"text": "b", "label": "x"}], "data.table").to_pydict() == {
        "text": ["a", "b"],
        "label": [None, "x"],
    }


def test_string_views_become_strings():
    views = pa.table({"text": pa.array(["a", "b"], pa.string_view())})

    assert to_arrow(views, "data.table").schema.types == [pa.large_string()]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", "b"], "data.table cannot be a list"),
        ({"text": "a"}, "data.table cannot be a dict"),
        ({"text": 5}, "data.table cannot be a dict"),
        (object(), "data.table cannot be a object"),
        (datasets.DatasetDict({"train": datasets.Dataset.from_dict(COLUMNS)}), "data.table cannot be a DatasetDict"),
        ([], "data.table has no rows"),
        (EXPECTED.slice(0, 0), "data.table has no rows"),
        ([{"text": "a", "label": 1}, {"text": "b", "label": "x"}], "column 'label': .*'x'"),
        ({"text": ["a", "b"], "label": ["x"]}, "the columns have different lengths"),
    ],
)
def test_what_is_no_table_is_refused(value, expected):
    with pytest.raises(UserError, match=expected) as caught:
        to_arrow(value, "data.table")

    assert caught.value.hint


def test_several_splits():
    dataset = datasets.Dataset.from_dict(COLUMNS)

    assert is_splits(datasets.DatasetDict({"train": dataset}))
    assert is_splits({"train": EXPECTED, "test": EXPECTED})
    assert not any(map(is_splits, (dataset, EXPECTED, COLUMNS, ROWS, {}, "a.csv")))
