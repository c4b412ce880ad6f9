"""Contestants from config to result, and their models from disk to prediction."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import yaml

from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.evaluation.calibration import calibration_error, fit_temperature
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.tasks.base import get_task
from bakeoff.tasks.classifier import load_classifier
from bakeoff.training.progress import Progress
from tests.baking import bake
from tests.methods.small_data import SMALL_LSTM, config, small_table

pytestmark = pytest.mark.usefixtures("one_thread")

CONTESTANTS = {
    "majority": {},
    "linear": {},
    "lstm": SMALL_LSTM,
    "gru": SMALL_LSTM,
    "corrector": {"method": "lstm", "linear_part": {"naive_bayes": False}, **SMALL_LSTM},
    "ensemble": {"members": ["linear", "lstm"]},
}
TABLE = small_table()
PINNED = [0.6873, 0.5751]  # training loss of the first two epochs, in nats
ODD_TEXTS = ["", "  \n", "?!", "dull " * 2000, "日本語", "fine"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunFolder:
    """A run folder with six finished contestants and an unfinished one."""
    run = RunFolder(tmp_path_factory.mktemp("run"))
    checked = config(CONTESTANTS)
    values = checked.model_dump(mode="json")
    values["contestants"]["late"] = values["contestants"]["lstm"]
    run.write_config_file(values)
    earlier: dict[str, ContestantFolder] = {}
    for name in CONTESTANTS:
        folder = run.contestant(name)
        folder.write_result(bake(checked, name, TABLE, folder, earlier=earlier))
        earlier[name] = folder
    return run


@pytest.mark.parametrize("name", CONTESTANTS)
def test_scores_metrics_and_predictions_agree(run, name):
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
    assert [metric.name for metric in result.metrics][:3] == ["accuracy", "macro_f1", "loss"]
    assert result.metrics[0].value == pytest.approx(right / len(scores))
    assert result.metrics[2].value == pytest.approx(sum(row["loss"] for row in scores) / len(scores))
    assert result.training.total_seconds >= result.training.seconds


@pytest.mark.parametrize("name", CONTESTANTS)
def test_the_temperature_is_saved_with_the_model_and_changes_no_label(run, name):
    folder = run.contestant(name)
    saved = json.loads((folder.model / "classifier.json").read_text())
    classifier = load_classifier(folder.path)
    raw = classifier.model.probabilities(TABLE.test.texts)

    calibration = folder.result().calibration

    assert (calibration is None) is (name == "majority")
    assert saved["temperature"] == classifier.temperature == (calibration.temperature if calibration else 1.0)
    validation = classifier.model.probabilities(TABLE.validation.texts)
    if calibration:
        assert saved["temperature"] == fit_temperature(TABLE.validation.labels, validation)
    assert classifier.probabilities(TABLE.test.texts).argmax(axis=1).tolist() == raw.argmax(axis=1).tolist()
    errors = [metric for metric in folder.result().metrics if metric.name == "calibration_error"]
    assert errors[-1].value == pytest.approx(calibration_error(TABLE.test.labels, raw))


@pytest.mark.parametrize("name", CONTESTANTS)
def test_bf16_moves_probabilities_a_little_and_only_of_what_computes_in_it(run, name):
    texts = TABLE.test.texts

    exact = load_classifier(run.path, contestant=name).probabilities(texts)
    rounded = load_classifier(run.path, contestant=name, precision="bf16").probabilities(texts)

    assert rounded == pytest.approx(exact, abs=0.01)
    assert bool((rounded == exact).all()) is (name in ("majority", "linear"))


def test_every_learner_finds_the_telling_word_and_the_floor_does_not(run):
    accuracies = {name: run.contestant(name).result().metrics[0].value for name in CONTESTANTS}

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
    assert [sample.document for sample in first] == TABLE.test.ids[:5]

    assert [sample.prompt for sample in first] == TABLE.test.texts[:5]
    assert {sample.kind for sample in first} == {"first"}
    assert len(mistakes) == 10
    assert all(sample.kind == "mistake" and sample.label != sample.predicted for sample in mistakes)


def test_a_model_loads_from_its_own_folder_and_from_its_contestant_s(run):
    folder = run.contestant("lstm")
    expected = load_classifier(run.path, contestant="lstm").predict(TABLE.test.texts)

    assert load_classifier(folder.path).predict(TABLE.test.texts) == expected
    assert load_classifier(str(folder.model)).predict(TABLE.test.texts) == expected


def test_a_training_that_was_cut_short_ends_with_the_same_metrics(run, tmp_path):
    class Cut(Progress):
        def step(self, line, share):
            if line.step == 19:  # in the third epoch of eight steps
                raise RuntimeError("power cut")

    folder = ContestantFolder(tmp_path / "lstm")
    with pytest.raises(RuntimeError, match="power cut"):
        bake(config(CONTESTANTS), "lstm", TABLE, folder, Cut())

    resumed = bake(config(CONTESTANTS), "lstm", TABLE, folder, Progress())

    whole = run.contestant("lstm").result()
    assert resumed.metrics == whole.metrics
    assert resumed.training.steps == whole.training.steps
    # Killed once more, after training and before the result was written.
    assert bake(config(CONTESTANTS), "lstm", TABLE, folder, Progress()).metrics == whole.metrics


def test_losses_of_a_small_training_are_pinned(run):
    _, epochs = run.contestant("lstm").training_log()

    assert len(epochs) == 6
    assert epochs[-1].validation_loss < epochs[0].validation_loss
    assert [line.train_loss for line in epochs[:2]] == pytest.approx(PINNED, abs=1e-4)


def test_planted_label_errors_are_suspected_by_all_who_can_read(tmp_path):
    table = small_table()
    planted = {table.test.ids[row]: table.label_names[table.test.labels[row]] for row in range(6)}
    table.test.labels[:6] = [1 - label for label in table.test.labels[:6]]
    for name in ("majority", "linear", "lstm"):
        folder = ContestantFolder(tmp_path / name)
        result = bake(config(CONTESTANTS), name, table, folder, Progress())
        suspected = [sample for sample in folder.samples() if sample.kind == "label_issue"]
        column = folder.scores()["suggested_label"].to_pylist()
        assert result.label_issues == len(suspected) == sum(label is not None for label in column)
        if name == "majority":
            assert suspected == []
            continue
        found = [sample for sample in suspected if planted.get(sample.document) == sample.predicted]
        assert len(found) >= 3
        assert len(found) >= len(suspected) / 2


def test_a_class_may_be_missing_from_the_test_split(tmp_path):
    table = small_table(classes=3)
    kept = [row for row in range(len(table.test)) if table.test.labels[row] != 2]
    result = bake(
        config(CONTESTANTS),
        "linear",
        dataclasses.replace(table, test=table.test.of(kept)),
        ContestantFolder(tmp_path / "linear"),
        Progress(),
    )
    assert [score.texts for score in result.classes] == [14, 13, 0]
    assert result.classes[2].recall is None


@pytest.mark.parametrize(
    ("metric", "label", "said"),
    [("average_precision", "label", "1 of 2 labels occur"), ("mean_average_precision", ["a", "b"], "0 of 2 labels")],
)
def test_a_deciding_metric_that_the_test_texts_do_not_define_is_refused(tmp_path, metric, label, said):
    answers = [{"label": "x", "a": 1, "b": 0}, {"label": "y", "a": 0, "b": 1}, {"label": "x", "a": 0, "b": 0}]
    rows = [
        {"text": f"text {number}", "split": split, **answers[2 if split == "test" else number % 2]}
        for number, split in enumerate(["train"] * 12 + ["validation"] * 4 + ["test"] * 4)
    ]
    (tmp_path / "table.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {
        "task": "classification",
        "data": {"table": str(tmp_path / "table.jsonl"), "label": label, "split": {"column": "split"}},
        "contestants": {"majority": {}},
    }
    task = get_task(load_config(values))
    task.prepare(load_config(values))  # the metric that decides by default is defined

    with pytest.raises(UserError, match=f"evaluation.metric: {metric} is not defined on the test split, where {said}"):
        task.prepare(load_config({**values, "evaluation": {"metric": metric}}))


def test_three_classes(tmp_path):
    table = small_table(classes=3)
    for name in ("linear", "lstm"):
        folder = ContestantFolder(tmp_path / name)
        result = bake(config(CONTESTANTS, epochs=8), name, table, folder, Progress())
        assert result.confusion.labels == ["bad", "good", "odd"]
        assert result.metrics[0].value >= 0.9


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
    (tmp_path / "bakeoff.yaml").write_text(
        yaml.safe_dump({"format": 2, "task": "language-model", "contestants": {"full": {}}})
    )
    with pytest.raises(UserError, match="language-model"):
        load_classifier(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "holds no classifier"),
        ("[]", "holds no classifier"),
        ('{"model_type": "gpt2"}', "holds no classifier"),
        ('{"format": 1}', "another version of bakeoff"),
        ('{"format": 2, "method": "linear"}', "is damaged"),
    ],
)
def test_files_that_describe_no_classifier(tmp_path, content, said):
    (tmp_path / "classifier.json").write_text(content)

    with pytest.raises(UserError, match=said):
        load_classifier(tmp_path)
