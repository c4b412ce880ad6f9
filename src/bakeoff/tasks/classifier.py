"""Load and use saved classifiers of any method."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from bakeoff.data.cells import cell_of
from bakeoff.data.row_texts import row_texts, with_columns
from bakeoff.errors import UserError
from bakeoff.evaluation.calibration import with_temperature
from bakeoff.evaluation.choosing import Costs, choose
from bakeoff.evaluation.label_calibration import with_temperatures
from bakeoff.evaluation.thresholds import choose_labels
from bakeoff.methods.base import ClassificationMethod, MethodConfig, TextModel
from bakeoff.methods.registry import get_classification_method
from bakeoff.methods.saved import classifier_path, load_text_model, read_classifier
from bakeoff.methods.table_columns.encoder import ColumnEncoder, EncodedColumn
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.reading import exists
from bakeoff.sections import RequestedPrecision
from bakeoff.spelling import nearest
from bakeoff.targets import load_target
from bakeoff.tasks.attribution import Explanation, explain
from bakeoff.tasks.choosing import chosen_contestant, finished


@dataclass(frozen=True)
class Prediction:
    """The answer to one text."""

    label: str | None  # the most probable one, or the one of least expected cost; None: none of these
    probability: float  # of the label; of the most probable one where `label` is None
    probabilities: dict[str, float]  # of every label, adds up to 1, unless a text can have several labels
    labels: list[str] | None = None  # the predicted ones where a text can have several; `label` need not be among them
    out_of_scope: bool | None = None  # the text belongs to no class; None where the data had no such texts

    @property
    def nearest(self) -> str:
        """Return the label, or the most probable one where the text belongs to no class."""
        return self.label if self.label is not None else max(self.probabilities, key=self.probabilities.__getitem__)

    def answer(self, threshold: float) -> str | None:
        """Return the label, or None if its probability is below the threshold or the text belongs to no class."""
        return self.label if self.probability >= threshold else None

    def labels_from(self, threshold: float) -> list[str]:
        """Return the labels that are at least so probable."""
        return [label for label, probability in self.probabilities.items() if probability >= threshold]

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        labels = self.labels if self.labels is not None else [self.label] if self.label is not None else []
        return str(load_target("bakeoff.report.notebook:prediction_html")(self.probabilities, labels))


@dataclass(frozen=True)
class LabelDecision:
    """How probabilities become labels where a text can have several."""

    temperatures: list[float]  # of the labels: their logits are divided by it
    thresholds: list[float]  # from these probabilities on the labels are predicted


class Classifier:
    """A trained and calibrated classifier, which knows what mistakes cost if the config said so."""

    def __init__(
        self,
        labels: list[str],
        model: TextModel,
        temperature: float = 1.0,
        costs: Costs | None = None,
        decision: LabelDecision | None = None,
        out_of_scope_threshold: float | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        self.labels = labels
        self.model = model
        self.temperature = temperature
        self.costs = costs
        self.decision = decision  # None: a text has one label
        self.out_of_scope_threshold = out_of_scope_threshold  # None: every text belongs to a class
        self.columns = columns  # that it reads beside the text; what a text lacks of them counts as missing

    @property
    def multilabel(self) -> bool:
        """Return whether a text can have several labels, or none."""
        return self.decision is not None

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return calibrated probabilities, shape (texts, labels). A row does not depend on the other texts.

        Args:
            texts: Texts, or `RowTexts` with the cells of columns.
        """
        if not len(texts):
            return np.zeros((0, len(self.labels)))
        probabilities = self.model.probabilities(with_columns(texts, self.columns) if self.columns else texts)
        if self.decision is not None:
            return with_temperatures(probabilities, self.decision.temperatures)
        return with_temperature(probabilities, self.temperature)

    def predict(self, texts: Sequence[str], features: Mapping[str, Sequence[Any]] | None = None) -> list[Prediction]:
        """Return the label of each text: the most probable one, or the one of least expected cost; or its labels.

        The label is None where the largest probability is below `out_of_scope_threshold`.

        Args:
            features: The values of columns, one for each text, by name. Those that are absent count as missing. A
                classifier that reads the text alone ignores them.

        Raises:
            TypeError: `texts` is a single string, whose letters would be classified one by one.
            UserError: the classifier reads columns, but not one of that name.
            ValueError: a column has more values than there are texts, or fewer.
        """
        if isinstance(texts, str):
            raise TypeError("predict takes a list of texts: predict([text])")
        self._check_names(features or {})
        return self.decide(self.probabilities(texts if features is None else row_texts(texts, features)))

    def decide(self, rows: npt.NDArray[np.float64]) -> list[Prediction]:
        """Return what `predict` gives where `probabilities` gives these rows, shape (texts, labels)."""
        return [
            self._prediction(row, chosen) for row, chosen in zip(rows, choose(rows, self.costs).tolist(), strict=True)
        ]

    def _check_names(self, features: Mapping[str, Any]) -> None:
        unknown = [name for name in features if name not in self.columns]
        if unknown and self.columns:
            near = nearest(unknown[0], self.columns)
            raise UserError(
                f"This classifier reads no column {unknown[0]!r}" + (f"; did you mean {near!r}?" if near else "."),
                f"Columns: {', '.join(self.columns)}.",
            )

    def _prediction(self, row: npt.NDArray[np.float64], chosen: int) -> Prediction:
        probabilities = {label: float(value) for label, value in zip(self.labels, row, strict=True)}
        out_of_scope = self._is_out_of_scope(row)
        if out_of_scope:
            return Prediction(None, float(row.max()), probabilities, out_of_scope=True)
        return Prediction(self.labels[chosen], float(row[chosen]), probabilities, self._label_set(row), out_of_scope)

    def _is_out_of_scope(self, row: npt.NDArray[np.float64]) -> bool | None:
        return None if self.out_of_scope_threshold is None else bool(row.max() < self.out_of_scope_threshold)

    def _label_set(self, row: npt.NDArray[np.float64]) -> list[str] | None:
        if self.decision is None:
            return None
        chosen = choose_labels(row, self.decision.thresholds)
        return [label for label, is_chosen in zip(self.labels, chosen, strict=True) if is_chosen]

    def explain(self, text: str, label: str | None = None, features: Mapping[str, Any] | None = None) -> Explanation:
        """Return the words, and the columns, that moved the decision.

        Args:
            label: Explain this one. If absent, the predicted label; the most probable where a text can have several, or
                belongs to no class.
            features: The values of columns, by name, as for `predict`.

        Raises:
            UserError: there is no such label, or no such column.
        """
        self._check_names(features or {})
        cells = {name: cell_of((features or {}).get(name)) for name in self.columns}
        if label is not None and label not in self.labels:
            near = nearest(label, self.labels)
            raise UserError(
                f"There is no label '{label}'" + (f"; did you mean '{near}'?" if near else "."),
                f"Labels: {', '.join(self.labels[:20])}.",
            )

        def explained(row: npt.NDArray[np.float64]) -> int:
            if label is not None:
                return self.labels.index(label)
            return int(row.argmax()) if self._is_out_of_scope(row) else int(choose(row[None], self.costs)[0])

        return explain(self, self.labels, text, explained, cells, self._is_out_of_scope)


def addresses(run: RunFolder) -> dict[str, str]:
    """Return the addresses that contestants send texts to for an answer, by name; most keep them on this machine."""
    found: dict[str, str] = {}
    for name, method, config in _contestants(run):
        sent_to = [method.sends_to(config), *(found.get(member) for member in config.builds_on)]
        if (address := next(filter(None, sent_to), None)) is not None:
            found[name] = address
    return found


def columns_of(run: RunFolder, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns that contestants read beside the text, by name of those that read any."""
    found = {}
    for name in names:
        path = run.contestant(name, writes=False).model
        if classifier_path(path).exists() and (columns := read_classifier(path).columns):
            found[name] = columns
    return found


def encoded_columns(run: RunFolder, names: Sequence[str]) -> dict[str, EncodedColumn]:
    """Return how contestants read the columns beside the text, by column.

    All of a run learned it from the same training split, so one of them tells, or a member of an ensemble.
    """
    members = {name: config.builds_on for name, _, config in _contestants(run)}

    def learned(name: str) -> ColumnEncoder | None:
        own = ColumnEncoder.find(run.contestant(name, writes=False).model)
        return own or next(filter(None, map(learned, members.get(name, ()))), None)

    encoder = next(filter(None, map(learned, names)), None)
    return {column.name: column for column in encoder.columns} if encoder else {}


def running_code(run: RunFolder) -> list[str]:
    """Return the contestants that run code that the config names, in training or when they are loaded.

    A contestant that builds on such a one is one, too: an ensemble loads its members.
    """
    found: list[str] = []
    for name, method, config in _contestants(run):
        if method.runs_code or not set(found).isdisjoint(config.builds_on):
            found.append(name)
    return found


def _contestants(run: RunFolder) -> Iterator[tuple[str, ClassificationMethod[Any], MethodConfig]]:
    """Yield the classifiers of a run whose methods are installed, members before those that build on them."""
    values = run.config_values()
    for name, settings in values["contestants"].items() if values["task"] == "classification" else ():
        try:
            method = get_classification_method(settings["method"])
            config = method.config.model_validate(settings)
        except (UserError, ValidationError):  # of a package that is not installed, or has changed: it cannot be asked
            continue
        yield name, method, config


def load_classifier(
    path: str | Path, *, contestant: str | None = None, precision: RequestedPrecision | None = None
) -> Classifier:
    """Load a classifier that a bake-off has trained.

    Args:
        path: A run folder, contestants/NAME/ in it, or its model/.
        contestant: Name in the run; the verdict's best if absent.
        precision: Precision of the arithmetic of an LSTM, a GRU or a transformer; other methods ignore it. If absent,
            the one used for its evaluation. bf16 is up to twice as fast where the processor supports it and hundreds of
            times slower elsewhere; `auto` decides. With bf16, probabilities differ in the third digit.

    Raises:
        UserError: there is no such run, contestant or classifier, or it is not trained yet.
    """
    folder = _model_folder(Path(path), contestant)
    saved = read_classifier(folder)
    decision = LabelDecision(saved.temperatures or [], saved.thresholds or []) if saved.multilabel else None
    model = load_text_model(folder, saved, precision)
    threshold = saved.out_of_scope_threshold
    return Classifier(saved.labels, model, saved.temperature, saved.costs, decision, threshold, saved.columns)


def _model_folder(path: Path, contestant: str | None) -> Path:
    if exists(classifier_path(path)):
        return path
    if exists(path / "model"):
        return finished(ContestantFolder(path), path.parent.parent).model
    run = RunFolder(path)
    run.must_hold_a_run()
    values = run.config_values()
    if values["task"] != "classification":
        raise UserError(
            f"{path} is a run of task {values['task']}, not of classification.",
            f'Its contestants write text: bakeoff generate {shlex.quote(f"{path}/contestants/NAME")} "Some prompt"',
        )
    return chosen_contestant(run, contestant).model
