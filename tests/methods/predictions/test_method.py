"""A file of answers is judged as a model would be; what does not match is counted or refused."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff.data.config import TableData, TableSplit
from bakeoff.data.raw_tables import read_raw_table
from bakeoff.data.tables import prepare_table
from bakeoff.data.types import LabeledTexts, OutOfScopeTexts, SplitTable
from bakeoff.errors import UserError
from bakeoff.methods.base import UnknownTextError
from bakeoff.methods.predictions.config import PredictionsConfig
from bakeoff.methods.predictions.matching import match
from bakeoff.methods.predictions.method import PredictionsMethod
from bakeoff.methods.predictions.reading import read_answers
from bakeoff.runner import resume, run
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.tasks.classifier import load_classifier
from tests.baking import bake
from tests.command import bakeoff, refused
from tests.methods.small_data import config, small_table
from tests.serve.servers import running

TABLE = small_table()  # bad, good
ASKED = [*zip(TABLE.validation.ids, TABLE.validation.texts, TABLE.validation.labels, strict=True)]
ASKED += zip(TABLE.test.ids, TABLE.test.texts, TABLE.test.labels, strict=True)
RIGHT = [{"text": text, "predicted": TABLE.label_names[label]} for _, text, label in ASKED]
BY_ID = [{"id": id, "predicted": TABLE.label_names[label]} for id, _, label in ASKED]
WITH_PROBABILITIES = [
    {"text": text, "probability_bad": 0.8 - 0.7 * label, "probability_good": 0.2 + 0.7 * label}
    for _, text, label in ASKED
]


def written(folder: Path, rows: list[dict]) -> str:
    file = folder / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def baked(folder: Path, rows: list[dict], table=TABLE, **settings):
    made = config({"api": {"method": "predictions", "file": written(folder, rows), **settings}})
    PredictionsMethod().check("api", made.contestants["api"], table)
    return bake(made, "api", table, ContestantFolder(folder / "api"))


def refusal(folder: Path, rows: list[dict], table=TABLE, **settings) -> str:
    with pytest.raises(UserError) as caught:
        baked(folder, rows, table, **settings)
    assert str(caught.value).startswith("contestants.api: ")
    return str(caught.value)


def accuracy(result) -> float:
    return result.metric("accuracy").value


@pytest.mark.parametrize("rows", [RIGHT, BY_ID, WITH_PROBABILITIES], ids=["text", "id", "probabilities"])
def test_right_answers_are_right(tmp_path, rows):
    result = baked(tmp_path, rows[::-1])

    assert accuracy(result) == 1
    assert "40 of 40 test texts and 24 of 24 validation texts" in result.notes[0]
    assert (result.total_parameters, result.trainable_parameters) == (None, 0)  # of a model that nobody has told


def test_labels_alone_are_certain_and_not_calibrated(tmp_path):
    wrong = [{**row, "predicted": "bad"} if number == 25 else row for number, row in enumerate(RIGHT)]

    result = baked(tmp_path, wrong)

    assert accuracy(result) == 1 - 1 / 40
    assert result.calibration is None
    assert result.notes[-1].startswith("Only labels were given")


def test_probabilities_are_calibrated_on_the_validation_split(tmp_path):
    rows = [{"text": text, "answer": TABLE.label_names[label], "confidence": 0.99} for _, text, label in ASKED]
    for row in rows[::4]:
        row["answer"] = "good" if row["answer"] == "bad" else "bad"

    result = baked(tmp_path, rows)

    assert accuracy(result) == 0.75
    assert result.calibration.temperature > 2
    own = load_classifier(tmp_path / "api" / "model").probabilities(TABLE.test.texts)
    assert own.max(axis=1) == pytest.approx(0.75, abs=0.02)


def test_labels_only_ignores_the_probabilities(tmp_path):
    assert baked(tmp_path, WITH_PROBABILITIES).calibration is not None

    rows = [{**row, "label": "bad"} for row in WITH_PROBABILITIES]

    assert "is not the most probable class; this is so in 32 rows" in refusal(tmp_path, rows)
    assert accuracy(baked(tmp_path, rows, labels_only=True)) == 0.5


def test_a_file_with_the_true_label_and_an_answer_is_judged_by_the_answer(tmp_path):
    rows = [{**row, "label": row["predicted"], "predicted": "bad"} for row in RIGHT]

    assert accuracy(baked(tmp_path, rows)) == 0.5


@pytest.mark.parametrize("name", ["pred", "y_pred", "predictions", "model_label", "Predicted_Class"])
def test_the_answer_has_a_usual_name_beside_the_true_label(tmp_path, name):
    rows = [{"text": row["text"], "label": row["predicted"], name: "bad"} for row in RIGHT]

    result = baked(tmp_path, rows)

    assert accuracy(result) == 0.5
    assert result.notes[0].startswith(f"Answers from column {name!r} of ")


def test_true_labels_beside_a_column_that_may_be_the_answers_are_refused(tmp_path):
    rows = [{"text": row["text"], "label": row["predicted"], "gpt": "bad", "topic": "film"} for row in RIGHT]

    said = refusal(tmp_path, rows)

    assert "the answers were read from column 'label', and all of them are the labels of the data; gpt may" in said
    assert accuracy(baked(tmp_path, rows, label="gpt")) == 0.5
    assert accuracy(baked(tmp_path, rows, label="label")) == 1
    rows[0]["label"] = "good" if rows[0]["label"] == "bad" else "bad"
    assert accuracy(baked(tmp_path, rows)) == 1  # the first row is of the validation split


def test_true_labels_beside_probabilities_are_refused(tmp_path):
    rows = [{**row, "label": right["predicted"]} for row, right in zip(WITH_PROBABILITIES, RIGHT, strict=True)]

    assert "probability_bad, probability_good may hold the answers" in refusal(tmp_path, rows, labels_only=True)


def numbered() -> tuple[SplitTable, list[dict]]:
    """Return the table as one without an id column has it, and right answers in another order, numbered."""
    splits, number = {}, 0
    for name in ("train", "validation", "test"):
        split = getattr(TABLE, name)
        splits[name] = replace(split, ids=[str(number + row + 1) for row in range(len(split))])
        number += len(split)
    rows = [
        {"text": text, "predicted": TABLE.label_names[label]}
        for split in splits.values()
        for text, label in zip(split.texts, split.labels, strict=True)
    ]
    return replace(TABLE, **splits), [{"id": place, **row} for place, row in enumerate(rows[::-1], start=1)]


def test_ids_of_rows_with_other_texts_are_not_used(tmp_path):
    table, rows = numbered()
    rows[0]["text"] = "the last test text, corrected"  # the ids fit one text more

    result = baked(tmp_path, rows, table)

    assert accuracy(result) > 0.95
    assert "matched by text (column 'text'): 39 of 40 test texts" in result.notes[0]
    assert result.notes[1].endswith(
        " rows with the id of a row of the data (column 'id') have another text; ids were not used."
    )


def test_texts_that_differ_from_those_of_their_ids_are_refused_unless_the_id_is_named(tmp_path):
    rows = [{**row, "text": right["text"][:4]} for row, right in zip(BY_ID, RIGHT, strict=True)]

    said = refusal(tmp_path, rows)

    assert "matched by text" in said
    assert "64 of 64 rows with the id of a row of the data (column 'id') have another text: if they are the" in said
    assert accuracy(baked(tmp_path, rows, id="id")) == 1


def test_ids_whose_texts_agree_make_up_for_a_few_changed_texts(tmp_path):
    rows = [{**row, "text": right["text"]} for row, right in zip(BY_ID, RIGHT, strict=True)]
    rows[-1]["text"] = "corrected"

    assert "matched by id (column 'id'): 40 of 40 test texts" in baked(tmp_path, rows).notes[0]


def test_few_missing_answers_get_class_frequencies_and_more_are_refused(tmp_path):
    last = [row for row in RIGHT if row["text"] != TABLE.test.texts[-1]]
    missing = len(RIGHT) - len(last)
    assert missing == 1

    result = baked(tmp_path, last)

    assert "39 of 40 test texts" in result.notes[0]
    assert result.notes[1].startswith("1 test text has no answer in the file; instead of one, the class frequencies")
    rows = load_classifier(tmp_path / "api" / "model").probabilities(TABLE.test.texts[-1:])
    assert rows == pytest.approx(np.array([[0.5, 0.5]]))
    said = refusal(tmp_path, RIGHT[:-3])
    assert "has no answer for 3 of 40 test texts, matched by text (column 'text'); the first is row test-37: " in said


def test_an_empty_answer_is_a_missing_one(tmp_path):
    assert "39 of 40 test texts" in baked(tmp_path, [*RIGHT[:-1], {**RIGHT[-1], "predicted": " "}]).notes[0]


def test_missing_answers_are_counted_among_the_test_texts_of_all_folds(tmp_path):
    rows = [*zip(TABLE.train.texts, TABLE.train.labels, strict=True), *(asked[1:] for asked in ASKED)]
    (tmp_path / "table.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    data, _ = prepare_table(TableData(table=str(tmp_path / "table.csv"), split=TableSplit(folds=5)), seed=1)
    first = data.folds[0]
    unanswered = first.test.texts[:3]  # of 37, which is more than 5 %; of all 184 it is less
    answers = "".join(f"{text},{label}\n" for text, label in rows if text not in unanswered)
    (tmp_path / "answers.csv").write_text(f"text,predicted\n{answers}")
    api = PredictionsConfig(file=str(tmp_path / "answers.csv"))

    for table in (data, *data.folds):
        match(api, table)

    with pytest.raises(UserError, match="has no answer for 3 of"):
        match(api, replace(first, is_fold=False))


def test_the_file_is_checked_once_for_all_folds(tmp_path):
    api = PredictionsConfig(file=str(tmp_path / "missing.csv"))

    with pytest.raises(UserError, match=r"missing\.csv"):
        PredictionsMethod().check("api", api, TABLE)
    PredictionsMethod().check("api", api, replace(TABLE, is_fold=True))


def test_a_text_is_counted_once_where_folds_test_all_rows(tmp_path):
    rows = [*zip(TABLE.train.texts, TABLE.train.labels, strict=True), *[("A text of two rows.", 0)] * 2]
    (tmp_path / "table.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    data, _ = prepare_table(TableData(table=str(tmp_path / "table.csv"), split=TableSplit(folds=5)), seed=1)
    answers = "".join(f"{id},{label}\n" for id, (_, label) in enumerate([*rows[:-1], ("", 1)], start=1))
    (tmp_path / "answers.csv").write_text(f"id,predicted\n{answers}")

    notes = match(PredictionsConfig(file=str(tmp_path / "answers.csv")), data).notes

    assert "1 text occurs several times with different answers; the first one counts for all." in notes


@pytest.mark.parametrize("empty", [None, "", " "])
def test_a_row_without_any_probability_is_a_missing_answer(tmp_path, empty):
    rows = [*WITH_PROBABILITIES[:-1], {**WITH_PROBABILITIES[-1], "probability_bad": empty, "probability_good": empty}]

    assert "39 of 40 test texts" in baked(tmp_path, rows).notes[0]
    rows[-1]["probability_good"] = 0.9
    assert "row 64, column 'probability_bad'" in refusal(tmp_path, rows)


def test_answers_to_the_test_split_alone_are_enough_but_not_calibrated(tmp_path):
    result = baked(tmp_path, WITH_PROBABILITIES[24:])

    assert (accuracy(result), result.calibration) == (1, None)
    assert "Not calibrated" in result.notes[-1]


def test_surplus_and_repeated_rows_are_counted(tmp_path):
    other = {"text": "something else", "predicted": "good"}
    conflict = {**RIGHT[-1], "predicted": "bad" if RIGHT[-1]["predicted"] == "good" else "good"}

    result = baked(tmp_path, [*RIGHT, other, RIGHT[0], conflict])

    assert accuracy(result) == 1
    assert "1 answer belongs to no row of the data." in result.notes
    assert "2 rows repeat a text of the file, 1 of them with another answer; the first one counts." in result.notes
    assert load_classifier(tmp_path / "api" / "model").predict(["something\nelse"])[0].label == "good"


def with_out_of_scope_texts() -> SplitTable:
    def texts(part: str) -> LabeledTexts:
        return LabeledTexts([f"{part}-{row}" for row in range(8)], [f"{part} weather {row}" for row in range(8)], [])

    return replace(TABLE, out_of_scope=OutOfScopeTexts("oos", texts("choosing"), texts("judging")))


@pytest.mark.parametrize("by", ["id", "text"])
def test_answers_to_texts_that_belong_to_no_class_are_used(tmp_path, by):
    table = with_out_of_scope_texts()
    rows = [
        {"id": id, "text": text, "predicted": TABLE.label_names[label], "confidence": 0.9} for id, text, label in ASKED
    ]
    for part in (table.out_of_scope.choosing, table.out_of_scope.test):
        rows += [
            {"id": id, "text": text, "predicted": "bad", "confidence": 0.6}
            for id, text in zip(part.ids, part.texts, strict=True)
        ]

    result = baked(tmp_path, rows, table, **{by: by})

    assert result.out_of_scope is not None
    assert result.out_of_scope.auroc.value == 1
    assert not [note for note in result.notes if "no row of the data" in note]


def test_the_label_of_texts_that_belong_to_no_class_is_no_answer(tmp_path):
    said = refusal(tmp_path, [*RIGHT[:-1], {**RIGHT[-1], "predicted": "oos"}], with_out_of_scope_texts())

    assert "row 64, column 'predicted': 'oos' is the label of texts that belong to no class" in said


def test_true_and_false_are_called_as_the_data_call_them(tmp_path):
    def answered(labels: list[str], *answers: str) -> list[int]:
        file = written(tmp_path, [{"text": f"text {row}", "predicted": said} for row, said in enumerate(answers)])
        found = read_answers(PredictionsConfig(file=file), labels, "text")
        return found.probabilities.argmax(axis=1).tolist()

    assert answered(["false", "true", "unproven"], "true", "false", "true") == [1, 0, 1]
    assert answered(["False", "True"], "true", "FALSE", "True") == [1, 0, 1]
    with pytest.raises(UserError, match="row 2, column 'predicted': 'unsure' is not a label of the data"):
        answered(["False", "True"], "true", "unsure", "false")


def test_a_text_that_is_not_in_the_file_has_no_answer(tmp_path):
    baked(tmp_path, RIGHT)

    with pytest.raises(UnknownTextError, match="There is no answer for 'a new film': this contestant is a file"):
        load_classifier(tmp_path / "api" / "model").predict([TABLE.test.texts[0], "a new film"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"predicted": "goood"},
            "row 64, column 'predicted': 'goood' is not a label of the data.\nDid you mean 'good'?",
        ),
        ({"predicted": "GOOD"}, "Did you mean 'good'?"),
        ({"confidence": 90}, "row 64, column 'confidence': 90 is not a probability from 0 to 1"),
        ({"confidence": "high"}, "'high' is not a probability"),
        ({"confidence": None}, "None is not a probability"),
    ],
)
def test_cells_that_cannot_be_are_refused_with_their_row(tmp_path, change, said):
    rows = [{**row, "confidence": 0.9} for row in RIGHT]

    assert said in refusal(tmp_path, [*rows[:-1], {**rows[-1], **change}])


def test_a_confidence_that_is_named_counts_instead_of_columns_of_the_classes(tmp_path):
    rows = [{**row, **both, "sure": 0.6} for row, both in zip(RIGHT, WITH_PROBABILITIES, strict=True)]

    table = read_answers(PredictionsConfig(file=written(tmp_path, rows), confidence="sure"), TABLE.label_names, "text")

    assert table.given == "confidences"
    assert table.probabilities.max(axis=1) == pytest.approx(0.6)
    assert "no column 'shure'" in refusal(tmp_path, rows, confidence="shure")


def test_a_confidence_below_chance_does_not_change_the_answer(tmp_path):
    result = baked(tmp_path, [{**row, "confidence": 0.3} for row in RIGHT])

    assert accuracy(result) == 1
    assert "64 answers have a confidence of no more than 1 / 2" in result.notes[1]


def test_a_tie_goes_to_the_answer(tmp_path):
    rows = [{**row, "bad": 0.5, "good": 0.5} for row in RIGHT]

    assert accuracy(baked(tmp_path, rows)) == 1


def test_percentages_are_refused_and_rounded_probabilities_are_scaled(tmp_path):
    rows = [{**row, "bad": 0.9, "good": 0.9} for row in RIGHT]

    assert "The probabilities of 64 rows did not add up to 1 and were scaled." in baked(tmp_path, rows).notes
    assert "not a probability" in refusal(tmp_path, [{**row, "bad": 90, "good": 10} for row in RIGHT])


def test_ids_that_begin_at_0_are_refused_where_rows_begin_at_1(tmp_path):
    rows = [{"id": number, "predicted": "good"} for number in range(184)]
    numbers = iter(range(1, 185))
    splits = {name: getattr(TABLE, name) for name in ("train", "validation", "test")}
    renamed = {
        name: type(split)([str(next(numbers)) for _ in split.ids], split.texts, split.labels)
        for name, split in splits.items()
    }
    table = type(TABLE)(TABLE.label_names, **renamed)

    assert "begin at 0, those of the data at 1" in refusal(tmp_path, rows, table)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"label": "predictd"}, "has no column 'predictd'"),
        ({"id": "key"}, "has no column 'key'"),
        ({"text": "txt"}, "has no column 'txt'"),
        ({"confidence": "sure"}, "has no column 'sure'"),
        ({"file": "/no/such.csv"}, "/no/such.csv"),
    ],
)
def test_wrong_columns_and_files_are_refused(tmp_path, settings, said):
    assert said in refusal(tmp_path, RIGHT, **settings)


def test_a_column_of_answers_without_a_usual_name_has_to_be_named(tmp_path):
    said = refusal(tmp_path, [{"text": row["text"], "antwort": row["predicted"]} for row in RIGHT])

    assert "has a usual name for answers; its columns are text, antwort." in said
    assert said.endswith("Name the answer column with the contestant's `label`.")


def test_a_file_without_texts_and_ids_is_refused(tmp_path):
    assert "has no column of texts or ids" in refusal(tmp_path, [{"predicted": "good"}] * 3)


# --- whole runs -----------------------------------------------------------------------------------------------------

CONFIG = """
task: classification
data: {table: sentence-polarity, rows: 300}
contestants:
  linear: {}
  api: {method: predictions, file: answers.csv}
evaluation: {resamples: 20}
"""


@pytest.fixture
def finished(tmp_path, monkeypatch) -> Path:
    """A run of a file of answers next to its config, in another folder than the working one."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "my.yaml").write_text(CONFIG)
    columns = read_raw_table("sentence-polarity").columns
    with (tmp_path / "project" / "answers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(zip(columns["text"], columns["label"], strict=True))
    monkeypatch.chdir(tmp_path)
    run("project/my.yaml", tmp_path / "run")
    return tmp_path / "run"


def test_the_commands_leave_it_out_where_it_has_no_answer(finished):
    typed = bakeoff("predict", finished, "a new film", "--json")
    assert list(json.loads(typed.out)["predictions"]) == ["linear"]
    assert "api is left out. There is no answer for 'a new film'" in typed.err

    assert list(json.loads(bakeoff("explain", finished, "a new film", "--json").out)["explanations"]) == ["linear"]
    assert "There is no answer for 'a new film'" in refused("predict", finished, "a new film", "--contestant", "api")


def test_a_server_leaves_it_out_unless_it_is_named(finished):
    (known, *_) = read_raw_table("sentence-polarity").columns["text"]
    with running([finished]) as client:
        every, named, explained = (
            client.post("/v1/classify", json=asked)
            for asked in (
                {"texts": ["a new film"]},
                {"texts": ["a new film"], "models": ["run/api"]},
                {"texts": [known], "models": ["run/api"], "explain": True},
            )
        )

    assert [answer["model"] for answer in every.json()["data"]] == ["run/linear"]
    assert named.status_code == 400
    assert "There is no answer for 'a new film'" in named.json()["error"]["message"]
    (answer,) = explained.json()["data"][0]["predictions"]
    assert (answer["probability"], answer["words"]) == (1, None)


def test_the_file_is_found_by_the_config_and_fingerprinted(finished):
    file = finished.parent / "project" / "answers.csv"
    contestant = finished / "contestants" / "api"
    assert str(file) in json.loads((finished / "data.json").read_text())["files"]
    assert json.loads((contestant / "result.json").read_text())["metrics"][0]["value"] == 1
    (contestant / "result.json").unlink()

    file.write_text(file.read_text(encoding="utf-8") + "one more,positive\n", encoding="utf-8")

    with pytest.raises(UserError, match=r"have changed since the run began \(.*answers\.csv\)"):
        resume(finished)


def test_the_scores_of_a_run_give_the_same_metrics(finished, tmp_path):
    scores = finished / "contestants" / "linear" / "scores.parquet"

    outcome = run(
        {
            "task": "classification",
            "data": {"table": "sentence-polarity", "rows": 300},
            "contestants": {"linear": {}, "before": {"method": "predictions", "file": str(scores)}},
            "evaluation": {"resamples": 20},
        },
        tmp_path / "again",
    )

    linear, before = outcome.results
    assert before.metrics[0] == linear.metrics[0]
    assert "matched by id (column 'document'): 60 of 60 test texts and 0 of 30 validation texts" in before.notes[0]


def test_a_parquet_file_and_an_ensemble_with_it(tmp_path):
    pq.write_table(pa.Table.from_pylist(WITH_PROBABILITIES), tmp_path / "answers.parquet")
    made = config(
        {
            "majority": {},
            "predictions": {"file": str(tmp_path / "answers.parquet")},
            "ensemble": {"members": ["majority", "predictions"]},
        }
    )
    members = {name: ContestantFolder(tmp_path / name) for name in ("majority", "predictions")}
    for name, folder in members.items():
        folder.write_result(bake(made, name, TABLE, folder))

    both = bake(made, "ensemble", TABLE, ContestantFolder(tmp_path / "ensemble"), earlier=members)

    assert accuracy(both) == 1
