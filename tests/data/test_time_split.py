"""Train on the past, test on the latest rows, whatever the times look like."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data.config import TableData
from bakeoff.data.tables import prepare_table
from bakeoff.data.time_split import read_times, shown, split_by_time
from bakeoff.errors import UserError
from bakeoff.runs.data_report import TimeSplit

DAYS = [date(2020, 1, 1) + timedelta(days=17 * n) for n in range(100)]


def rows(times: list) -> list[dict]:
    return [{"text": f"text number {n}", "label": "ab"[n % 2], "when": time} for n, time in enumerate(times)]


@pytest.fixture
def table(tmp_path):
    def write(values: list[dict], /, **split) -> TableData:
        file = tmp_path / "table.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in values))
        return TableData(table=str(file), split={"time": "when", **split})

    return write


def read(values: list) -> list:
    return read_times(values, "t.csv", "when").moments


@pytest.mark.parametrize(
    "format",
    ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d %B %Y",
     "%B %d, %Y", "%b %d, %Y", "%m/%d/%Y", "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%Y%m%d", "%Y.%m.%d",
     "%B %d, %Y %I:%M:%S %p", "%Y-%m-%d %I:%M %p", "%Y-%m-%d %H:%M:%S UTC", "%d/%m/%Y %H:%M GMT",
     "%a, %d %b %Y %H:%M:%S GMT",
     "%a, %d %b %Y %H:%M:%S +0000", "%a %b %d %H:%M:%S +0000 %Y"],
)  # fmt: skip
def test_every_usual_way_to_write_dates_gives_the_same_order(format):
    moments = read([day.strftime(format) for day in DAYS])

    assert sorted(range(100), key=lambda row: moments[row]) == list(range(100))
    assert shown(moments[0]) in ("2020-01-01", "20200101")


def test_values_of_parquet_and_numbers():
    assert read([date(2024, 3, 1)]) == read([datetime(2024, 3, 1)]) == read([datetime(2024, 3, 1, tzinfo=UTC)])
    assert read([2019, 2020.5, "2021"]) == [2019, 2020.5, 2021]
    assert read(["2024-03-01T01:00:00+02:00", "2024-02-29T23:00:00"])[0] == datetime(2024, 2, 29, 23, tzinfo=UTC)
    assert [shown(moment) for moment in read([2019, 2020.5])] == ["2019", "2020.5"]
    assert shown(read(["2024-03-01 10:30"])[0]) == "2024-03-01 10:30:00"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Apr 2, 2024 5:00 PM", datetime(2024, 4, 2, 17, tzinfo=UTC)),
        ("2 April 2024 12:30:10 AM", datetime(2024, 4, 2, 0, 30, 10, tzinfo=UTC)),
        ("2024-04-02 5:00 PM", datetime(2024, 4, 2, 17, tzinfo=UTC)),
        ("2024-3-1", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024-03-01 9:05", datetime(2024, 3, 1, 9, 5, tzinfo=UTC)),
        ("2024-03-01 10:05:00 UTC", datetime(2024, 3, 1, 10, 5, tzinfo=UTC)),
        ("2024-03-01 10:05:00.250 UTC", datetime(2024, 3, 1, 10, 5, 0, 250_000, tzinfo=UTC)),
        ("3/25/2024 10:05 GMT", datetime(2024, 3, 25, 10, 5, tzinfo=UTC)),
        ("Apr 2, 2024 at 5:00 p.m.", None),
    ],
)
def test_clocks_and_zones(cell, expected):
    assert read([cell, "2024-03-01", "2024-03-02"])[0] == expected


def test_how_slashes_and_zones_were_read_is_said():
    assert read_times(["1/2/2020", "25/12/2020"], "t.csv", "when").notes == [
        "Dates such as '1/2/2020' in column 'when' are read as day/month/year."
    ]
    assert read_times(["2020-01-01T00:00:00Z", "2020-01-01", "2020-01-02"], "t.csv", "when").notes == [
        "2 values of 'when' name no time zone and are taken as UTC."
    ]
    assert read_times(["2020-01-01", "2020-01-02"], "t.csv", "when").notes == []
    assert read_times(["2020-01-01 10:00:00 UTC", "2020-01-02T10:00:00Z"], "t.csv", "when").notes == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["01/02/2020", "03/04/2021"], r"'01/02/2020', of which day and month cannot be told apart"),
        (["once", "twice", "2020-01-01"], "'once' is no date, time or number"),
        ([True, False, True], "is not a column of times: 'True'"),
        ([2019, 2020, "n/a", 2021], "'n/a' in column 'when' is no number, and most other cells are"),
    ],
)
def test_what_cannot_be_read_is_refused(values, expected):
    with pytest.raises(UserError, match=expected) as caught:
        read(values)

    assert caught.value.hint


@given(st.lists(st.integers(0, 30), min_size=3, max_size=80), st.integers(1, 20), st.integers(1, 20))
def test_the_past_is_before_the_future_and_ties_stay_on_one_side(times, validation, test):
    parts = split_by_time(range(len(times)), times, {"validation": validation, "test": test})

    if len(set(times)) < 3:
        assert parts is None
        return
    assert parts is not None
    assert sorted(row for part in parts.values() for row in part) == list(range(len(times)))
    spans = [[times[row] for row in part] for part in parts.values()]
    assert all(max(earlier) < min(later) for earlier, later in pairwise(spans))


def test_the_test_rows_are_the_latest(table):
    values = rows([str(day) for day in DAYS])

    split, report = prepare_table(table(values[::-1]), seed=1)

    assert sorted(split.test.texts) == sorted(f"text number {n}" for n in range(80, 100))
    assert sorted(split.validation.texts) == sorted(f"text number {n}" for n in range(70, 80))
    assert report.split_rule == TimeSplit(
        time="when",
        first={"train": "2020-01-01", "validation": str(DAYS[70]), "test": str(DAYS[80])},
        last={"train": str(DAYS[69]), "validation": str(DAYS[79]), "test": str(DAYS[99])},
    )
    assert report.split_seed is None
    assert report.notes == []


def test_ties_are_said_where_they_move_the_boundary(table):
    _, report = prepare_table(table(rows([2000 + n // 20 for n in range(100)])), seed=1)

    assert [split.rows for split in report.splits] == [60, 20, 20]
    assert report.notes == [
        "Sizes differ from the wanted ones, because rows of one time stay in one split: train has 60 rows instead of "
        "70, validation has 20 rows instead of 10."
    ]


def test_identical_texts_across_the_boundary_are_reported_and_not_moved(table):
    values = rows([str(day) for day in DAYS])
    values[99]["text"] = values[0]["text"]

    split, report = prepare_table(table(values), seed=1)

    assert "text number 0" in split.test.texts
    assert report.notes == [
        "1 texts occur with different labels.",
        "Leakage: 1 texts occur in more than one split (they stay where their time puts them).",
    ]


def test_rows_without_a_readable_time_are_counted(table):
    _, report = prepare_table(table(rows([*map(str, DAYS), "soon", None, "", "NaN"])), seed=1)

    assert report.skipped == {
        "the time (column 'when') cannot be read": 1,
        "the time (column 'when') is missing": 3,
    }


def test_a_class_that_only_the_future_has_is_refused_with_the_date(table):
    values = rows([str(day) for day in DAYS])
    values[95]["label"] = "new"

    with pytest.raises(UserError, match=f"no training row is left for 'new' before {DAYS[70]}"):
        prepare_table(table(values), seed=1)


def test_too_few_times_are_refused(table):
    with pytest.raises(UserError, match="fewer than three different times"):
        prepare_table(table(rows([2020, 2021] * 20)), seed=1)


def test_times_of_parquet(tmp_path):
    file = tmp_path / "table.parquet"
    values = rows([datetime(2020, 1, 1) + timedelta(hours=n) for n in range(50)])
    pq.write_table(pa.Table.from_pylist(values), file)

    _, report = prepare_table(TableData(table=str(file), split={"time": "when"}), seed=1)

    assert isinstance(report.split_rule, TimeSplit)
    assert report.split_rule.first["test"] == "2020-01-02 16:00:00"
