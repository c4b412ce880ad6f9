"""Cross-validation: every row is tested once, whatever must stay together does, and classes are spread evenly."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bakeoff.data.config import TableData, TableSplit
from bakeoff.data.dividing import Rows, divide_into_folds
from bakeoff.data.example_config import ExampleData
from bakeoff.data.leakage import Duplicates
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError
from tests.data.test_group_split import rows, text


@pytest.fixture
def table(tmp_path):
    def write(values: list[dict], /, **split) -> TableData:
        file = tmp_path / "table.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in values))
        return TableData(table=str(file), split=split)

    return write


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2), st.integers(0, 15)), min_size=30, max_size=90),
    st.integers(2, 6),
    st.booleans(),
    st.integers(0, 3),
)
def test_every_row_is_tested_once_and_nothing_that_belongs_together_is_divided(values, folds, grouped, seed):
    keys, labels = np.array([key for key, _, _ in values]), [label for _, label, _ in values]
    groups = [f"author {group}" for _, _, group in values]
    if grouped and len(set(groups)) < max(folds, 3):
        return
    names = [str(label) for label in range(3)]
    divided = Rows("table", list(range(len(values))), labels, names, Duplicates(keys, keys))
    split = TableSplit(folds=folds, group="author" if grouped else None, validation=0.1)

    def divide():
        return divide_into_folds(divided, split, groups if grouped else None, np.random.default_rng(seed))

    division = divide()

    assert sorted(row for fold in division.folds for row in fold["test"]) == divided.chosen
    assert division.rows["test"] == [row for fold in division.folds for row in fold["test"]]
    together = groups if grouped else keys
    for parts in division.folds:
        assert sorted(row for part in parts.values() for row in part) == divided.chosen
        homes = [{together[row] for row in part} for part in parts.values()]
        assert sum(map(len, homes)) == len(set(together))
    assert sorted(division.rows["train"] + division.rows["validation"]) == divided.chosen
    assert divide() == division


def test_folds_are_of_one_size_and_have_every_class_in_its_share(table):
    data = table([{"text": text(n), "label": "ab"[n % 4 == 0]} for n in range(202)], folds=5)

    split, report = prepare_table(data, 3)

    assert sorted(report.folds) == [40, 40, 40, 41, 41]
    counts = [Counter(fold.test.labels) for fold in split.folds]
    assert {count[1] for count in counts} <= {10, 11}
    assert [len(fold.validation) for fold in split.folds] == [20] * 5
    assert split.test.ids == [id for fold in split.folds for id in fold.test.ids]
    assert (len(split.train), len(split.validation), len(set(split.test.ids))) == (182, 20, 202)
    assert split.trainings == pytest.approx(sum(len(each.train) for each in (*split.folds, split)) / 141, rel=0.01)


def test_copies_and_near_copies_stay_in_one_fold(table):
    copies = [{"text": f"{text(n)} {more}", "label": "ab"[n % 2]} for n in range(30) for more in ("", "", "again")]
    split, report = prepare_table(table(copies, folds=4), 3)

    originals = [{" ".join(each.split()[:12]) for each in fold.test.texts} for fold in split.folds]
    assert sum(map(len, originals)) == 30
    assert (report.across_splits, report.near_across_splits) == (0, 0)
    assert (report.duplicate_texts, report.near_duplicate_texts) == (60, 90)


def test_authors_stay_in_one_fold(table):
    split, report = prepare_table(table(rows(120, 12), folds=4, group="author"), 3)

    number = {id: (int(id) - 1) % 12 for id in split.test.ids}
    for fold in split.folds:
        authors = [{number[id] for id in part.ids} for part in (fold.train, fold.validation, fold.test)]
        assert sum(map(len, authors)) == 12
    assert report.split_rule is not None
    assert report.split_rule.groups["test"] == 12


def test_too_few_authors(table):
    with pytest.raises(UserError, match="has 4 groups, but a division into 5 folds needs 5"):
        prepare_table(table(rows(60, 4), folds=5, group="author"), 3)


def test_a_class_that_one_author_has_cannot_be_learned_where_he_is_tested(table):
    values = rows(60, 6)
    values = [{**row, "label": "rare" if row["author"] == "author 2" else "often"} for row in values]

    with pytest.raises(UserError, match=r"tested on fold \d: no training row is left for 'rare'"):
        prepare_table(table(values, folds=3, group="author"), 3)


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ({"folds": 5, "column": "set"}, "`folds` and `column` exclude each other"),
        ({"folds": 5, "time": "date"}, "`folds` and `time` exclude each other"),
        ({"folds": 5, "test": 0.3}, "leave out `test`"),
        ({"folds": 2, "validation": 0.5}, "must be below 1"),
        ({"folds": 1}, "greater than or equal to 2"),
    ],
)
def test_what_does_not_go_with_folds(split, words):
    with pytest.raises(ValidationError, match=words):
        TableSplit(**split)


def test_language_models_are_not_cross_validated():
    with pytest.raises(ValidationError, match="only classifiers are"):
        ExampleData(examples="a.csv", prompt="question", completion="answer", split={"folds": 5})


def test_files_of_each_split_have_no_folds():
    with pytest.raises(ValidationError, match=r"leave out `split\.folds`"):
        TableData(train="a.csv", split={"folds": 5})
