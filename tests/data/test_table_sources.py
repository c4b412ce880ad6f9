"""Train, validation and test rows in files of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakeoff import runner
from bakeoff.config.load import load_config
from bakeoff.config.paths import with_absolute_paths
from bakeoff.data.config import TableData
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError
from tests.command import bakeoff


def rows(count: int, word: str = "text", **further) -> list[dict]:
    return [{"text": f"{word} number {n}", "label": ("good", "bad")[n % 2], **further} for n in range(count)]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write .jsonl files in the working folder and return the config's `data` for them."""
    monkeypatch.chdir(tmp_path)

    def write(values: dict[str, list[dict]], /, **settings) -> TableData:
        for split, lines in values.items():
            Path(f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return TableData(**{split: f"{split}.jsonl" for split in values}, **settings)

    return write


def test_every_split_has_a_file(files):
    data = files({"train": rows(30), "validation": rows(8, "valid"), "test": rows(6, "test")})

    split, report = prepare_table(data, seed=1)

    assert sorted(split.train.texts) == sorted(f"text number {n}" for n in range(30))
    assert sorted(split.validation.ids) == sorted(f"validation-{n}" for n in range(1, 9))
    assert dict(zip(split.test.ids, split.test.texts, strict=True)) == {
        f"test-{n + 1}": f"test number {n}" for n in range(6)
    }
    assert report.source == "train.jsonl, validation.jsonl, test.jsonl"
    assert set(report.files) == {"train.jsonl", "validation.jsonl", "test.jsonl"}
    assert report.split_seed is None
    assert report.notes == []


def test_a_change_in_any_file_changes_the_fingerprint(files):
    values = {"train": rows(30), "validation": rows(8, "valid"), "test": rows(6, "test")}
    before = prepare_table(files(values), seed=1)[1]

    for split in values:
        changed = {**values, split: [{**values[split][0], "text": "another"}, *values[split][1:]]}
        assert prepare_table(files(changed), seed=1)[1].fingerprint != before.fingerprint


@pytest.mark.parametrize(
    ("given", "sizes", "said"),
    [
        (["test"], [53, 7, 10], "No validation rows were given: 7 validation rows were taken from train at random."),
        (["validation"], [46, 10, 14], "No test rows were given: 14 test rows were taken from train at random."),
        (
            [],
            [42, 6, 12],
            "No validation or test rows were given: 6 validation rows and 12 test rows were taken from train at "
            "random.",
        ),
    ],
)
def test_a_missing_split_is_taken_from_train_and_said(files, given, sizes, said):
    data = files({"train": rows(60), **{name: rows(10, name) for name in given}})

    split, report = prepare_table(data, seed=1)

    assert [len(part) for part in (split.train, split.validation, split.test)] == sizes
    assert said in report.notes
    assert len({*split.train.texts, *split.validation.texts, *split.test.texts}) == sum(sizes)


def test_a_large_test_file_leaves_training_rows(files):
    split, _ = prepare_table(files({"train": rows(60), "test": rows(1000, "test")}), seed=1)

    assert (len(split.train), len(split.validation)) == (48, 12)


def test_texts_on_both_are_reported_and_stay(files):
    split, report = prepare_table(files({"train": rows(40), "test": rows(4)}), seed=1)

    assert len(split.test) == 4
    assert report.across_splits == 4
    assert "Leakage: 4 texts occur in more than one split (the given splits were kept as they are)." in report.notes


def test_ids_that_differ_everywhere_are_kept(files):
    train = [{"id": f"a{n}", **row} for n, row in enumerate(rows(40))]
    test = [{"id": f"b{n}", **row} for n, row in enumerate(rows(4, "test"))]

    assert sorted(prepare_table(files({"train": train, "test": test}), seed=1)[0].test.ids) == ["b0", "b1", "b2", "b3"]
    again = [{**row, "id": f"a{n}"} for n, row in enumerate(test)]
    split = prepare_table(files({"train": train, "test": again}), seed=1)[0]
    assert sorted(split.test.ids) == ["test-a0", "test-a1", "test-a2", "test-a3"]


def test_columns_are_found_in_train_and_other_columns_may_differ(files):
    train = [{"review": row["text"], "kind": row["label"], "stars": 1} for row in rows(40)]
    test = [{"kind": row["label"], "more": 2, "review": row["text"]} for row in rows(4, "test")]

    split, _ = prepare_table(files({"train": train, "test": test}, text="review", label="kind"), seed=1)

    assert sorted(split.test.texts) == [f"test number {n}" for n in range(4)]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ([{"texts": "a b", "label": "good"}], r"test.jsonl \(data.test\) has no column 'text', which train.jsonl has"),
        ([{"text": "a b", "label": None}], "no row belongs to the split 'test'"),
        ([{"text": "a b", "label": "new"}], "no training row is left for 'new'"),
    ],
)
def test_what_does_not_fit_together_is_refused(files, test, expected):
    with pytest.raises(UserError, match=expected) as caught:
        prepare_table(files({"train": rows(40), "test": test}), seed=1)

    assert caught.value.hint


def test_classes_that_the_test_file_lacks_are_named(files):
    _, report = prepare_table(files({"train": rows(40), "test": rows(1, "test")}), seed=1)

    assert "The test split has no row of 'bad'." in report.notes


def test_paths_become_absolute(files, tmp_path):
    data = files({"train": rows(40), "test": rows(4, "test")})
    config = load_config({"task": "classification", "data": data.model_dump(), "contestants": {"majority": {}}})

    absolute = with_absolute_paths(config).data

    assert (absolute.train, absolute.test) == (str(tmp_path / "train.jsonl"), str(tmp_path / "test.jsonl"))


def test_init_run_and_resume(files, tmp_path):
    files({"train": rows(40), "test": rows(10, "test")})

    typed = bakeoff("init", "train.jsonl", "--test", "test.jsonl", "-o", "my.yaml")
    assert typed.code == 0, typed.err
    assert "bakeoff init train.jsonl --test test.jsonl" in Path("my.yaml").read_text()
    config = load_config("my.yaml", ["contestants={majority: {}}"])
    assert (config.data.train, config.data.validation, config.data.test) == ("train.jsonl", None, "test.jsonl")
    assert "50 rows" in typed.out

    outcome = runner.run(config, tmp_path / "run")

    assert outcome.results[0].metrics[0].documents == 10
    assert "train.jsonl, test.jsonl" in (outcome.folder / "contestants/majority/model/README.md").read_text()
    result = outcome.folder / "contestants" / "majority" / "result.json"
    result.unlink()
    Path("test.jsonl").write_text(Path("test.jsonl").read_text().replace("number 3", "number three"))
    with pytest.raises(UserError, match="have changed since the run began"):
        runner.resume(outcome.folder)


def test_init_refuses_separate_files_of_texts_without_labels(files):
    files({"train": [{"text": f"some words {n}"} for n in range(40)], "test": rows(10)})

    typed = bakeoff("init", "train.jsonl", "--test", "test.jsonl")

    assert typed.code == 2
    assert "not a table with labels" in typed.err
