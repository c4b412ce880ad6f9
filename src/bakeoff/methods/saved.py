"""Read and write classifier.json, which names the method, labels and temperature of a saved classifier.

A method writes its own files; bakeoff writes this one, once, when the classifier has been evaluated.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from bakeoff.errors import UserError
from bakeoff.methods.base import SavedClassifier, TextModel
from bakeoff.methods.registry import get_classification_method
from bakeoff.runs.checksums import check_folder, read_checked
from bakeoff.runs.reading import explained_damage
from bakeoff.runs.tensors import refuse_weights_that_are_no_numbers
from bakeoff.runs.writing import write_text
from bakeoff.sections import FORMAT, RequestedPrecision


@dataclass(frozen=True)
class CalibratedClassifier(SavedClassifier):
    """A saved classifier after its evaluation."""

    temperature: float  # logits are divided by it; see evaluation/calibration.py
    costs: list[list[float]] | None = None  # of mistakes, by true and predicted class; see evaluation/stakes.py
    temperatures: list[float] | None = None  # of the labels, where a text can have several
    out_of_scope_threshold: float | None = None  # a text whose largest probability is below belongs to no class
    thresholds: list[float] | None = None  # from these probabilities on the labels are predicted; see thresholds.py


def classifier_path(folder: Path) -> Path:
    """Return the file that makes a folder a saved classifier, whether it exists or not."""
    return folder / "classifier.json"


def write_classifier(folder: Path, saved: CalibratedClassifier) -> None:
    """Write classifier.json."""
    values = {"format": FORMAT, **asdict(saved)}
    write_text(classifier_path(folder), json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def read_classifier(folder: Path) -> CalibratedClassifier:
    """Read classifier.json.

    Raises:
        UserError: the folder holds no classifier, a damaged one, or one of another version.
    """
    path = classifier_path(folder)
    try:
        values = json.loads(read_checked(path, may_be_unlisted=True))
        version = values.pop("format")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(
            f"{folder} holds no classifier: its {path.name} is missing or broken.",
            "Give the folder of a classification run.",
        ) from None
    if version != FORMAT:
        raise UserError(f"{folder} was written by another version of bakeoff.", "Train the contestant again.")
    try:
        return CalibratedClassifier(**values)
    except TypeError:
        raise UserError(f"{path} is damaged.", "Train the contestant again.") from None


def load_text_model(folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> TextModel:
    """Load a saved classifier with the method that made it.

    Raises:
        UserError: no such method is installed, or the classifier is damaged.
    """
    method = get_classification_method(saved.method)
    checked = check_folder(folder)
    with explained_damage(folder):
        if not checked:
            refuse_weights_that_are_no_numbers(folder)
        return method.load(folder, saved, precision)


def kept_training_texts(folder: Path) -> int:
    """Return how many texts of the training split a saved classifier holds word for word.

    Raises:
        UserError: no such method is installed, or the classifier is damaged.
    """
    saved = read_classifier(folder)
    with explained_damage(folder):
        return get_classification_method(saved.method).training_texts(folder, saved)
