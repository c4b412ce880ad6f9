"""What mistakes cost, and the order of labels: read from the config, refused where it does not fit the labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bakeoff.errors import UserError
from bakeoff.evaluation.choosing import choose
from bakeoff.evaluation.config import ClassificationEvaluationConfig
from bakeoff.evaluation.stakes import Stakes, resolve

BINARY = {"false_negative": 10, "false_positive": 1}
LABELS = ["ham", "spam"]


def stakes(names: list[str], **evaluation: Any) -> Stakes:
    return resolve(ClassificationEvaluationConfig(**evaluation), names)


def test_without_costs_the_most_probable_label_is_chosen() -> None:
    assert choose(np.array([[0.4, 0.6], [0.5, 0.5]]), stakes(LABELS).costs).tolist() == [1, 0]


def test_two_labels_have_a_threshold() -> None:
    """Elkan 2001: positive from false positive / (false positive + false negative) = 1 / 11."""
    found = stakes(LABELS, cost={**BINARY, "positive": "spam"})
    assert found.costs == [[0, 1], [10, 0]]
    assert "'spam' from a probability of 0.0909." in found.note
    probabilities = np.array([[1 - p, p] for p in (0.09, 1 / 11 + 1e-9, 0.2)])
    assert choose(probabilities, found.costs).tolist() == [0, 1, 1]
    assert stakes(["positive", "negative"], cost=BINARY).costs == [[0, 10], [1, 0]]


@given(st.integers(2, 5), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_the_chosen_label_has_the_least_expected_cost(classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    costs = random.random((classes, classes)) * (1 - np.eye(classes))
    probabilities = random.dirichlet([1] * classes, size=20)
    expected = [
        [sum(row[true] * costs[true][guess] for true in range(classes)) for guess in range(classes)]
        for row in probabilities
    ]
    chosen = choose(probabilities, costs.tolist())
    assert [row[guess] for row, guess in zip(expected, chosen, strict=True)] == pytest.approx(np.min(expected, axis=1))


def test_a_matrix_names_what_differs_from_1() -> None:
    found = stakes(["1", "2", "3"], cost={1: {3: 5}, "3": {"1": 2.5, "3": 0.5}})
    assert found.costs == [[0, 1, 5], [1, 0, 1], [2.5, 1, 0.5]]
    other = stakes(["1", "2", "3"], cost={1: {3: 6}})
    assert found.described != other.described, "runs with other costs must not be compared"


def test_costs_and_ranks_of_answers() -> None:
    found = stakes(["10", "2", "1"], cost={"10": {"1": 7}}, labels="ordered")
    assert found.ranks == [2, 1, 0]
    predictions = found.predictions([0, 1], np.array([[0.1, 0.0, 0.9], [0.0, 0.9, 0.1]]))
    assert predictions.predicted.tolist() == [2, 1]
    assert predictions.costs.tolist() == [7, 0]
    assert [ranks.tolist() for ranks in predictions.ranks] == [[2, 1], [0, 1]]
    assert stakes(["bad", "good", "ok"], labels=["bad", "ok", "good"]).ranks == [0, 2, 1]


@pytest.mark.parametrize(
    ("labels", "evaluation", "message"),
    [
        (LABELS, {"cost": BINARY}, "which of the labels is the positive one, 'ham' or 'spam'"),
        (["no", "yes", "true"], {"cost": BINARY}, "need two labels, and there are 3"),
        (LABELS, {"cost": {**BINARY, "positive": "eggs"}}, "the data have no label 'eggs'"),
        (LABELS, {"cost": {"ham": {"eggs": 3}}}, "the data have no label 'eggs'"),
        (["bad", "good"], {"labels": "ordered"}, "not all of these are: 'bad', 'good'"),
        (["1", "1.0"], {"labels": "ordered"}, "different numbers"),
        (["bad", "good", "ok"], {"labels": ["bad", "good"]}, "evaluation.labels lacks 'ok'"),
        (["bad", "good"], {"labels": ["bad", "fine", "good"]}, "the data have no label 'fine'"),
        (["bad", "good"], {"labels": ["bad", "good", "bad"]}, "names a label twice"),
        (["a", "b", "c"], {"metric": "top_3_accuracy"}, "more than 3 labels"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: list[str], evaluation: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        stakes(labels, **evaluation)


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        ({"cost": {"false_negative": 1}}, "false_positive"),
        ({"cost": {**BINARY, "false_negative": -1}}, "greater than or equal to 0"),
        ({"cost": {"spam": 3}}, "must be {false_negative: 10"),
        ({"cost": {"spam": {"ham": -3}}}, "greater than or equal to 0"),
        ({"metric": "cost"}, "needs the costs of mistakes"),
        ({"metric": "quadratic_kappa"}, "needs the order of the labels"),
        ({"labels": "sorted"}, "must be `ordered`"),
    ],
)
def test_values_that_make_no_sense_are_refused(evaluation: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClassificationEvaluationConfig(**evaluation)


def test_costs_decide_the_verdict_unless_another_metric_is_named() -> None:
    assert ClassificationEvaluationConfig(cost=BINARY).metric == "cost"
    assert ClassificationEvaluationConfig(cost=BINARY, metric="accuracy").metric == "accuracy"
    again = ClassificationEvaluationConfig.model_validate(ClassificationEvaluationConfig(cost=BINARY).model_dump())
    assert (again.metric, again.cost.false_negative) == ("cost", 10)
