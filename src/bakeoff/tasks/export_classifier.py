"""Export a classifier, and compare its probabilities with the original's."""

from __future__ import annotations

import operator
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.config.classification import ClassificationConfig
from bakeoff.config.load import load_config
from bakeoff.data.config import TableData
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError
from bakeoff.methods.base import ClassificationMethod
from bakeoff.methods.export_formats import ExportFormat
from bakeoff.methods.saved import CalibratedClassifier, classifier_path, read_classifier
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.tasks.classifier import Classifier, load_classifier

TOLERANCE = 1e-4
"""Largest difference of a probability between the exported and the trained classifier."""

_COMPARED_TEXTS = 500


@dataclass(frozen=True)
class ClassifierParity:
    """The exported classifier next to the trained one, from raw text to probabilities."""

    source: str  # of the texts
    texts: int
    largest_difference: float  # of a probability
    different_labels: int  # texts whose predicted label differs, by the costs and the threshold of the classifier
    tolerance: float = TOLERANCE

    @property
    def sentence(self) -> str:
        return (
            f"Compared with the contestant on {self.texts:,} texts of {self.source}: probabilities differ by at most "
            f"{self.largest_difference:.1g}, and {self.different_labels or 'no'} labels differ."
        )


def export_classifier(
    run: RunFolder, contestant: ContestantFolder, method: ClassificationMethod[Any], format: ExportFormat, folder: Path
) -> tuple[ClassifierParity, str]:
    """Fill `folder`; return the comparison, and a command that uses the files.

    Raises:
        UserError: packages are missing, the exported classifier answers differently, a text can have several labels, or
            the contestant reads columns.
    """
    saved = refuse_other_answers(contestant)
    source, texts = _texts(run)
    shutil.copyfile(classifier_path(contestant.model), classifier_path(folder))
    exported = method.export(format, contestant.model, saved, saved.temperature, folder)
    parity = _compare(load_classifier(contestant.path, precision="fp32"), exported, source, texts)
    return parity, 'python {folder}/classify.py "A fine film"'


def refuse_other_answers(contestant: ContestantFolder) -> CalibratedClassifier:
    """Return a saved classifier that gives a text alone one label, which all exports do.

    Raises:
        UserError: a text can have several labels, the contestant reads columns, or it is damaged.
    """
    saved = read_classifier(contestant.model)
    if saved.multilabel:
        raise UserError(
            f"Contestant '{contestant.name}' gives a text several labels, and exports are for one label.",
            f"Use its model as it is, with bakeoff.load_classifier('{contestant.path}').",
        )
    if saved.columns:
        raise UserError(
            f"Contestant '{contestant.name}' reads columns beside the text, and exports are for texts alone.",
            f"Train it with features: false, or use its model with bakeoff.load_classifier('{contestant.path}').",
        )
    return saved


def _compare(
    classifier: Classifier, exported: Callable[[Sequence[str]], npt.NDArray[Any]], source: str, texts: Sequence[str]
) -> ClassifierParity:
    expected, probabilities = classifier.probabilities(texts), exported(texts)
    difference = float(np.abs(expected - probabilities).max())
    if not difference <= TOLERANCE:  # NaN is not
        raise UserError(
            f"The exported classifier differs from the contestant: a probability by {difference:.2g} on {source}.",
            f"Nothing was written, because more than {TOLERANCE:g} is not rounding. "
            "The installed versions of torch, onnxscript and onnxruntime may not go together.",
        )
    labels, exported_labels = (
        [prediction.label for prediction in classifier.decide(rows)] for rows in (expected, probabilities)
    )
    different = sum(map(operator.ne, labels, exported_labels))
    return ClassifierParity(source, len(texts), difference, different)


def _texts(run: RunFolder) -> tuple[str, Sequence[str]]:
    """Return the first texts of the run's test split, or packaged sentences if its data are gone."""
    config = load_config(run.config_values())
    assert isinstance(config, ClassificationConfig)
    try:
        table, report = prepare_table(config.data, config.seed)
        source = f"the run's test split ({report.source})"
    except UserError:
        table, _ = prepare_table(TableData(table="sentence-polarity"), config.seed)
        source = "packaged sentences, because the run's data can no longer be read"
    return source, table.test.texts[:_COMPARED_TEXTS]
