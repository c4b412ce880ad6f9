"""A linear model inside a recurrent one: the network is trained on what the linear model misses.

The logits of the network are added to the linear model's log-probabilities, as a stage of boosting is added to those
before it (Friedman 2001, *Greedy function approximation*). The linear model knows the texts that it was fitted on
almost by heart, so that nothing of them would be left to learn: while the network is trained, each text's
log-probabilities come from a linear model that has not seen it (Wolpert 1992, *Stacked generalization*).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

from bakeoff.classify.linear import Array, LinearModel
from bakeoff.data.types import LabelledTexts
from bakeoff.errors import UserError
from bakeoff.judge.calibration import fit_temperature
from bakeoff.spec.schema import LinearContestant

_FOLDS = 5

FITS_OF_ALL_TEXTS = 1 + _FOLDS * (1 - 1 / _FOLDS)
"""What `fit_linear_part` takes, in fits of a linear model on all texts."""


@dataclass(frozen=True)
class LinearPart:
    """A linear model, and what is added to the network's logits of each training text."""

    model: LinearModel  # fitted on all training texts, calibrated on the folds
    training_logits: torch.Tensor  # shape (texts, classes), by models that were not fitted on the text


def fit_linear_part(training: LabelledTexts, settings: LinearContestant, seed: int) -> LinearPart:
    """Fit a linear model on all texts and one on each four fifths of them.

    Raises:
        UserError: a class has a single training text.
    """
    labels = np.asarray(training.labels)
    folds = min(_FOLDS, *Counter(training.labels).values())
    if folds < 2:
        raise UserError(
            "`linear_part` needs two training texts of every class: models classify what they have not seen.",
            "Give more texts, or train without `linear_part`.",
        )
    unseen = np.zeros((len(labels), labels.max() + 1))
    for seen, held_out in StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels):
        model = LinearModel.fit([training.texts[row] for row in seen], labels[seen].tolist(), settings)
        unseen[held_out] = model.probabilities([training.texts[row] for row in held_out])
    temperature = fit_temperature(labels, unseen)
    model = LinearModel.fit(training.texts, training.labels, settings).cooled(temperature)
    return LinearPart(model, _logits(unseen) / temperature)


def linear_logits(model: LinearModel, texts: Sequence[str]) -> torch.Tensor:
    """What is added to the network's logits, shape (texts, classes)."""
    return _logits(model.probabilities(texts))


def _logits(probabilities: Array) -> torch.Tensor:
    return torch.from_numpy(np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))).float()
