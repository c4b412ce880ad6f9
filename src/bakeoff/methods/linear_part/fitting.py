"""A linear model inside a network: the network is trained on what the linear model misses.

The network's logits are added to the linear model's log-probabilities, like a stage of boosting (Friedman 2001, *Greedy
function approximation*), and the network sees how the linear model's evidence is spread over the text. A linear model
knows its own training texts almost by heart, which would leave nothing to learn. So during training each text is
answered by a linear model that has not seen it (Wolpert 1992, *Stacked generalization*).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

from bakeoff.data.types import LabeledTexts
from bakeoff.data.word_ids import TokenizedTexts
from bakeoff.data.words import tokenize
from bakeoff.evaluation.calibration import fit_temperature
from bakeoff.methods.encoded import Rows
from bakeoff.methods.linear.choice import choose_settings
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import PUNCTUATION, Array, LinearModel
from bakeoff.methods.linear_part.config import LINEAR_PART
from bakeoff.methods.linear_part.evidence import evidence, evidence_size

_FOLDS = 5

FITS_OF_ALL_TEXTS = 1 + _FOLDS * (1 - 1 / _FOLDS)
"""The cost of `fit_linear_part`, in fits of a linear model on all texts."""


@dataclass(frozen=True)
class LinearAnswers:
    """A linear model's logits and evidence for some texts."""

    logits: torch.Tensor  # its log-probabilities, shape (texts, classes)
    evidence: torch.Tensor  # as `evidence` returns it, shape (texts, size)

    def of(self, rows: Rows, device: torch.device) -> LinearAnswers:
        """Return the answers for some of the texts."""
        return LinearAnswers(self.logits[rows].to(device), self.evidence[rows].to(device))


@dataclass(frozen=True)
class LinearPart:
    """A linear model, and answers for the training texts from models that were not fitted on them."""

    model: LinearModel  # fitted on all training texts, calibrated on the folds
    training: LinearAnswers
    settings: LinearConfig  # with nothing left open
    note: str = ""  # what was chosen and why

    @property
    def evidence_size(self) -> int:
        """Return the number of values of evidence per text."""
        return self.training.evidence.shape[1]

    def save(self, folder: Path) -> None:
        """Write the model into a subfolder of a network's folder."""
        (folder / LINEAR_PART).mkdir()
        self.model.save(folder / LINEAR_PART)


def fit_linear_part(training: LabeledTexts, settings: LinearConfig, seed: int) -> LinearPart:
    """Fit a linear model on all texts, at least two of each class, and one on each four fifths of them."""
    labels = np.asarray(training.labels)
    folds = min(_FOLDS, int(np.bincount(labels).max()))  # a class with fewer texts is held out in some of them
    texts = tokenize(training.texts, PUNCTUATION)
    settings, note = choose_settings(settings, texts, training.labels)
    unseen = np.zeros((len(labels), labels.max() + 1))
    unseen_evidence = np.zeros((len(labels), evidence_size(settings, labels.max() + 1)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        splits = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels))
    for seen, held_out in splits:
        model = LinearModel.fit_tokenized(texts.of(seen), labels[seen].tolist(), settings)
        unseen[held_out], unseen_evidence[held_out] = _answers(model, texts.of(held_out))
    temperature = fit_temperature(labels, unseen)
    model = LinearModel.fit_tokenized(texts, training.labels, settings).cooled(temperature)
    answers = LinearAnswers(_logits(unseen) / temperature, torch.from_numpy(unseen_evidence / temperature).float())
    return LinearPart(model, answers, settings, note)


def load_linear_part(folder: Path, settings: LinearConfig) -> tuple[LinearModel, LinearConfig]:
    """Return the model that a `LinearPart` has saved in a network's folder, and its settings with `ngrams` chosen."""
    model = LinearModel.load(folder / LINEAR_PART)
    return model, settings.model_copy(update={"ngrams": model.ngrams.kind})


def linear_answers(model: LinearModel, texts: Sequence[str]) -> LinearAnswers:
    """Return the answers that the network gets with the texts."""
    probabilities, spread = _answers(model, tokenize(texts, PUNCTUATION))
    return LinearAnswers(_logits(probabilities), torch.from_numpy(spread).float())


def unanswered(texts: int, classes: int, settings: LinearConfig) -> LinearAnswers:
    """Return placeholders for answers, to measure the work alone."""
    return LinearAnswers(torch.zeros(texts, classes), torch.zeros(texts, evidence_size(settings, classes)))


def _answers(model: LinearModel, texts: TokenizedTexts) -> tuple[Array, Array]:
    """Return probabilities, shape (texts, classes), and evidence."""
    counts = model.ngrams.count(texts)
    features = model.tfidf.transform(counts)
    return model.probabilities_of(features), evidence(model, texts, counts, features)


def _logits(probabilities: Array) -> torch.Tensor:
    return torch.from_numpy(np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))).float()
