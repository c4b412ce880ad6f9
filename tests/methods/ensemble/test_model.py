"""Classifiers that answer together. Their weights against scikit-learn's logistic regression on the log-odds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.special import expit, logit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from bakeoff.errors import UserError
from bakeoff.methods.ensemble import weights as weights_of
from bakeoff.methods.ensemble.model import EnsembleModel
from bakeoff.planner import plan
from bakeoff.runner import resume, run
from bakeoff.runs.folder import RunFolder
from bakeoff.tasks.classifier import TextModel, load_classifier
from tests.methods.small_data import SMALL_LSTM

TEXTS = [f"text {number}" for number in range(400)]
random = np.random.default_rng(0)
LABELS = random.integers(0, 2, len(TEXTS))


class Guess(TextModel):
    """A member that is as often right as it was made."""

    parameters = 1

    def __init__(self, probabilities: np.ndarray) -> None:
        self.of_text = dict(zip(TEXTS, probabilities, strict=True))

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([self.of_text[text] for text in texts])


def guess(skill: float, noise: float = 1.5) -> Guess:
    second = expit(skill * (2 * LABELS - 1) + noise * random.normal(size=len(LABELS)))
    return Guess(np.stack([1 - second, second], axis=1))


def test_weights_are_those_of_a_logistic_regression_on_the_log_odds():
    members = {"better": guess(1.0), "worse": guess(0.5)}
    log_odds = np.stack([logit(member.probabilities(TEXTS)[:, 1]) for member in members.values()], axis=1)
    expected = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-8).fit(log_odds, LABELS)

    found = EnsembleModel.fit(members, TEXTS, LABELS.tolist())

    assert list(found.weights.values()) == pytest.approx(expected.coef_[0].tolist(), abs=1e-3)
    assert found.probabilities(TEXTS) == pytest.approx(expected.predict_proba(log_odds), abs=1e-3)
    assert found.parameters == 4


def test_a_member_that_is_worse_than_chance_gets_no_weight():
    found = EnsembleModel.fit({"good": guess(1.0), "contrary": guess(-1.0)}, TEXTS, LABELS.tolist())

    assert found.weights["contrary"] == 0 < found.weights["good"]


def test_on_the_texts_it_was_weighed_on_it_is_at_least_as_good_as_any_member():
    truth = random.integers(0, 4, len(TEXTS))
    members = {}
    for name, skill in (("one", 1.0), ("two", 1.2), ("three", 0.1)):
        members[name] = Guess(softmax(skill * np.eye(4)[truth] + random.normal(size=(len(TEXTS), 4)), axis=1))

    found = EnsembleModel.fit(members, TEXTS, truth.tolist())

    losses = [log_loss(truth, member.probabilities(TEXTS)) for member in members.values()]
    assert log_loss(truth, found.probabilities(TEXTS)) < min(losses)


def test_members_that_are_always_right_get_a_weight_that_can_be_used():
    sure = np.eye(2)[LABELS]

    found = EnsembleModel.fit({"one": Guess(sure), "two": Guess(sure)}, TEXTS, LABELS.tolist())

    assert found.probabilities(TEXTS) == pytest.approx(sure, abs=1e-5)


def test_a_few_probabilities_of_0_do_not_take_a_member_s_weight():
    """As of a forest in which no tree has voted for the label."""
    whole = guess(1.0)
    rows = whole.probabilities(TEXTS)
    rows[:4] = 1 - np.eye(2)[LABELS[:4]]

    found = EnsembleModel.fit({"whole": whole}, TEXTS, LABELS.tolist())
    with_zeros = EnsembleModel.fit({"zeros": Guess(rows)}, TEXTS, LABELS.tolist())

    assert with_zeros.weights["zeros"] > 0.4 * found.weights["whole"]


def test_the_weight_of_a_member_without_probabilities_can_be_read_in_the_notes():
    labels = np.eye(2)[guess(1.2).probabilities(TEXTS).argmax(axis=1)]

    found = EnsembleModel.fit({"sure": guess(1.0), "labels": Guess(labels)}, TEXTS, LABELS.tolist())

    assert found.weights["labels"] > 0.05


def test_a_saved_ensemble_answers_as_it_did(tmp_path):
    members = {"weights": Guess(np.eye(2)[LABELS]), "other": guess(1.0)}
    found = EnsembleModel.fit(members, TEXTS, LABELS.tolist())
    found.save(tmp_path)

    loaded = EnsembleModel.load(tmp_path, members)

    assert np.array_equal(loaded.probabilities(TEXTS), found.probabilities(TEXTS))


def test_an_ensemble_saved_before_low_probabilities_were_bounded_answers_as_it_did(tmp_path):
    members = {"weights": Guess(np.eye(2)[LABELS]), "other": guess(1.0)}
    (tmp_path / "weights.json").write_text('{"weights": 0.003, "other": 0.9}')

    loaded = EnsembleModel.load(tmp_path, members)

    sure, other = (np.log(np.maximum(each.probabilities(TEXTS), np.finfo(float).tiny)) for each in members.values())
    assert loaded.probabilities(TEXTS) == pytest.approx(softmax(0.003 * sure + 0.9 * other, axis=1))


def test_few_texts_draw_the_weights_to_equal_ones_and_lower_the_loss_of_others():
    truth = np.random.default_rng(1).integers(0, 2, 4_000)
    noise = np.random.default_rng(2).normal(size=(3, len(truth)))
    second = expit(np.array([0.7, 0.6, 0.8])[:, None] * (2 * truth - 1) + noise)
    logits = np.log(np.stack([1 - second, second], axis=2))
    draws = [np.random.default_rng(seed).permutation(len(truth)) for seed in range(12)]
    free, drawn = [], []
    for order in draws:
        few, others = order[:24], order[24:]
        equal = np.full(3, 1 / 3)
        for losses, weights in (
            (free, weights_of._fitted(logits[:, few], truth[few], 0.0, equal)),
            (drawn, weights_of.weigh(logits[:, few], truth[few])),
        ):
            losses.append(weights_of._loss(weights, logits[:, others], truth[others]))

    assert np.mean(drawn) < np.mean(free) - 0.02


def test_a_text_with_several_labels_is_one_text():
    """Four labels that are the same question say no more about the weights than one."""
    noise = np.random.default_rng(0).normal(size=(2, len(TEXTS), 1))
    second = expit(np.reshape([1.0, 0.5], (2, 1, 1)) * (2 * LABELS[:, None] - 1) + 1.5 * noise)
    members = {name: Guess(np.concatenate([1 - rows, rows], axis=1)) for name, rows in zip("ab", second, strict=True)}
    fourfold = {name: Guess(np.repeat(rows, 4, axis=1)) for name, rows in zip("ab", second, strict=True)}

    once = EnsembleModel.fit(members, TEXTS[:60], LABELS[:60].tolist())
    four = EnsembleModel.fit(fourfold, TEXTS[:60], np.repeat(LABELS[:60, None] == 1, 4, axis=1))

    assert four.weights == pytest.approx(once.weights, abs=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_handful_of_texts_gives_usable_weights(count):
    found = EnsembleModel.fit({"one": guess(1.0), "two": guess(0.5)}, TEXTS[:count], LABELS[:count].tolist())

    assert sum(found.weights.values()) > 0
    assert np.isfinite(found.probabilities(TEXTS)).all()


CONFIG = {
    "task": "classification",
    "data": {"table": "sentence-polarity", "rows": 300},
    "budget": {"epochs": 1},
    "contestants": {"linear": {}, "lstm": SMALL_LSTM, "both": {"method": "ensemble", "members": ["linear", "lstm"]}},
    "evaluation": {"resamples": 100},
}


def test_with_several_seeds_each_ensemble_has_the_members_of_its_seed(tmp_path):
    outcome = run({**CONFIG, "repeats": 2}, tmp_path / "run")

    first, second = RunFolder(outcome.folder).contestant("both").repeats()
    for ensemble, lstm in ((first, "lstm"), (second, "lstm/repeat-2")):
        own = (ensemble.model / "members" / "lstm" / "model.safetensors").read_bytes()
        assert own == (outcome.folder / "contestants" / lstm / "model" / "model.safetensors").read_bytes()
    linear = [(each.model / "members" / "linear" / "model.safetensors").read_bytes() for each in (first, second)]
    assert linear[0] == linear[1]


def test_it_takes_as_long_as_its_members_and_can_be_moved_and_resumed(tmp_path):
    outcome = run(CONFIG, tmp_path / "run")
    linear, lstm, both = outcome.results
    assert both.training.seconds > linear.training.seconds + lstm.training.seconds
    assert both.training.total_seconds > linear.training.total_seconds + lstm.training.total_seconds
    card = (outcome.folder / "contestants" / "both" / "model" / "README.md").read_text()
    assert "An ensemble of the classifiers `linear`, `lstm`" in card
    assert both.trainable_parameters == linear.trainable_parameters + lstm.trainable_parameters
    texts = ["a moving film", "dull"]
    expected = load_classifier(outcome.folder, contestant="both").probabilities(texts)

    (RunFolder(outcome.folder).contestant("both").path / "result.json").unlink()
    again = resume(outcome.folder)
    (outcome.folder / "contestants" / "both" / "model").rename(tmp_path / "moved")

    assert again.results[2].metrics == both.metrics
    assert load_classifier(tmp_path / "moved").probabilities(texts) == pytest.approx(expected)


def test_its_plan_counts_its_members_training_once():
    planned = plan(CONFIG)

    linear, lstm, both = planned.contestants
    assert both.training_seconds == 0
    assert both.evaluation_seconds == 0, "they have answered by then"
    assert both.model_bytes == linear.model_bytes + lstm.model_bytes
    more = both.peak_memory_bytes - max(linear.peak_memory_bytes, lstm.peak_memory_bytes)
    assert more >= min(linear.model_bytes, lstm.model_bytes), "it holds all members at once"
    assert planned.total_seconds == pytest.approx(
        sum(each.total_seconds for each in planned.contestants), abs=planned.measuring_seconds
    )


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            ["linear", "lstn"],
            "'lstn': members must be contestants listed before it, without members of their own: linear, lstm",
        ),
        (["linear", "late"], "'late': members must be contestants listed before it"),
        (["linear", "linear"], "'both' lists a member twice"),
        (["linear"], "contestants.both.members"),
    ],
)
def test_members_that_cannot_be(tmp_path, members, said):
    ensemble, late = {"method": "ensemble", "members": members}, {"method": "lstm"}
    contestants = {**CONFIG["contestants"], "both": ensemble, "late": late}

    with pytest.raises(UserError) as error:
        run({**CONFIG, "contestants": contestants}, tmp_path / "run")

    assert said in str(error.value)
