"""No group in two splits; sizes, classes and near-duplicates as far as the groups allow."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.data.config import TableData
from bakeoff.data.group_split import joined_keys, split_by_group
from bakeoff.data.splitting import numbered
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError
from bakeoff.runs.data_report import GroupSplit

WORDS = ["river", "mountain", "engine", "letter", "garden", "window", "copper", "winter", "market", "silver"]


def text(number: int) -> str:
    """Return a text that resembles no other."""
    random = np.random.default_rng(number)
    return " ".join(f"{WORDS[word]}{random.integers(99)}" for word in random.integers(len(WORDS), size=12))


@pytest.fixture
def table(tmp_path):
    def write(values: list[dict], /, **split) -> TableData:
        file = tmp_path / "table.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in values))
        return TableData(table=str(file), split={"group": "author", **split})

    return write


def rows(count: int, authors: int) -> list[dict]:
    return [{"text": text(n), "label": "ab"[n % 3 == 0], "author": f"author {n % authors}"} for n in range(count)]


def parts_of(split):
    return {"train": split.train, "validation": split.validation, "test": split.test}


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=3, max_size=120), st.integers(0, 5))
def test_groups_stay_together_and_no_split_is_empty(values, seed):
    keys, labels = np.array([key for key, _ in values]), [label for _, label in values]
    sizes = {"train": len(values) - 2 * (len(values) // 5), "validation": len(values) // 5, "test": len(values) // 5}

    parts = split_by_group(range(len(values)), keys, labels, sizes, np.random.default_rng(seed))

    assert sorted(row for part in parts.values() for row in part) == list(range(len(values)))
    homes = [{keys[row] for row in part} for part in parts.values()]
    assert sum(map(len, homes)) == len(np.unique(keys))
    assert len(np.unique(keys)) < 3 or all(homes)
    again = split_by_group(range(len(values)), keys, labels, sizes, np.random.default_rng(seed))
    assert again == parts


@pytest.mark.parametrize("seed", range(5))
def test_sizes_and_classes_are_met_where_groups_are_uneven(seed):
    random = np.random.default_rng(seed)
    members = random.zipf(1.6, size=600).clip(max=20)  # most groups have one row, a few have many
    keys = np.repeat(np.arange(600), members)
    leaning = random.random(600)  # groups differ in their classes
    labels = [int(random.random() < leaning[key]) for key in keys]
    sizes = {"train": len(keys) - 450, "validation": 150, "test": 300}

    parts = split_by_group(range(len(keys)), keys, labels, sizes, random)

    for name, size in sizes.items():
        assert len(parts[name]) == pytest.approx(size, abs=2)
        assert sum(labels[row] for row in parts[name]) == pytest.approx(size * sum(labels) / len(keys), abs=3)


def test_another_seed_gives_another_split():
    keys = np.arange(500) // 5
    sizes = {"train": 350, "validation": 50, "test": 100}

    tests = [split_by_group(range(500), keys, [0] * 500, sizes, np.random.default_rng(s))["test"] for s in (1, 2)]

    assert tests[0] != tests[1]
    assert [len(test) for test in tests] == [100, 100]


def test_keys_are_joined_over_chains():
    groups, _ = numbered(["ann", "ann", "bob", "cleo", "dan"])
    keys, _ = numbered(["x", "y", "y", "z", "x"])

    joined = joined_keys(groups, keys, range(5))
    assert joined[0] == joined[1] == joined[2] == joined[4] != joined[3]
    first, _, unconnected, *_ = joined_keys(groups, keys, [0, 1, 3])
    assert unconnected != first


def test_no_author_is_in_two_splits(table):
    split, report = prepare_table(table(rows(300, authors=30)), seed=3)

    number = {f"{n + 1}": n % 30 for n in range(300)}
    authors = {name: {number[id] for id in part.ids} for name, part in parts_of(split).items()}
    assert sum(map(len, authors.values())) == 30
    assert [len(part) for part in parts_of(split).values()] == [210, 30, 60]
    assert report.split_rule == GroupSplit(group="author", groups={"train": 21, "validation": 3, "test": 6})
    assert report.split_seed == 3
    assert report.notes == []
    assert prepare_table(table(rows(300, authors=30)), seed=3)[1].fingerprint == report.fingerprint
    assert prepare_table(table(rows(300, authors=30)), seed=4)[1].fingerprint != report.fingerprint


def test_near_duplicates_tie_authors_together(table):
    values = rows(300, authors=30)
    values[0]["text"], values[1]["text"] = f"{text(1000)} one", f"{text(1000)} two"  # by authors 0 and 1

    for seed in range(6):
        split, report = prepare_table(table(values), seed=seed)
        home = {id: name for name, part in parts_of(split).items() for id in part.ids}
        assert home["1"] == home["2"] == home["31"] == home["32"]
        assert report.near_across_splits == 0


def test_where_texts_tie_everything_together_authors_still_stay_whole_and_it_is_said(table):
    values = [*rows(300, authors=30), *({**row, "text": "The same words"} for row in rows(30, authors=30))]

    split, report = prepare_table(table(values), seed=1)

    assert len(split.test) == pytest.approx(66, rel=0.1)
    assert any("Identical texts tie so many values of 'author' together" in note for note in report.notes)
    assert any(note.startswith("Leakage: 1 texts occur in more than one split") for note in report.notes)


def test_large_groups_are_said(table):
    values = rows(100, authors=50)
    for row in values[:60]:
        row["author"] = "the one who wrote most"

    split, report = prepare_table(table(values, test=0.5), seed=1)

    assert sum(row < 60 for row in (int(id) - 1 for id in split.train.ids + split.validation.ids)) in (0, 60)
    assert any("Sizes differ from the wanted ones, because all rows with one value" in note for note in report.notes)


def test_rows_without_a_group_are_counted(table):
    values = [*rows(100, authors=20), {"text": "a b", "label": "a", "author": ""}, {"text": "c d", "label": "a"}]

    _, report = prepare_table(table(values), seed=1)

    assert report.skipped == {"the group (column 'author') is missing": 2}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (rows(40, authors=2), "column 'author' has 2 groups, but train, validation and test need one each"),
        ([{"text": "a", "label": "b"}] * 9, "has no column 'author'; it has text, label"),
    ],
)
def test_columns_that_cannot_divide_are_refused(table, values, expected):
    with pytest.raises(UserError, match=expected) as caught:
        prepare_table(table(values), seed=1)

    assert caught.value.hint
