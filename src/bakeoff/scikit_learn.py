"""A bake-off as a scikit-learn classifier: `BakeoffClassifier`."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_consistent_length, check_is_fitted, column_or_1d

from bakeoff.config.init import init
from bakeoff.data.cells import label_of, labels_of
from bakeoff.data.label_sets import look_like_label_sets, with_lists
from bakeoff.data.profile import is_quantity
from bakeoff.evaluation.choosing import choose
from bakeoff.runner import RunOutcome, free_name, run
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.packing import pack, unpack
from bakeoff.tasks.classifier import Classifier, load_classifier


class BakeoffClassifier(ClassifierMixin, BaseEstimator):
    """A scikit-learn classifier of texts. `fit` runs a bake-off, and the best contestant answers.

    Whatever is not given, the split included, is what `bakeoff.init` proposes for the texts: below 1,000 of them, a
    cross-validation, after which every contestant is trained on all of them but the tenth that chooses the epoch.

    The best contestant is kept, not the recommended one: which of those not told apart is the cheapest depends on
    measured seconds, so that two fits with one `random_state` could keep different models.

    Args:
        budget: The config's `budget`: `{"epochs": 3}`, `{"seconds": 60}`.
        contestants: The config's `contestants`: `{"linear": {}, "lstm": {"hidden_size": 64}}`.
        overrides: Assignments to any key of the config, such as `evaluation.metric=macro_f1`.
        folder: Where to keep the run. A later fit, of a clone too, writes to FOLDER-2, and so on. If absent, the run
            is kept in a temporary folder for as long as the classifier lives.
        random_state: The seed of the split and of everything random. None: one drawn from NumPy's global state.

    Attributes:
        classes_: The classes, sorted, shape (classes,).
        contestant_: The name of the contestant that answers.
        folder_: The run folder. `bakeoff.load_classifier(folder_, contestant=NAME)` loads any contestant.

    A pickle holds the files of the winner, the results and the report, but no code and no training data other than the
    examples of a `prompt`. The report quotes test texts.
    """

    def __init__(
        self,
        budget: Mapping[str, Any] | None = None,
        contestants: Mapping[str, Any] | None = None,
        *,
        overrides: Sequence[str] = (),
        folder: str | Path | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.budget = budget
        self.contestants = contestants
        self.overrides = overrides
        self.folder = folder
        self.random_state = random_state

    def fit(self, X: Iterable[str], y: Any) -> Self:
        """Run the bake-off.

        Args:
            X: Texts, shape (texts,): a list, an array, a column of a data frame.
            y: The class of each, shape (texts,).

        Raises:
            TypeError: `X` is a single string, or holds something else than strings.
            ValueError: `X` has more than one dimension, or `y` is missing, no classes, or one class only.
            UserError: the config is wrong, or the bake-off cannot be run with these texts.
        """
        texts = _texts(X)
        classes, indices = np.unique(_targets(y), return_inverse=True)
        check_consistent_length(texts, indices)
        if len(classes) < 2:
            raise ValueError(f"y has {len(classes)} class, but a classifier needs at least two.")
        labels = _labels(classes, indices)
        table = {"text": texts, "label": [labels[index] for index in indices]}
        values = init(table, text="text", label="label").values
        values |= {"seed": _seed(self.random_state)}
        values |= {key: given for key in ("budget", "contestants") if (given := getattr(self, key)) is not None}
        home = _Home(_new_folder(self.folder), temporary=self.folder is None)
        try:
            outcome = run(values, home.folder, overrides=list(self.overrides))
        except BaseException:
            with contextlib.suppress(OSError):
                home.folder.rmdir()  # if the run has left nothing in it
            raise
        home.contestant = outcome.verdict.best
        learned = home.classifier.labels
        if missing := [label for label in labels if label not in learned]:
            warnings.warn(f"Never predicted, because they have too few different texts: {missing}", stacklevel=2)
        self.classes_ = classes
        self.contestant_ = home.contestant
        self._columns = np.array([labels.index(label) for label in learned])
        self._home = home
        return self

    def predict_proba(self, X: Iterable[str]) -> npt.NDArray[np.float64]:
        """Return calibrated probabilities, shape (texts, classes), in the order of `classes_`."""
        check_is_fitted(self)
        learned = self._home.classifier.probabilities(_texts(X))
        rows = np.zeros((len(learned), len(self.classes_)))
        rows[:, self._columns] = learned
        return rows

    def predict(self, X: Iterable[str]) -> npt.NDArray[Any]:
        """Return the class of each text: the most probable, or where mistakes have costs that of least cost."""
        check_is_fitted(self)
        classifier = self._home.classifier
        chosen = choose(classifier.probabilities(_texts(X)), classifier.costs)
        return np.asarray(self.classes_[self._columns[chosen]])

    @property
    def folder_(self) -> Path:
        """The run folder."""
        check_is_fitted(self)
        folder: Path = self._home.folder
        return folder

    @property
    def outcome_(self) -> RunOutcome:
        """The results of all contestants and the verdict."""
        folder = RunFolder(self.folder_)
        return RunOutcome(folder.path, [each.average() for each in folder.evaluated()], folder.verdict())

    @property
    def report_(self) -> Path:
        """The HTML report."""
        return RunFolder(self.folder_).html_report

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array, tags.input_tags.string = True, False, True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if (home := state.pop("_home", None)) is not None:
            state["_files"] = pack(RunFolder(home.folder), home.contestant)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        files = state.pop("_files", None)
        super().__setstate__(state)
        if files is not None:
            self._home = _Home(_new_folder(None), temporary=True, contestant=self.contestant_)
            unpack(files, self._home.folder)


class _Home:
    """The folder of a run and the contestant that answers. A temporary folder is removed with its home."""

    def __init__(self, folder: Path, *, temporary: bool, contestant: str = "") -> None:
        self.folder = folder
        self.contestant = contestant
        if temporary:
            weakref.finalize(self, _remove, folder, os.getpid())

    @cached_property
    def classifier(self) -> Classifier:
        return load_classifier(self.folder, contestant=self.contestant)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked process has a copy of the home
        shutil.rmtree(folder, ignore_errors=True)


def _new_folder(wanted: str | Path | None) -> Path:
    """Make the folder of a run: a temporary one, or where `wanted` exists, `wanted-2` and so on."""
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="bakeoff-"))
    path = Path(wanted)
    while True:
        try:
            path.mkdir(parents=True)
        except FileExistsError:  # another fit may have taken a free name meanwhile
            path = free_name(Path(wanted))
        else:
            return path


def _texts(X: Any) -> list[str]:
    """Return texts as a list, or raise what `fit` says."""
    if isinstance(X, str):
        raise TypeError("X is a single string; give a list of texts.")
    shape = getattr(X, "shape", None)
    if (shape is not None and len(shape) != 1) or isinstance(X, Mapping):
        what = type(X).__name__ if shape is None else f"{type(X).__name__} of shape {shape}"
        raise ValueError(f"X must be one-dimensional, a text for each row, not a {what}. Give one column: X['text'].")
    texts = list(X)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"X must hold strings, but row {row} is {text!r}.")
    return list(map(str, texts))  # NumPy has strings of its own


def _targets(y: Any) -> npt.NDArray[Any]:
    if y is None:
        raise ValueError("BakeoffClassifier requires y to be passed, but the target y is None.")
    targets: npt.NDArray[Any] = column_or_1d(y, warn=True)
    assert_all_finite(targets, input_name="y")
    check_classification_targets(targets)
    return targets


def _labels(classes: npt.NDArray[Any], indices: npt.NDArray[np.int64]) -> list[str]:
    """Return a name for each class that a table's reader does not change: the class itself wherever possible.

    Args:
        indices: The class of every text.
    """
    values = classes.tolist()
    labels = [label_of(value) or "" for value in values]
    same = len(set(labels)) == len(labels) and labels_of(labels)[0] == labels
    same = same and all(with_lists([label]) == [label] for label in labels)
    column = [labels[index] for index in indices]
    # With every label twice: one that is the parts of others, such as "a,b", looks like several if they are frequent.
    if same and not is_quantity(column) and look_like_label_sets(labels * 2) is None:
        return labels
    return [f"{index}: {value!r}" for index, value in enumerate(values)]


def _seed(random_state: Any) -> int:
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**30))
