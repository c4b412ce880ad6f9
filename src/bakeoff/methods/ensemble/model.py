"""Several classifiers that answer together: a weighted sum of their log-probabilities."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from bakeoff.evaluation.calibration import logits_of
from bakeoff.runs.writing import write_text

if TYPE_CHECKING:
    from bakeoff.methods.base import TextModel

Array = npt.NDArray[np.float64]

_LARGEST_WEIGHT = 10.0
"""An upper bound, because weights would grow forever if no validation text is misclassified."""


class EnsembleModel:
    """A logarithmic opinion pool (Heskes 1998, *Selecting weighting factors in logarithmic opinion pools*).

    The weights minimize the cross-entropy on texts that no member was trained on. None is negative; a member that
    adds nothing gets 0. They need not add up to 1: the sum also makes the members more or less sure of themselves.
    """

    def __init__(self, members: Mapping[str, TextModel], weights: Mapping[str, float]) -> None:
        self.members = members
        self.weights = weights

    @classmethod
    def fit(cls, members: Mapping[str, TextModel], texts: Sequence[str], labels: Sequence[int]) -> EnsembleModel:
        """Weigh trained members, of which each knows the same classes in the same order.

        Args:
            texts: Validation texts: the members were not trained on them.
            labels: Class indices.
        """
        logits = np.stack([logits_of(member.probabilities(texts)) for member in members.values()])
        truth = np.asarray(labels)[:, None]

        def loss_and_slope(weights: Array) -> tuple[float, Array]:
            logs = log_softmax(np.tensordot(weights, logits, axes=1), axis=1)
            expected = (np.exp(logs) * logits).sum(axis=2)
            given = np.take_along_axis(logits, np.broadcast_to(truth, (len(logits), *truth.shape)), axis=2)[:, :, 0]
            return -float(np.take_along_axis(logs, truth, axis=1).mean()), (expected - given).mean(axis=1)

        # Convex in the weights, so that where the search begins does not matter.
        equal = np.full(len(members), 1 / len(members))
        found = minimize(loss_and_slope, equal, jac=True, bounds=[(0.0, _LARGEST_WEIGHT)] * len(members))
        return cls(members, dict(zip(members, found.x.tolist(), strict=True)))

    @property
    def parameters(self) -> int:
        return sum(member.parameters for member in self.members.values()) + len(self.weights)

    def probabilities(self, texts: Sequence[str]) -> Array:
        """Return shape (texts, classes)."""
        weighted = [
            weight * logits_of(self.members[name].probabilities(texts)) for name, weight in self.weights.items()
        ]
        together: Array = softmax(np.sum(weighted, axis=0), axis=1)
        return together

    def save(self, folder: Path) -> None:
        """Write the weights."""
        write_text(folder / "weights.json", json.dumps(self.weights, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, members: Mapping[str, TextModel]) -> EnsembleModel:
        return cls(members, json.loads((folder / "weights.json").read_text(encoding="utf-8")))
