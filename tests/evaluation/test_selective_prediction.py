"""Answering less and being right more often."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.evaluation.classifier import Answers, evaluate_classifier
from bakeoff.evaluation.selective_prediction import WANTED, choose_threshold, coverage_curve, selective_prediction
from bakeoff.evaluation.stakes import Stakes

answers = st.lists(
    st.tuples(st.sampled_from([0.5, 0.50004, 0.6, 0.87, 0.99994, 1.0]) | st.floats(0.5, 1), st.booleans()),
    min_size=1,
    max_size=80,
)


@given(answers, st.sampled_from(WANTED))
@settings(deadline=None)
def test_a_threshold_keeps_its_promise_and_no_lower_one_does(texts: list[tuple[float, bool]], wanted: float) -> None:
    top, right = (np.array(side) for side in zip(*texts, strict=True))
    found = choose_threshold(top, right, wanted)
    candidates = [0.0, *(min(9999, int(np.floor(each * 10_000)) + step) / 10_000 for each in top for step in (0, 1))]
    good = [each for each in candidates if (top >= each).any() and right[top >= each].mean() >= wanted]
    if found is None:
        assert good == []
        return
    assert right[top >= found].mean() >= wanted
    assert all((top >= each).sum() <= (top >= found).sum() for each in good)
    assert round(found, 4) == found


@given(answers)
@settings(deadline=None)
def test_every_point_of_the_curve_is_what_its_threshold_gives(texts: list[tuple[float, bool]]) -> None:
    top, right = (np.array(side) for side in zip(*texts, strict=True))
    curve = coverage_curve(top, right, 0.95)
    assert 1 <= len(curve) <= 50
    assert curve[-1].coverage == 1
    assert curve[-1].accuracy.value == pytest.approx(right.mean())
    for point in curve:
        answered = top >= point.threshold
        assert point.coverage == pytest.approx(answered.mean())
        assert point.accuracy.value == pytest.approx(right[answered].mean())
    assert [point.coverage for point in curve] == sorted({point.coverage for point in curve})


def test_long_curves_are_thinned_evenly() -> None:
    curve = coverage_curve(np.linspace(0.5, 1, 5000), np.ones(5000, dtype=bool), 0.95)
    assert [point.coverage for point in curve] == pytest.approx(np.arange(1, 51) / 50)


def test_thresholds_are_chosen_on_one_side_and_measured_on_the_other() -> None:
    random = np.random.default_rng(0)
    sure = random.uniform(0.5, 1, size=(2, 3000))
    labels = (random.random((2, 3000)) < sure).astype(int)
    probabilities = np.stack([1 - sure, sure], axis=2)
    found = selective_prediction(labels[1], probabilities[1], labels[0], probabilities[0], 0.95)
    for choice in found.choices:
        expected = choose_threshold(sure[0], labels[0] == 1, choice.wanted)
        assert choice.threshold == expected
        answered = sure[1] >= choice.threshold
        assert choice.coverage == pytest.approx(answered.mean())
        assert choice.accuracy.value == pytest.approx(labels[1][answered].mean())
        assert choice.accuracy.low < choice.wanted + 0.02
    coverages = [choice.coverage for choice in found.choices]
    assert coverages == sorted(coverages, reverse=True)


def test_who_is_never_right_has_no_threshold_and_who_never_differs_has_one_point() -> None:
    found = selective_prediction([0, 1], [[0.4, 0.6]] * 2, [0, 0], [[0.4, 0.6]] * 2, 0.95)
    assert [choice.threshold for choice in found.choices] == [None] * len(WANTED)
    assert [point.coverage for point in found.curve] == [1]


def test_with_costs_the_label_of_least_expected_cost_is_answered_at_its_probability() -> None:
    answers = Answers([1, 0], np.array([[0.6, 0.4], [0.95, 0.05]]))

    found = evaluate_classifier(
        answers,
        answers,
        ["no", "yes"],
        calibrate=False,
        stakes=Stakes(costs=[[0, 1], [10, 0]]),  # `yes` is predicted from a probability of 1 / 11
        metric="cost",
        confidence=0.95,
        resamples=10,
        seed=0,
    ).selective_prediction

    assert [(point.threshold, point.accuracy.value) for point in found.curve] == [(0.95, 1), (0.4, 1)]
    assert {choice.threshold for choice in found.choices} == {0.0}
