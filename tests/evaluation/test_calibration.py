"""Temperature scaling finds known temperatures, and the calibration error what was put in."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.calibration import calibration_curve

from bakeoff.evaluation.calibration import (
    BINS,
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    calibration_error,
    calibration_error_interval,
    chance_error,
    fit_temperature,
    reliability,
    with_temperature,
)
from bakeoff.evaluation.classification import log_loss

DRAWS = {"confidence": 0.95, "resamples": 300}


def calibrated_texts(texts: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels drawn from them: perfect calibration."""
    random = np.random.default_rng(seed)
    probabilities = softmax(random.normal(0, 2, size=(texts, classes)), axis=1)
    labels = (probabilities.cumsum(axis=1) < random.random((texts, 1))).sum(axis=1)
    return labels, probabilities


rows = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=2, max_size=6).filter(lambda row: sum(row) > 1e-3)


@given(row=rows, temperature=st.floats(LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE))
def test_no_temperature_changes_the_label(row: list[float], temperature: float) -> None:
    before = np.array([row]) / sum(row)
    after = with_temperature(before, temperature)
    assert after.argmax() == before.argmax()
    assert after.sum() == pytest.approx(1)
    assert (after >= 0).all()


@pytest.mark.parametrize("row", [[0.5 - 1e-16, 0.5 + 1e-16], [0.2, 0.4 - 1e-16, 0.4], [1e-300, 1.0], [0.0, 1.0]])
@pytest.mark.parametrize("temperature", [LOWEST_TEMPERATURE, 1.7, HIGHEST_TEMPERATURE])
def test_nor_does_it_where_two_labels_are_all_but_level(row: list[float], temperature: float) -> None:
    assert with_temperature([row], temperature).argmax() == np.argmax(row)


def test_it_divides_the_logits() -> None:
    logits = np.random.default_rng(1).normal(0, 3, size=(20, 4))
    assert with_temperature(softmax(logits, axis=1), 1.7) == pytest.approx(softmax(logits / 1.7, axis=1))
    assert with_temperature([[0.25, 0.75]], 1.0).tolist() == [[0.25, 0.75]]


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_distortion_is_found_and_undone(classes: int, temperature: float) -> None:
    labels, probabilities = calibrated_texts(6000, classes, seed=2)
    distorted = with_temperature(probabilities, 1 / temperature)
    fitted = fit_temperature(labels, distorted)
    assert fitted == pytest.approx(temperature, rel=0.08)
    rescaled = with_temperature(distorted, fitted)
    assert log_loss(labels, rescaled) <= log_loss(labels, distorted) + 1e-9
    assert calibration_error(labels, rescaled) < 0.03


def test_the_fit_is_that_of_gradient_descent_on_the_logits() -> None:
    """As in Guo et al.'s own code: L-BFGS on the temperature."""
    labels, probabilities = calibrated_texts(800, 3, seed=3)
    logits = torch.tensor(np.log(probabilities) * 1.8)
    temperature = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([temperature], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits / temperature, torch.tensor(labels))
        loss.backward()
        return loss

    optimizer.step(closure)
    assert fit_temperature(labels, softmax(logits.numpy(), axis=1)) == pytest.approx(temperature.item(), rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "probabilities", "expected"),
    [
        ([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], 1.0),  # all right: sharper would always be better
        ([0], [[0.6, 0.4]], 1.0),
        ([], np.zeros((0, 2)), 1.0),
        ([1], [[0.6, 0.4]], HIGHEST_TEMPERATURE),  # all wrong: flatter would always be better
        ([1, 0], [[0.6, 0.4], [0.4, 0.6]], HIGHEST_TEMPERATURE),
        ([1, 1, 1], [[1 - 1e-9, 1e-9], [1e-9, 1 - 1e-9], [1e-9, 1 - 1e-9]], HIGHEST_TEMPERATURE),  # sure, and wrong
        ([1, 1, 1], [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], 1.0),  # a 0 stays 0 at any temperature
        ([0, 0, 0, 0, 1], [[0.51, 0.49]] * 5, LOWEST_TEMPERATURE),  # one class predicted, and far too shyly
    ],
)
def test_degenerate_validation_sides_end_at_a_bound(labels: list, probabilities: list, expected: float) -> None:
    assert fit_temperature(labels, probabilities) == pytest.approx(expected, rel=1e-3)


def test_probabilities_that_were_rounded_to_0_do_not_make_the_others_unsure() -> None:
    """As in a file of answers with two decimals, or of a forest in which no tree has voted for the label."""
    labels, exact = calibrated_texts(2000, 3, seed=6)
    rounded = exact.round(2) / exact.round(2).sum(axis=1, keepdims=True)
    assert (rounded[np.arange(len(labels)), labels] == 0).any()
    assert fit_temperature(labels, rounded) == pytest.approx(fit_temperature(labels, exact), rel=0.05)


@given(st.lists(st.tuples(st.integers(0, 2), rows.filter(lambda row: len(row) == 3)), min_size=1, max_size=12))
@settings(max_examples=50, deadline=None)
def test_every_validation_side_gives_a_temperature_that_does_not_harm_it(texts: list) -> None:
    labels = [label for label, _ in texts]
    probabilities = np.array([np.array(row) / sum(row) for _, row in texts])
    temperature = fit_temperature(labels, probabilities)
    assert LOWEST_TEMPERATURE * 0.999 <= temperature <= HIGHEST_TEMPERATURE * 1.001
    assert log_loss(labels, with_temperature(probabilities, temperature)) <= log_loss(labels, probabilities) + 1e-4


def test_the_calibration_error_by_hand() -> None:
    labels = [0, 1, 0, 1]
    probabilities = [[0.9, 0.1], [0.9, 0.1], [0.45, 0.55], [0.44, 0.56]]
    # Two texts said with 0.9, half of them right; two with 0.55 and 0.56, half of them right.
    assert calibration_error(labels, probabilities) == pytest.approx(0.5 * 0.4 + 0.5 * 0.055)


def test_the_bins_are_those_of_scikit_learn() -> None:
    labels, probabilities = calibrated_texts(500, 2, seed=4)
    top = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    accuracies, confidences = calibration_curve(right, top, n_bins=BINS)
    bins = reliability(labels, probabilities)
    assert [bin.accuracy for bin in bins] == pytest.approx(accuracies)
    assert [bin.confidence for bin in bins] == pytest.approx(confidences)
    assert sum(bin.texts for bin in bins) == 500
    gaps = sum(bin.texts * abs(bin.accuracy - bin.confidence) for bin in bins) / 500
    assert calibration_error(labels, probabilities) == pytest.approx(gaps)


@pytest.mark.parametrize(("distortion", "at_least"), [(1.0, 0.93), (0.83, 0.88), (0.5, 0.88)])
def test_the_interval_holds_the_true_error_as_often_as_it_says(distortion: float, at_least: float) -> None:
    """Percentiles of the bootstrap would hold it in 0, 4 and 88 of 100 cases."""
    many, said = calibrated_texts(300_000, 2, seed=5)
    true = 0.0 if distortion == 1 else calibration_error(many, with_temperature(said, distortion))
    held = 0
    for repeat in range(150):
        labels, probabilities = calibrated_texts(300, 2, seed=100 + repeat)
        low, high = calibration_error_interval(
            labels, with_temperature(probabilities, distortion), seed=repeat, **DRAWS
        )
        held += low <= true <= high
    assert at_least <= held / 150


def test_perfect_calibration_shows_the_error_of_chance() -> None:
    errors, expected = [], []
    for seed in range(100):
        labels, probabilities = calibrated_texts(400, 3, seed)
        errors.append(calibration_error(labels, probabilities))
        expected.append(chance_error(probabilities))
    assert np.mean(errors) == pytest.approx(np.mean(expected), rel=0.06)
    assert math.isclose(chance_error([[1.0, 0.0]]), 0.0)
