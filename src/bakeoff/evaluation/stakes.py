"""What wrong labels cost, and how labels are ordered: the config's words on labels, turned into numbers."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bakeoff.errors import UserError
from bakeoff.evaluation.choosing import Costs, choose
from bakeoff.evaluation.config import BinaryCost, ClassificationEvaluationConfig
from bakeoff.evaluation.metrics import get_metric
from bakeoff.evaluation.metrics.predictions import TOP, Predictions

POSITIVE = ("1", "true", "yes", "positive", "pos")
"""Names of a positive label, in lower case, which the config need not name."""


@dataclass(frozen=True)
class Stakes:
    """What `evaluation` says of the labels."""

    costs: Costs | None = None
    described: str = ""  # the costs as part of a protocol's name
    ranks: list[int] | None = None  # of each class, from 0
    note: str = ""  # a sentence for the reader of a result

    def predictions(self, labels: Sequence[int], probabilities: npt.NDArray[np.float64]) -> Predictions:
        """Return the answers that the probabilities and costs lead to."""
        truth = np.asarray(labels, dtype=np.int64)
        chosen = choose(probabilities, self.costs)
        ranks = None if self.ranks is None else np.asarray(self.ranks)
        return Predictions(
            truth,
            probabilities,
            chosen=chosen,
            costs=None if self.costs is None else np.asarray(self.costs)[truth, chosen],
            costs_described=self.described,
            ranks=None if ranks is None else (ranks[truth], ranks[chosen]),
        )


def resolve(config: ClassificationEvaluationConfig, labels: Sequence[str]) -> Stakes:
    """Return what a config says of the labels of a table.

    Raises:
        UserError: It names labels that do not exist, leaves the positive one open, or does not order all of them.
    """
    if config.metric == f"top_{TOP}_accuracy" and len(labels) <= TOP:
        raise UserError(
            f"evaluation.metric: {config.metric} needs more than {TOP} labels, and there are {len(labels)}.",
            "Use `accuracy`.",
        )
    ranks = None if config.labels is None else _ranks(config.labels, labels)
    if config.cost is None:
        return Stakes(ranks=ranks)
    if not isinstance(config.cost, BinaryCost):
        costs = _matrix(config.cost, labels)
        digest = hashlib.sha256(json.dumps([list(labels), costs]).encode()).hexdigest()[:8]
        return Stakes(costs, f"(costs={digest})", ranks, f"{_CHOSEN}.")
    positive = _positive(config.cost, labels)
    missed, alarm = config.cost.false_negative, config.cost.false_positive
    costs = [[0.0, 0.0], [0.0, 0.0]]
    costs[positive][1 - positive], costs[1 - positive][positive] = missed, alarm
    threshold = alarm / (alarm + missed) if alarm + missed else 0.5
    return Stakes(
        costs,
        f"(false_negative={missed:g}, false_positive={alarm:g})",
        ranks,
        f"{_CHOSEN}: '{labels[positive]}' from a probability of {threshold:.4f}.",
    )


_CHOSEN = "The label of least expected cost is predicted, not the most probable one"


def refuse_stakes_of_several(config: ClassificationEvaluationConfig) -> None:
    """Refuse what makes no sense where a text can have several labels.

    Raises:
        UserError: the config gives costs or an order of the labels.
    """
    for key in ("cost", "labels"):
        if getattr(config, key) is not None:
            raise UserError(
                f"evaluation.{key} is for tables in which every text has one label, and here a text can have several.",
                f"Leave out evaluation.{key}.",
            )


def refuse_undefined(metric: str, test_texts: Sequence[int]) -> None:
    """Refuse a deciding metric that the test split does not define: another one would decide in its place.

    Args:
        test_texts: How many test texts have each label.

    Raises:
        UserError: too few labels occur among the test texts.
    """
    occurring, fewest = sum(texts > 0 for texts in test_texts), get_metric(metric).fewest_labels
    if occurring < fewest:
        raise UserError(
            f"evaluation.metric: {metric} is not defined on the test split, where {occurring} of {len(test_texts)} "
            f"labels occur: it needs at least {fewest}.",
            "Use another metric, or other test rows.",
        )


def _positive(cost: BinaryCost, labels: Sequence[str]) -> int:
    if len(labels) != 2:
        raise UserError(
            f"evaluation.cost: false_negative and false_positive need two labels, and there are {len(labels)}.",
            "Give the costs by true and predicted label: cost: {complaint: {praise: 20}}",
        )
    if cost.positive is not None:
        if cost.positive not in labels:
            raise _unknown("evaluation.cost.positive", cost.positive, labels)
        return labels.index(cost.positive)
    known = [index for index, label in enumerate(labels) if label.casefold() in POSITIVE]
    if len(known) != 1:
        raise UserError(
            f"evaluation.cost: which of the labels is the positive one, '{labels[0]}' or '{labels[1]}'?",
            f"Name it: cost: {{positive: {labels[1]}, false_negative: {cost.false_negative:g}, "
            f"false_positive: {cost.false_positive:g}}}",
        )
    return known[0]


def _matrix(cost: dict[str, dict[str, float]], labels: Sequence[str]) -> Costs:
    for label in (*cost, *(label for row in cost.values() for label in row)):
        if label not in labels:
            raise _unknown("evaluation.cost", label, labels)
    return [[cost.get(true, {}).get(predicted, float(true != predicted)) for predicted in labels] for true in labels]


def _ranks(order: str | list[str], labels: Sequence[str]) -> list[int]:
    if order == "ordered":
        try:
            numbers = [float(label) for label in labels]
        except ValueError:
            numbers = [math.nan]
        if not all(map(math.isfinite, numbers)) or len(set(numbers)) < len(labels):
            raise UserError(
                "evaluation.labels: `ordered` sorts labels that are different numbers, and not all of these are: "
                f"{_listed(labels)}.",
                "Give their order: labels: [worst, bad, good, best]",
            )
        return [sorted(numbers).index(number) for number in numbers]
    for label in order:
        if label not in labels:
            raise _unknown("evaluation.labels", label, labels)
    if missing := [label for label in labels if label not in order]:
        raise UserError(f"evaluation.labels lacks {_listed(missing)}.", "List every label of the data once, in order.")
    if len(set(order)) < len(order):
        raise UserError("evaluation.labels names a label twice.", "List every label of the data once, in order.")
    return [order.index(label) for label in labels]


def _unknown(place: str, label: str, labels: Sequence[str]) -> UserError:
    return UserError(f"{place}: the data have no label '{label}'.", f"Labels: {_listed(labels)}.")


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(f"'{label}'" for label in labels[:10]) + (", ..." if len(labels) > 10 else "")
