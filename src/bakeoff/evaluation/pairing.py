"""Lines up what two contestants scored on the same test documents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bakeoff.evaluation.classification import macro_f1_of_counts
from bakeoff.runs.results import MetricValue

# With fewer documents their pieces are drawn instead. In simulations 95 % intervals from 5 documents hold the truth in
# nine cases of ten; those from pieces in one of two, where documents differ, but there is little else to draw from.
FEWEST_DOCUMENTS = 5


@dataclass(frozen=True)
class Units:
    """What is drawn with replacement for an interval; the three arrays have the same length."""

    kind: str  # "text", "document" or "piece"
    names: list[tuple[str, ...]]
    values: npt.NDArray[np.float64]  # summed loss of the unit in nats; of a text, its part of the metric
    weights: npt.NDArray[np.float64]  # tokens that the protocol divides by; 1 of a text


def protocol_name(protocol: str) -> str:
    """`window` of `window(context=1024, stride=512)`."""
    return protocol.split("(", 1)[0]


def loss_units(scores: pa.Table, protocol: str) -> Units:
    """The units of a language model's scores under one protocol, in the order of their names.

    Args:
        scores: scores.parquet of a language model: `protocol`, `document`, `piece`, `nll`, `weight`.
        protocol: `window`, `document` or `lab`, with or without its settings in brackets.

    Raises:
        ValueError: The protocol was not scored.
    """
    name = protocol_name(protocol)
    rows = scores.filter(pc.equal(pc.list_element(pc.split_pattern(scores["protocol"], "("), 0), name))
    if rows.num_rows == 0:
        raise ValueError(f"protocol {name} is not among the scores")
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

    @property
    def right(self) -> npt.NDArray[np.float64]:
        """1 where the prediction is the label, else 0."""
        pairs = zip(self.labels, self.predictions, strict=True)
        return np.array([label == guess for label, guess in pairs], dtype=np.float64)


def answers(scores: pa.Table) -> ClassifierAnswers:
    """
    Args:
        scores: scores.parquet of a classifier: `document`, `label`, `predicted`.
    """
    rows = scores.sort_by("document")
    names = [str(name) for name in rows["document"].to_pylist()]
    return ClassifierAnswers(names, rows["label"].to_pylist(), rows["predicted"].to_pylist())


def metric_units(scores: pa.Table, metric: MetricValue) -> Units | None:
    """The units whose weighted mean a metric (or its logarithm) is, in the order of their names.

    Macro-F1 is no mean over texts; each text then stands for the metric plus its influence on it (the infinitesimal
    jackknife, Efron 1982), whose mean is the metric and whose spread is that of the metric for many texts.

    Args:
        scores: scores.parquet; of a classifier: `document`, `label`, `predicted`, `loss`.

    Returns:
        None for other metrics.
    """
    if metric.name == "perplexity":
        return loss_units(scores, metric.protocol)
    if metric.name not in ("accuracy", "macro_f1", "loss"):
        return None
    found = answers(scores)
    if metric.name == "loss":
        values = scores.sort_by("document")["loss"].to_numpy().astype(np.float64)
    else:
        values = found.right if metric.name == "accuracy" else _macro_f1_parts(found)
    return Units("text", [(name,) for name in found.names], values, np.ones(len(found.names)))


def _macro_f1_parts(found: ClassifierAnswers) -> npt.NDArray[np.float64]:
    """Macro-F1 plus, for each text, the derivative of macro-F1 by the share of texts like it; shape (texts,)."""
    classes = {label: number for number, label in enumerate(sorted({*found.labels, *found.predictions}))}
    cells = np.array([classes[label] * len(classes) for label in found.labels]) + np.array(
        [classes[guess] for guess in found.predictions]
    )
    occurring, place = np.unique(cells, return_inverse=True)
    fine = 1000 * np.bincount(
        cells, minlength=len(classes) ** 2
    )  # macro-F1 does not change where all counts grow alike
    more = np.tile(fine, (len(occurring), 1))
    more[np.arange(len(occurring)), occurring] += 1
    shape = (-1, len(classes), len(classes))
    whole = macro_f1_of_counts(fine.reshape(shape))
    slopes = (macro_f1_of_counts(more.reshape(shape)) - whole) * 1000 * len(cells)
    parts: npt.NDArray[np.float64] = whole + slopes[place]
    return parts
