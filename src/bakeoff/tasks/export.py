"""Export a trained classifier for other runtimes, and compare it with the original on real texts."""

from __future__ import annotations

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
from bakeoff.methods.registry import get_classification_method
from bakeoff.methods.saved import classifier_path, read_classifier
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.writing import replaced_folder
from bakeoff.tasks.classifier import Classifier, load_classifier

TOLERANCE = 1e-4
"""Largest difference of a probability between the exported and the trained classifier."""

_COMPARED_TEXTS = 500


@dataclass(frozen=True)
class Parity:
    """The exported classifier next to the trained one, from raw text to probabilities."""

    source: str  # of the texts
    texts: int
    largest_difference: float  # of a probability
    different_labels: int  # texts whose most probable label differs


@dataclass(frozen=True)
class OnnxExport:
    """A finished export."""

    folder: Path
    contestant: str
    files: list[str]
    parity: Parity


def export_onnx(run: RunFolder, output: Path, contestant: str | None = None) -> OnnxExport:
    """Write model.onnx with everything it needs, and compare it with the contestant on real texts.

    Args:
        output: The new folder.
        contestant: Name in the run; the verdict's best if absent.

    Raises:
        UserError: the run has no such contestant, its method has no export, `output` exists, packages are missing, or
            the exported classifier answers differently. No folder is left behind.
    """
    run.must_hold_a_run()
    if output.exists():
        raise UserError(f"{output} already exists.", "Choose another folder with -o, or remove it first.")
    classifier = load_classifier(run.path, contestant=contestant)
    name = contestant or run.verdict().best
    folder = run.contestant(name)
    if (reason := _refusal(folder)) is not None:
        raise _not_exported(run, name, reason)
    source, texts = _texts(run)
    with replaced_folder(output) as temporary:
        shutil.copyfile(classifier_path(folder.model), classifier_path(temporary))
        exported = _method(folder).export_onnx(classifier.model, classifier.temperature, temporary)
        parity = _compare(classifier, exported, source, texts)
        files = sorted(file.name for file in temporary.iterdir())
    return OnnxExport(output, name, files, parity)


def _method(folder: ContestantFolder) -> ClassificationMethod[Any]:
    return get_classification_method(read_classifier(folder.model).method)


def _refusal(folder: ContestantFolder) -> str | None:
    method = _method(folder)
    return method.export_refusal(method.config.model_validate(read_classifier(folder.model).settings))


def _compare(
    classifier: Classifier, exported: Callable[[Sequence[str]], npt.NDArray[Any]], source: str, texts: Sequence[str]
) -> Parity:
    expected, probabilities = classifier.probabilities(texts), exported(texts)
    difference = float(np.abs(expected - probabilities).max())
    if not difference <= TOLERANCE:  # NaN is not
        raise UserError(
            f"The exported classifier differs from the contestant: a probability by {difference:.2g} on {source}.",
            f"Nothing was written, because more than {TOLERANCE:g} is not rounding. "
            "The installed versions of torch, onnxscript and onnxruntime may not go together.",
        )
    different = int((expected.argmax(axis=1) != probabilities.argmax(axis=1)).sum())
    return Parity(source, len(texts), difference, different)


def _texts(run: RunFolder) -> tuple[str, list[str]]:
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


def _not_exported(run: RunFolder, name: str, reason: str) -> UserError:
    able = [folder.name for folder in run.contestants() if folder.finished and _refusal(folder) is None]
    return UserError(
        f"Contestant '{name}' is of method {run.contestant(name).result().method}; {reason}.",
        f"Use its model as it is, with bakeoff.load_classifier('{run.contestant(name).model}').predict(texts)"
        + (f", or export another: --contestant {able[0]}" if able else "."),
    )
