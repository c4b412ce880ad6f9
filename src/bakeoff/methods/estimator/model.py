"""A fitted estimator as a classifier."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from bakeoff.errors import UserError
from bakeoff.methods.estimator.saving import from_bytes, parameters, to_bytes
from bakeoff.methods.estimator.several_labels import label_probabilities
from bakeoff.methods.estimator.source import Source, explained, import_source
from bakeoff.methods.table_columns.encoder import ColumnEncoder
from bakeoff.runs.writing import write_text

if TYPE_CHECKING:
    from bakeoff.methods.estimator.config import EstimatorConfig

Array = npt.NDArray[np.float64]

_log = logging.getLogger(__name__)


class EstimatorModel:
    """A fitted scikit-learn classifier of texts whose labels are class indices.

    Its probabilities are those of `predict_proba`. Without that, the sigmoid or softmax of `decision_function` takes
    their place, which the temperature then calibrates; and without that, 1 for the label that it predicts.
    """

    def __init__(
        self,
        estimator: Any,
        classes: int,
        parameters: int = 0,
        file: str | None = None,
        *,
        multilabel: bool = False,
        columns: ColumnEncoder | None = None,
    ) -> None:
        self.estimator = estimator
        self.classes = classes
        self.parameters = parameters
        self.file = file  # of the module that made it, for messages
        self.multilabel = multilabel  # a text can have several labels
        self.columns = columns  # read the columns beside the text, where it was fitted on data frames

    @property
    def answers_with(self) -> Literal["predict_proba", "decision_function", "predict"]:
        """Return the function of the estimator that probabilities come from."""
        for name in ("predict_proba", "decision_function"):
            if hasattr(self.estimator, name):
                return name
        return "predict"

    def probabilities(self, texts: Sequence[str]) -> Array:
        """Return shape (texts, classes).

        Raises:
            UserError: the estimator raises an error, or answers with something else than a row for each text.
        """
        how, inputs = self.answers_with, inputs_of(texts, self.columns)
        if self.multilabel:
            with explained(f"{how} of the estimator failed", file=self.file):
                found = getattr(self.estimator, how)(inputs)
            several = label_probabilities(found, how, self.classes)
            self._must_be(several is not None and len(several) == len(texts), how, np.asarray(found))
            assert several is not None  # else it was refused
            return several
        with explained(f"{how} of the estimator failed", file=self.file):
            answers = np.asarray(getattr(self.estimator, how)(inputs), dtype=np.float64)
            order = np.asarray(getattr(self.estimator, "classes_", range(self.classes)), dtype=np.int64)
        if how == "predict":
            self._must_be(answers.shape == (len(texts),) and np.isin(answers, range(self.classes)).all(), how, answers)
            return np.eye(self.classes)[answers.astype(np.int64)]
        if answers.ndim == 1 and len(order) == 2:
            second = expit(answers)
            answers = np.stack([1 - second, second], axis=1)
        elif how == "decision_function":
            answers = softmax(answers, axis=1) if answers.ndim == 2 else answers
        usable = answers.shape == (len(texts), len(order)) and np.isfinite(answers).all() and (answers >= 0).all()
        self._must_be(usable and (answers.sum(axis=1) > 0).all(), how, answers)
        rows = np.zeros((len(texts), self.classes))
        rows[:, order] = answers / answers.sum(axis=1, keepdims=True)
        return rows

    def _must_be(self, usable: bool | np.bool, how: str, answers: Array) -> None:
        if not usable:
            raise UserError(
                f"{how} of the {type(self.estimator).__name__} does not give a row for each text with a number from 0 "
                f"up for each of {self.classes} classes, but an array of shape {answers.shape}.",
                "The labels it is fitted with are whole numbers from 0, in the order of the sorted label names.",
            )

    def save(self, folder: Path, source: Source) -> None:
        """Write the estimator, and what made it."""
        if self.columns is not None:
            self.columns.save(folder)
        file, types = to_bytes(self.estimator)
        (folder / "estimator.skops").write_bytes(file)
        values = {
            "file": source.file,
            "sha256": source.sha256,
            "own_types": types,
            "parameters": parameters(file),
        }
        write_text(folder / "estimator.json", json.dumps(values, indent=2) + "\n")

    @classmethod
    def load(
        cls, folder: Path, config: EstimatorConfig, classes: int, *, multilabel: bool = False, features: bool = False
    ) -> EstimatorModel:
        """Load what `save` wrote. The module is imported only if the estimator holds types of others' modules.

        Args:
            features: It was fitted on data frames.

        Raises:
            UserError: a module is missing, or raises an error.
        """
        values = json.loads((folder / "estimator.json").read_text(encoding="utf-8"))
        file, types = values["file"], values["own_types"]
        if types:
            source = import_source(config.estimator, config.folder)
            if source.sha256 != values["sha256"]:
                _log.warning(
                    "%s has changed since the estimator was fitted (SHA-256 %.12s, now %.12s): its answers may differ.",
                    *(source.file, values["sha256"], source.sha256),
                )
        with explained(f"{folder / 'estimator.skops'} cannot be loaded", file=file):
            estimator = from_bytes((folder / "estimator.skops").read_bytes(), types)
        columns = ColumnEncoder.load(folder) if features else None
        return cls(estimator, classes, values["parameters"], file, multilabel=multilabel, columns=columns)


def inputs_of(texts: Sequence[str], columns: ColumnEncoder | None) -> Any:
    """Return what an estimator is fitted on and asked: a list of texts, or a data frame with them and the columns."""
    if columns is None:
        return list(texts)
    import pandas as pd

    return pd.DataFrame({"text": list(texts), **columns.typed(texts)})
