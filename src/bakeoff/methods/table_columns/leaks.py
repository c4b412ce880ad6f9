"""Find columns that nearly give the label away: often they were filled in after the label was known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bakeoff.data.types import LabeledTexts, SplitTable
from bakeoff.evaluation.wording import percent
from bakeoff.methods.table_columns.encoder import ColumnEncoder

NEARLY = 0.9
"""Balanced accuracy of a column alone from which it is pointed out."""

_MOST_ROWS = 5_000  # that a tree is grown on: enough for one column, in milliseconds
_LEAVES = 64


def leaking_columns(data: SplitTable) -> dict[str, float]:
    """Return the columns of `data.features` that alone tell the label of validation texts, with how well they do.

    A decision tree is grown on each column of the training split. How well it does is its balanced accuracy: the mean
    share of right answers over the classes, so that a rare class counts as much as others. Where a text can have
    several labels, that of the label that the column tells best.
    """
    train, validation = data.train, data.validation
    rows = range(min(len(train), _MOST_ROWS))  # the split is shuffled, so the first ones are a sample
    train = train.of(rows)
    encoder = ColumnEncoder.fit(train.texts)
    found = {}
    for column in encoder.columns:
        alone = ColumnEncoder([column])
        score = max(
            _balanced_accuracy(alone.encode(train.texts), inside, alone.encode(validation.texts), outside)
            for inside, outside in zip(_questions(train), _questions(validation), strict=True)
        )
        if score >= NEARLY:
            found[column.name] = score
    return found


def leak_note(leak: tuple[str, float]) -> str:
    """Return a sentence on a column that `leaking_columns` has found."""
    name, score = leak
    return (
        f"Column {name!r} alone nearly gives the label away (balanced accuracy {percent(score)} on the validation "
        "split): leave it out if it is filled in only after the label is known."
    )


def _questions(texts: LabeledTexts) -> Sequence[npt.NDArray[np.int64]]:
    """Return the classes of the texts; or for each label of several, which texts have it."""
    if texts.label_sets is None:
        return [np.asarray(texts.labels)]
    return list(texts.label_sets.T.astype(np.int64))


def _balanced_accuracy(
    inputs: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    held_out: npt.NDArray[np.float32],
    answers: npt.NDArray[np.int64],
) -> float:
    from sklearn.tree import DecisionTreeClassifier

    classes = np.unique(answers)
    if len(classes) < 2:  # nothing to tell apart
        return 0.0
    tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, min_samples_leaf=2, class_weight="balanced", random_state=0)
    found = tree.fit(inputs, labels).predict(held_out)
    return float(np.mean([np.mean(found[answers == label] == label) for label in classes]))
