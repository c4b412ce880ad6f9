"""Somebody's answers where a text can have several labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bakeoff.errors import UserError
from bakeoff.methods.predictions.method import PredictionsMethod
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import ContestantResult
from tests.baking import bake
from tests.methods.small_data import config, small_label_table

TABLE = small_label_table()
ASKED = [
    (text, [name for name, has in zip(TABLE.label_names, row, strict=True) if has])
    for part in (TABLE.validation, TABLE.test)
    for text, row in zip(part.texts, part.sets.tolist(), strict=True)
]


def baked(folder: Path, rows: list[dict], **settings) -> ContestantResult:
    file = folder / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = config({"api": {"method": "predictions", "file": str(file), **settings}})
    PredictionsMethod().check("api", made.contestants["api"], TABLE)
    return bake(made, "api", TABLE, ContestantFolder(folder / "api"))


@pytest.mark.parametrize(
    "answer",
    [
        lambda labels: {"predicted": labels},
        lambda labels: {"predicted": str(labels)},
        lambda labels: {"predicted": ", ".join(labels)},
        lambda labels: {"predicted": ";".join(labels)},
        lambda labels: {name: int(name in labels) for name in TABLE.label_names},
    ],
    ids=["lists", "spelled out", "commas", "semicolons", "columns"],
)
def test_right_labels_are_right_and_taken_as_they_are(tmp_path, answer):
    result = baked(tmp_path, [{"text": text, **answer(labels)} for text, labels in ASKED])

    assert result.metric("subset_accuracy").value == 1
    assert result.calibration is None
    assert {score.threshold for score in result.classes} == {0.5}
    assert any(note.startswith("Only labels were given") for note in result.notes)


def test_probabilities_are_calibrated_and_get_thresholds(tmp_path):
    rows = [
        {"text": text, **{f"probability_{name}": 0.3 if name in labels else 0.1 for name in TABLE.label_names}}
        for text, labels in ASKED
    ]
    result = baked(tmp_path, rows)

    assert result.metric("subset_accuracy").value == 1
    assert result.calibration is not None
    assert result.metric("mean_average_precision").value == pytest.approx(1)
    assert {score.threshold for score in result.classes} != {0.5}


def test_texts_without_an_answer_get_the_frequencies_of_the_labels(tmp_path):
    result = baked(tmp_path, [{"text": text, "predicted": labels} for text, labels in ASKED[:-1]])

    scores = ContestantFolder(tmp_path / "api").scores().to_pylist()
    assert [scores[-1][f"probability_{name}"] for name in TABLE.label_names] == pytest.approx(
        np.mean(TABLE.train.sets, axis=0)
    )
    assert any("1 test text has no answer in the file" in note for note in result.notes)


def test_unknown_labels_and_wrong_probabilities_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"row 1, column 'predicted': 'god' is not a label(.|\n)*Did you mean 'good'"):
        baked(tmp_path, [{"text": text, "predicted": ["bad", "god"]} for text, _ in ASKED])
    wrong = [{"text": text, **dict.fromkeys(TABLE.label_names, 1.5)} for text, _ in ASKED]
    with pytest.raises(UserError, match=r"1\.5 is not a probability"):
        baked(tmp_path, wrong)


@pytest.mark.parametrize("answers", ["pred_", "predicted_"])
def test_answers_beside_the_true_labels_are_judged(tmp_path, answers):
    rows = [
        {"text": text, **{name: int(name in labels) for name in TABLE.label_names}, **_none(answers)}
        for text, labels in ASKED
    ]

    result = baked(tmp_path, rows)

    assert result.metric("subset_accuracy").value < 0.5
    assert f"Answers from the columns {answers}NAME of all labels of " in result.notes[0]


def test_a_list_of_answers_beside_the_true_labels_is_judged(tmp_path):
    rows = [
        {"text": text, **{name: int(name in labels) for name in TABLE.label_names}, "predicted": "bad"}
        for text, labels in ASKED
    ]

    assert baked(tmp_path, rows).metric("subset_accuracy").value < 0.5


def test_true_labels_beside_columns_that_may_be_the_answers_are_refused(tmp_path):
    rows = [
        {"text": text, **{name: int(name in labels) for name in TABLE.label_names}, **_none("gpt ")}
        for text, labels in ASKED
    ]

    with pytest.raises(UserError, match="all of them are the labels of the data; gpt bad, gpt good, gpt odd may"):
        baked(tmp_path, rows)


def _none(prefix: str) -> dict[str, int]:
    return {f"{prefix}{name}": 0 for name in TABLE.label_names}


def test_a_confidence_is_refused(tmp_path):
    with pytest.raises(UserError, match="`confidence` names the probability of a single answer"):
        baked(tmp_path, [{"text": text, "predicted": labels} for text, labels in ASKED], confidence="sure")
