"""Contestants from spec to result, and their models from disk to prediction."""

from __future__ import annotations

import json
import math

import pytest
import yaml

from bakeoff.classify.classifier import load_classifier
from bakeoff.classify.contestants import bake
from bakeoff.classify.task import RecurrentTask
from bakeoff.errors import UserError
from bakeoff.runs.folder import ContestantFolder, RunFolder
from bakeoff.training.memory import divided
from bakeoff.training.progress import Progress
from tests.classify.small_data import SMALL_LSTM, small_table, spec

CONTESTANTS = {"majority": {}, "linear": {}, "lstm": SMALL_LSTM, "gru": SMALL_LSTM}
TABLE = small_table()
PINNED = [0.6873, 0.5751]  # training loss of the first two epochs, in nats
ODD_TEXTS = ["", "  \n", "?!", "dull " * 2000, "日本語", "fine"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunFolder:
    """A run folder with four finished contestants and an unfinished one."""
    run = RunFolder(tmp_path_factory.mktemp("run"))
    checked = spec(CONTESTANTS)
    values = checked.model_dump(mode="json")
    values["contestants"]["late"] = values["contestants"]["lstm"]
    run.write_spec(values)
    for name in CONTESTANTS:
        folder = run.contestant(name)
        folder.write_result(bake(checked, name, TABLE, folder, Progress()))
    return run


@pytest.mark.parametrize("name", CONTESTANTS)
def test_scores_figures_and_predictions_agree(run, name):
    folder = run.contestant(name)
    scores, result = folder.scores().to_pylist(), folder.result()

    predictions = load_classifier(run.path, contestant=name).predict(TABLE.test.texts)

    assert [row["document"] for row in scores] == TABLE.test.ids
    assert [each.label for each in predictions] == [row["predicted"] for row in scores]
    for row, each in zip(scores, predictions, strict=True):
        assert row["probability_good"] == pytest.approx(each.probabilities["good"], abs=1e-6)
        assert row["loss"] == pytest.approx(-math.log(row[f"probability_{row['label']}"]), abs=1e-6)
        assert sum(each.probabilities.values()) == pytest.approx(1)
        assert each.probability == max(each.probabilities.values())
    right = sum(row["label"] == row["predicted"] for row in scores)
    assert [figure.name for figure in result.figures] == ["accuracy", "macro_f1", "loss"]
    assert result.figures[0].value == pytest.approx(right / len(scores))
    assert result.figures[2].value == pytest.approx(sum(row["loss"] for row in scores) / len(scores))
    assert result.training.total_seconds >= result.training.seconds


def test_every_learner_finds_the_telling_word_and_the_floor_does_not(run):
    accuracies = {name: run.contestant(name).result().figures[0].value for name in CONTESTANTS}

    assert accuracies.pop("majority") == 0.5
    assert min(accuracies.values()) >= 0.9, accuracies


@pytest.mark.parametrize("name", CONTESTANTS)
def test_a_prediction_does_not_depend_on_its_batch(run, name):
    classifier = load_classifier(run.path, contestant=name)
    texts = ODD_TEXTS + TABLE.test.texts

    together = classifier.predict(texts)

    for text, each in zip(texts[:12], together, strict=False):
        assert each.probabilities == pytest.approx(classifier.predict([text])[0].probabilities, abs=1e-6)
    assert classifier.predict([]) == []


def test_samples_are_the_first_texts_and_the_most_certain_mistakes(run):
    samples = run.contestant("majority").samples()
    first, mistakes = samples[:5], samples[5:]

    assert [sample.prompt for sample in first] == TABLE.test.texts[:5]
    assert {sample.kind for sample in first} == {"first"}
    assert len(mistakes) == 10
    assert all(sample.kind == "mistake" and sample.label != sample.predicted for sample in mistakes)


def test_a_model_loads_from_its_own_folder_and_from_its_contestant_s(run):
    folder = run.contestant("lstm")
    expected = load_classifier(run.path, contestant="lstm").predict(TABLE.test.texts)

    assert load_classifier(folder.path).predict(TABLE.test.texts) == expected
    assert load_classifier(str(folder.model)).predict(TABLE.test.texts) == expected


def test_a_training_that_was_cut_short_ends_with_the_same_figures(run, tmp_path):
    class Cut(Progress):
        def step(self, line, share):
            if line.step == 19:  # in the third epoch of eight steps
                raise RuntimeError("power cut")

    folder = ContestantFolder(tmp_path / "lstm")
    with pytest.raises(RuntimeError, match="power cut"):
        bake(spec(CONTESTANTS), "lstm", TABLE, folder, Cut())

    resumed = bake(spec(CONTESTANTS), "lstm", TABLE, folder, Progress())

    whole = run.contestant("lstm").result()
    assert resumed.figures == whole.figures
    assert resumed.training.steps == whole.training.steps
    # Killed once more, after training and before the result was written.
    assert bake(spec(CONTESTANTS), "lstm", TABLE, folder, Progress()).figures == whole.figures


def test_losses_of_a_small_training_are_pinned(run):
    _, epochs = run.contestant("lstm").metrics()

    assert len(epochs) == 6
    assert epochs[-1].validation_loss < epochs[0].validation_loss
    assert [line.train_loss for line in epochs[:2]] == pytest.approx(PINNED, abs=1e-4)


def test_halves_of_a_batch_have_its_loss():
    """What training does where memory runs short; without dropout, whose random numbers depend on the shape."""
    settings = spec({"lstm": {**SMALL_LSTM, "embedding_dropout": 0, "dropout": 0, "word_dropout": 0}}).contestants
    task = RecurrentTask(TABLE, settings["lstm"], seed=1)
    for (batch,) in task.steps(1):
        parts = list(divided(batch, 1))

        assert len(parts) == batch.count
        assert sum(part.tokens for part in parts) == batch.tokens
        losses = [task.loss(part) for part in parts]
        whole = task.loss(batch)
        assert sum(loss.total.item() for loss in losses) == pytest.approx(whole.total.item(), rel=1e-5)
        assert sum(loss.correct for loss in losses) == whole.correct


def test_three_classes(tmp_path):
    table = small_table(classes=3)
    for name in ("linear", "lstm"):
        folder = ContestantFolder(tmp_path / name)
        result = bake(spec(CONTESTANTS, epochs=8), name, table, folder, Progress())
        assert result.confusion.labels == ["bad", "good", "odd"]
        assert result.figures[0].value >= 0.9


@pytest.mark.parametrize(
    ("contestant", "expected"), [("lstn", ["lstn", "lstm", "linear"]), ("late", ["late", "bakeoff resume"])]
)
def test_contestants_that_cannot_be_loaded(run, contestant, expected):
    with pytest.raises(UserError) as caught:
        load_classifier(run.path, contestant=contestant)

    assert [part for part in expected if part not in str(caught.value)] == []


def test_folders_that_hold_no_classifier(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        load_classifier(tmp_path / "nowhere")
    (tmp_path / "bakeoff.yaml").write_text(yaml.safe_dump({"task": "language-model", "contestants": {"full": {}}}))
    with pytest.raises(UserError, match="language-model"):
        load_classifier(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    for content in ("{", "[]", json.dumps({"model_type": "gpt2"})):
        (other / "config.json").write_text(content)
        with pytest.raises(UserError, match="no classifier"):
            load_classifier(other)
