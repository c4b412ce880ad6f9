"""The panel's arithmetic, how bakeoff's answer is chosen, and what becomes of a cell. Nobody's accuracy is judged."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from scipy import stats

import bakeoff
import panel
from bakeoff.data.config import TableData
from bakeoff.data.tables import prepare_table
from bakeoff.data.types import LabeledTexts
from comparison import panel_summary as summary
from comparison.panel_tables import Table, first_of_every_class, write_splits
from peers.panel import bakeoff_lineup
from peers.panel.cell import SPLITS, Cell, Split
from peers.panel.worker import measure

THREE: dict[str, dict[str, float | None]] = {
    "a": {"bakeoff": 0.9, "x": 0.8, "y": 0.7},
    "b": {"bakeoff": 0.6, "x": 0.8, "y": None},
    "c": {"bakeoff": 0.5, "x": 0.5, "y": 0.9},
}


def test_equal_accuracies_share_a_rank_and_who_did_not_finish_is_last():
    ranks = summary.mean_ranks(THREE)

    assert ranks["bakeoff"].mean == pytest.approx((1 + 2 + 2.5) / 3)
    assert ranks["x"].mean == pytest.approx((2 + 1 + 2.5) / 3)
    assert ranks["y"].mean == pytest.approx((3 + 3 + 1) / 3)


def test_the_interval_of_three_tables_reaches_from_the_best_to_the_worst_rank():
    """One of 27 draws takes the same table three times, which is more than 2.5 %."""
    ranks = summary.mean_ranks(THREE)

    assert (ranks["bakeoff"].low, ranks["bakeoff"].high) == (1, 2.5)
    assert (ranks["y"].low, ranks["y"].high) == (1, 3)


def test_the_interval_is_scipys_percentile_bootstrap():
    values = np.random.default_rng(1).random((30, 4))
    found = {str(number): dict(zip("abcd", map(float, row), strict=True)) for number, row in enumerate(values)}
    ranks = stats.rankdata(-values, axis=1)[:, 2]
    expected = stats.bootstrap((ranks,), np.mean, method="percentile", rng=2).confidence_interval

    rank = summary.mean_ranks(found)["c"]

    assert (rank.low, rank.high) == pytest.approx((expected.low, expected.high), abs=0.03)


def test_the_gap_is_to_the_best_peer_in_points():
    assert summary.gap(THREE["a"]) == ("x", pytest.approx(10))
    assert summary.gap(THREE["b"]) == ("x", pytest.approx(-20))
    assert summary.gap(THREE["c"]) == ("y", pytest.approx(-40))
    assert summary.gap({"bakeoff": None, "x": 0.5}) is None
    assert summary.gap({"bakeoff": 0.5, "x": None}) is None


def test_a_difference_has_an_interval_where_both_programs_kept_their_answers():
    bits = np.random.default_rng(3).random((2, 500)) < [[0.8], [0.7]]
    difference = 100 * (bits[0].astype(int) - bits[1])
    low, high = stats.t.interval(0.95, 499, difference.mean(), stats.sem(difference))
    ours, peer = ({"right": np.packbits(row).tobytes().hex(), "tested": 500} for row in bits)

    said = summary._interval(ours, peer)

    assert [float(word) for word in said.removeprefix(", ").split(" to ")] == pytest.approx([low, high], abs=0.5)
    assert summary._interval(ours, {"accuracy": 0.7}) == ""


def test_only_tables_with_every_program_are_ranked():
    assert list(summary.complete({**THREE, "d": {"bakeoff": 0.9, "x": 0.1}})) == ["a", "b", "c"]


def test_the_test_split_has_no_say_in_bakeoffs_answer():
    rows = [
        {"name": "lucky", "validation_accuracy": 0.7, "validation_loss": 0.1, "test_accuracy": 0.9},
        {"name": "unsure", "validation_accuracy": 0.8, "validation_loss": 0.6, "test_accuracy": 0.8},
        {"name": "sure", "validation_accuracy": 0.8, "validation_loss": 0.5, "test_accuracy": 0.6},
    ]

    assert bakeoff_lineup.winner(rows) == "sure"


@pytest.mark.usefixtures("one_thread")
def test_contestants_are_measured_on_the_validation_split(tmp_path: Path):
    data = {"table": "sentence-polarity", "rows": 300, "split": {"validation": 0.3}}
    values = {"task": "classification", "data": data, "contestants": {"majority": {}, "linear": {}}}
    outcome = bakeoff.run(values, tmp_path / "run")
    split, _ = prepare_table(TableData.model_validate(data), 12)
    labels = [split.label_names[label] for label in split.validation.labels]

    rows = bakeoff_lineup.contestants_of(tmp_path / "run", Split(split.validation.texts, labels))

    majority, linear = rows
    [(frequent, _)] = Counter(split.train.labels).most_common(1)
    assert majority["validation_accuracy"] == labels.count(split.label_names[frequent]) / len(labels)
    classifier = bakeoff.load_classifier(tmp_path / "run", contestant="linear")
    answers = [prediction.label for prediction in classifier.predict(split.validation.texts)]
    assert linear["validation_accuracy"] == np.mean([a == b for a, b in zip(answers, labels, strict=True)])
    assert [row["test_accuracy"] for row in rows] == [result.metrics[0].value for result in outcome.results]


def test_few_labels_are_the_first_of_every_class_and_the_next():
    texts = LabeledTexts(list("123456789"), list("abcdefghi"), [0, 0, 1, 0, 1, 0, 1, 1, 0])

    train, validation = first_of_every_class(texts, 2)

    assert (train.texts, train.labels) == (["a", "b", "c", "e"], [0, 0, 1, 1])
    assert (validation.texts, validation.labels) == (["d", "f", "g", "h"], [0, 0, 1, 1])


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    """A cell with sixteen packaged sentences to learn from."""
    write_splits(Table("sentence-polarity", most=(7464, 20, 50), per_class=8), None, tmp_path / "splits")
    (tmp_path / "cell").mkdir()
    return Cell("sentences", "scikit_learn_grid", 0.1, 1, str(tmp_path / "splits"), "", str(tmp_path / "cell"))


@pytest.mark.usefixtures("one_thread")
def test_a_program_is_measured(cell: Cell):
    assert [len(cell.read(split).texts) for split in SPLITS] == [16, 16, 50]
    assert Counter(cell.read("train").labels) == {"negative": 8, "positive": 8}

    found = measure(cell)

    assert 0 < found["accuracy"] < 1
    assert found["accuracy"] == bin(int(found["right"], 16)).count("1") / found["tested"]
    assert found["notes"]["tried"] >= 1
    assert found["versions"]["scikit-learn"] == sklearn.__version__
    assert found["model_bytes"] == (Path(cell.folder) / "model.joblib").stat().st_size
    assert found["peak_memory_bytes"] > 100e6
    json.dumps(found)


def test_a_cell_that_fails_says_why(tmp_path: Path):
    found = panel.run_cell(Cell("a", "nobody", 1, 1, "", "", str(tmp_path)), sys.executable)

    assert found["status"] == "failed"
    assert found["reason"] == "ModuleNotFoundError: No module named 'peers.panel.nobody'"


def test_a_cell_out_of_time_did_not_finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(panel, "GRACE", 0)

    assert panel.run_cell(Cell("a", "nobody", 0, 1, "", "", str(tmp_path)), sys.executable)["status"] == (
        "did not finish"
    )


def test_the_page_is_made_from_the_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shared: dict[str, Any] = {"table": "medical", "minutes": 10, "cores": 2, "processor": "Z80", "load_average": 0.5}
    figures = {"macro_f1": 0.5, "training_seconds": 660.0, "predicting_seconds": 1.0, "peak_memory_bytes": 2e9}
    chosen = {"name": "linear", "validation_accuracy": 0.7, "validation_loss": 0.1, "test_accuracy": 0.615}
    records = [
        {**shared, "program": "setfit", "status": "failed", "reason": "killed"},
        {**shared, "program": "setfit", "status": "did not finish"},
        {**shared, "program": "fasttext", "status": "finished", "accuracy": 0.6, **figures, "model_bytes": 1e6}
        | {"notes": {}},
        {**shared, "program": "bakeoff", "status": "finished", "accuracy": 0.615, **figures, "model_bytes": 1e6}
        | {"versions": {"torch": "2.14", "bakeoff": "0.1"}, "notes": {"winner": "linear", "contestants": [chosen]}},
    ]
    elsewhere = {**shared, "table": "titles", "processor": "6502"}
    records.append({**elsewhere, "program": "bakeoff", "status": "did not finish"})
    file = tmp_path / "panel.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))

    panel.main(["--show", "--out", str(file)])

    printed = capsys.readouterr().out
    assert "| medical | 61.5 | - | 60.0 | +1.5 (fasttext) |" in printed
    assert "| medical | setfit | did not finish |" in printed
    assert "1.0 minutes over time; winner linear" in printed
    assert "| medical | linear | 70.0 / 61.5 |" in printed
    assert "Versions: torch 2.14; bakeoff 0.1." in printed
    assert "killed" not in printed
    assert "on 2 cores (Z80: medical; 6502: titles)" in printed
