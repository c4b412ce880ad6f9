"""Several classifiers that answer together: a weighted sum of their log-probabilities."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from bakeoff.evaluation.calibration import logits_of
from bakeoff.methods.ensemble.weights import weigh
from bakeoff.runs.writing import write_text

if TYPE_CHECKING:
    from bakeoff.methods.base import TextModel

Array = npt.NDArray[np.float64]

LOWEST = 1e-6
"""What a lower probability of a member counts as. A member's 0 is a rounded one, or that of a member without
probabilities. With its own logarithm, that of the smallest number there is, no weight would be right for it and for the
member's other answers. Many classes with this probability still add up to little."""

_UNBOUNDED = sys.float_info.min
"""The same of ensembles that were saved before there was a bound: their weights were fitted without it."""


class Answered:
    """A member that has been evaluated in this process: it need not answer the same texts again.

    Its model is loaded when it is asked for another text.
    """

    def __init__(self, load: Callable[[], TextModel], answers: Sequence[tuple[Sequence[str], Array]]) -> None:
        self._load = load
        self._answers = answers

    @functools.cached_property
    def _model(self) -> TextModel:
        return self._load()

    @property
    def parameters(self) -> int | None:
        return self._model.parameters

    def probabilities(self, texts: Sequence[str]) -> Array:
        known = next((answers for asked, answers in self._answers if asked is texts), None)
        return self._model.probabilities(texts) if known is None else known


class EnsembleModel:
    """A logarithmic opinion pool (Heskes 1998, *Selecting weighting factors in logarithmic opinion pools*).

    The weights minimize the cross-entropy on texts that no member was trained on, with a penalty where these are few
    (`weigh`). None is negative; a member that adds nothing gets 0. They need not add up to 1: the sum also makes the
    members more or less sure of themselves.
    """

    def __init__(
        self,
        members: Mapping[str, TextModel],
        weights: Mapping[str, float],
        *,
        multilabel: bool = False,
        lowest: float = LOWEST,
    ) -> None:
        self.members = members
        self.weights = weights
        self.multilabel = multilabel  # a text can have several labels
        self.lowest = lowest  # what a lower probability of a member counts as

    @classmethod
    def fit(
        cls, members: Mapping[str, TextModel], texts: Sequence[str], labels: Sequence[int] | npt.NDArray[np.bool_]
    ) -> EnsembleModel:
        """Weigh trained members, of which each knows the same classes in the same order.

        Args:
            texts: Validation texts: the members were not trained on them.
            labels: Class indices; or the labels of each text, shape (texts, labels). Each label is a question of two
                classes then, and all questions have the same weights.
        """
        truth = np.asarray(labels)
        several = truth.ndim == 2
        answers = [member.probabilities(texts) for member in members.values()]
        logits = np.stack([logits_of(_questions(each) if several else each, LOWEST) for each in answers])
        weights = weigh(logits, truth.ravel().astype(np.int64), truth.shape[1] if several else 1)
        return cls(members, dict(zip(members, weights.tolist(), strict=True)), multilabel=several)

    @property
    def parameters(self) -> int | None:
        parameters = [member.parameters for member in self.members.values()]
        return None if None in parameters else sum(filter(None, parameters)) + len(self.weights)

    def probabilities(self, texts: Sequence[str]) -> Array:
        """Return shape (texts, classes)."""
        answers = {name: self.members[name].probabilities(texts) for name in self.weights}
        shape = next(iter(answers.values())).shape
        if self.multilabel:
            answers = {name: _questions(rows) for name, rows in answers.items()}
        weighted = [weight * logits_of(answers[name], self.lowest) for name, weight in self.weights.items()]
        together: Array = softmax(np.sum(weighted, axis=0), axis=1)
        return together[:, 1].reshape(shape) if self.multilabel else together

    def save(self, folder: Path) -> None:
        """Write the weights."""
        values = {"lowest": self.lowest, "weights": self.weights}
        write_text(folder / "weights.json", json.dumps(values, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, members: Mapping[str, TextModel], *, multilabel: bool = False) -> EnsembleModel:
        values = json.loads((folder / "weights.json").read_text(encoding="utf-8"))
        if not isinstance(values.get("weights"), dict):  # saved before there was a bound: the weights alone, by member
            values = {"lowest": _UNBOUNDED, "weights": values}
        return cls(members, values["weights"], multilabel=multilabel, lowest=values["lowest"])


def _questions(probabilities: Array) -> Array:
    """Return the labels of all texts as questions of two classes, shape (texts * labels, 2)."""
    flat = probabilities.ravel()
    return np.stack([1 - flat, flat], axis=1)
