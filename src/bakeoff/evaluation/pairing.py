"""Line up two contestants' scores on the same test documents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# With fewer documents their pieces are resampled instead. In simulations 95% intervals from 5 documents hold the truth
# in nine cases of ten; those from pieces in one of two, where documents differ, but there is little else to resample.
FEWEST_DOCUMENTS = 5


class IncomparableError(ValueError):
    """Two contestants cannot be compared. The message names them, and is a clause without a period."""


class UnpairedScoresError(ValueError):
    """Two contestants' scores cannot be paired. The message completes a sentence that begins with their names."""


@dataclass(frozen=True)
class Units:
    """The units that are resampled for an interval; the three arrays have the same length."""

    kind: str  # "text", "document" or "piece"
    names: list[tuple[str, ...]]
    values: npt.NDArray[np.float64]  # summed loss of the unit in nats; of a text, its part of the metric
    weights: npt.NDArray[np.float64]  # the number that the protocol divides by, such as predicted tokens; 1 of a text


def protocol_name(protocol: str) -> str:
    """Return `window` of `window(context=1024, stride=512)`."""
    return protocol.split("(", 1)[0]


def scores_under(scores: pa.Table, protocol: str) -> pa.Table:
    """Return a language model's scores under one protocol.

    Args:
        scores: scores.parquet of a language model: `protocol`, `document`, `piece`, `nll`, `weight` and others.
        protocol: A name such as `window`, with or without its settings in brackets.
    """
    names = pc.list_element(pc.split_pattern(scores["protocol"], "("), 0)
    return scores.filter(pc.equal(names, protocol_name(protocol)))


def loss_units(scores: pa.Table, protocol: str) -> Units:
    """Return the units of a language model's scores under one protocol, in the order of their names.

    Args:
        scores, protocol: As in `scores_under`.

    Raises:
        ValueError: The protocol was not scored.
    """
    rows = scores_under(scores, protocol)
    if rows.num_rows == 0:
        raise ValueError(f"protocol {protocol_name(protocol)} is not among the scores")
    by_document = len(pc.unique(rows["document"])) >= FEWEST_DOCUMENTS
    keys = ["document"] if by_document else ["document", "piece"]
    sums = (
        rows.group_by(keys).aggregate([("nll", "sum"), ("weight", "sum")]).sort_by([(key, "ascending") for key in keys])
    )
    return Units(
        kind="document" if by_document else "piece",
        names=list(zip(*(map(str, sums[key].to_pylist()) for key in keys), strict=True)),
        values=sums["nll_sum"].to_numpy().astype(np.float64),
        weights=sums["weight_sum"].to_numpy().astype(np.float64),
    )


@dataclass(frozen=True)
class ClassifierAnswers:
    """A classifier's test texts in the order of their names; the three lists have the same length."""

    names: list[str]
    labels: list[str]
    predictions: list[str]

    @cached_property
    def right(self) -> npt.NDArray[np.float64]:
        """1 where the prediction is the label, else 0."""
        pairs = zip(self.labels, self.predictions, strict=True)
        return np.array([label == predicted for label, predicted in pairs], dtype=np.float64)


def answers(scores: pa.Table) -> ClassifierAnswers:
    """Read a classifier's answers.

    Args:
        scores: scores.parquet of a classifier: `document`, `label`, `predicted`.
    """
    rows = scores.sort_by("document")
    names = [str(name) for name in rows["document"].to_pylist()]
    return ClassifierAnswers(names, rows["label"].to_pylist(), rows["predicted"].to_pylist())
