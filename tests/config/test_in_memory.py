"""Tables from Python: bakeoff.run, resume, predict, plan and init take them in place of files."""

from __future__ import annotations

from pathlib import Path

import datasets
import pyarrow as pa
import pytest
import yaml

import bakeoff
from bakeoff.config.in_memory import load_with_tables
from bakeoff.errors import UserError
from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff as command

COLUMNS = {
    "text": [f"{('fine', 'dull')[n % 2]} film number {n}, seen {n * 7} times" for n in range(60)],
    "label": ["good", "bad"] * 30,
    "author": [f"author {n % 12}" for n in range(60)],
}
TABLE = pa.table(COLUMNS)


def config(table, /, **further):
    data = table if isinstance(table, dict) and "train" in table else {"table": table}
    return {
        "task": "classification",
        "data": {**data, **further},
        "contestants": {"majority": {}, "linear": {}},
        "evaluation": {"resamples": 50},
    }


def test_run_resume_predict_and_report(tmp_path):
    outcome = bakeoff.run(config(TABLE, split={"group": "author"}), tmp_path / "run")

    stored = tmp_path / "run" / "data" / "table.parquet"
    assert yaml.safe_load((outcome.folder / "bakeoff.yaml").read_text())["data"]["table"] == str(stored)
    report = RunFolder(outcome.folder).data()
    assert list(report.files) == [str(stored)]
    assert any("No 'author' is in two splits" in sentence for sentence in outcome.verdict.sentences)
    typed = command("predict", outcome.folder, "fine film", "--contestant", "linear", "--json")
    assert typed.code == 0, typed.err
    assert command("report", outcome.folder).code == 0

    before = RunFolder(outcome.folder).contestant("linear").result()
    (outcome.folder / "contestants" / "linear" / "result.json").unlink()
    again = bakeoff.resume(outcome.folder)
    assert again.results[1].metrics == before.metrics

    changed = TABLE.set_column(0, "text", pa.array(["another text", *COLUMNS["text"][1:]]))
    RunFolder(outcome.folder).write_tables({"table": changed})
    (outcome.folder / "contestants" / "linear" / "result.json").unlink()
    with pytest.raises(UserError, match="have changed since the run began"):
        bakeoff.resume(outcome.folder)


def test_a_run_whose_folder_was_renamed_is_resumed_with_its_own_table(tmp_path):
    outcome = bakeoff.run(config(TABLE), tmp_path / "run")
    renamed = outcome.folder.rename(tmp_path / "first")
    bakeoff.run(config(TABLE.slice(20)), tmp_path / "run")  # another run takes its place

    (renamed / "contestants" / "linear" / "result.json").unlink()
    again = bakeoff.resume(renamed)

    assert again.results[1].metrics == outcome.results[1].metrics


def test_a_table_gives_the_same_numbers_as_its_file(tmp_path):
    file = RunFolder(tmp_path).write_tables({"own": TABLE})["own"]

    outcomes = [bakeoff.run(config(table), tmp_path / f"run {n}") for n, table in enumerate([TABLE, str(file), file])]

    assert len({RunFolder(outcome.folder).data().fingerprint for outcome in outcomes}) == 1
    assert [outcome.results[1].metrics for outcome in outcomes[1:]] == [outcomes[0].results[1].metrics] * 2


@pytest.mark.parametrize("form", ["DatasetDict", "dict of tables", "keys"])
def test_splits_are_as_given(tmp_path, form):
    train, test = TABLE.slice(0, 48), TABLE.slice(48)
    table = {
        "DatasetDict": datasets.DatasetDict(
            {"train": datasets.Dataset(train), "validation": datasets.Dataset(test.slice(0, 6))}
        ),
        "dict of tables": {"train": train, "valid": test.slice(0, 6), "test": test.slice(6)},
        "keys": {"train": train, "test": test.to_pylist()},
    }[form]
    values = config(table) if form == "keys" else {**config(TABLE), "data": {"table": table}}

    outcome = bakeoff.run(values, tmp_path / "run")

    rows = {split.name: split.rows for split in RunFolder(outcome.folder).data().splits}
    assert (
        rows
        == {
            "DatasetDict": {"train": 37, "validation": 6, "test": 11},
            "dict of tables": {"train": 48, "validation": 6, "test": 6},
            "keys": {"train": 42, "validation": 6, "test": 12},
        }[form]
    )


def test_a_single_split_is_divided():
    splits = datasets.DatasetDict({"train": datasets.Dataset(TABLE)})
    checked, tables = load_with_tables({**config(TABLE), "data": {"table": splits}})

    assert list(tables) == ["table"]
    assert checked.data.table is not None


def test_plan_stores_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    plan = bakeoff.plan(config(COLUMNS))

    assert [contestant.name for contestant in plan.contestants] == ["majority", "linear"]
    assert not list(tmp_path.iterdir())


def test_an_override_wins(tmp_path):
    checked, tables = load_with_tables(config(TABLE), ["data.table=sentence-polarity"])

    assert (checked.data.table, tables) == ("sentence-polarity", {})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (config([1, 2]), "data.table cannot be a list"),
        (config(5), "data.table: must be the name of a table or a list of names, not 5"),
        (config(TABLE.drop_columns("label")), "No column of data.table has a usual name for labels"),
        (config(TABLE, train=TABLE), "either `table` or the files"),
        (
            {**config(TABLE), "data": {"table": {"train": TABLE, "unsupervised": TABLE}}},
            "'unsupervised' is not the name",
        ),
        ({**config(TABLE), "data": {"table": {"val": TABLE, "dev": TABLE}}}, "'dev' is a second validation split"),
        ({**config(TABLE), "data": {"table": {"validation": TABLE, "test": TABLE}}}, "has no training split"),
        ({**config(TABLE), "data": {"table": {"train": TABLE, "test": TABLE}, "test": TABLE}}, "cannot be given, too"),
    ],
)
def test_what_is_refused_leaves_no_folder(tmp_path, values, expected):
    with pytest.raises(UserError, match=expected):
        bakeoff.run(values, tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_a_failure_of_any_kind_before_training_leaves_no_folder(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bakeoff.runner.prepare_data", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bakeoff.run(config(TABLE), tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_init_from_python_runs_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    start = bakeoff.init(COLUMNS, text="text")

    assert not list(tmp_path.iterdir())
    assert "table: table.parquet" in start.yaml
    assert start.seen.classes == {"bad": 30, "good": 30}
    outcome = bakeoff.run({**start.values, "contestants": {"linear": {}}}, "run")
    data = RunFolder(outcome.folder).data()
    assert ([split.rows for split in data.splits], data.folds) == ([54, 6, 60], [12] * 5)


def test_init_writes_a_config_and_its_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    start = bakeoff.init(TABLE.slice(0, 48), "my.yaml", test=TABLE.slice(48))

    assert sorted(file.name for file in tmp_path.iterdir()) == ["my-test.parquet", "my-train.parquet", "my.yaml"]
    assert Path("my.yaml").read_text() == start.yaml
    outcome = bakeoff.run("my.yaml", "run", overrides=["contestants={linear: {}}"])
    assert [split.rows for split in RunFolder(outcome.folder).data().splits] == [42, 6, 12]
    with pytest.raises(UserError, match=r"my\.yaml already exists"):
        bakeoff.init(TABLE, "my.yaml")


def test_init_without_a_label_is_for_language_models():
    stories = [{"story": f"once upon a time there was number {n}"} for n in range(40)]

    start = bakeoff.init(stories)

    assert start.values["task"] == "language-model"
    checked, tables = load_with_tables(start.values)
    assert checked.data.column == "story"
    assert tables["text"].num_rows == 40


def test_init_takes_files_and_names_the_table_in_errors(tmp_path):
    assert bakeoff.init("sentence-polarity").values["data"]["table"] == "sentence-polarity"
    with pytest.raises(UserError, match=r"^data\.table has one class only"):
        bakeoff.init({**COLUMNS, "label": ["good"] * 60}, label="label")
