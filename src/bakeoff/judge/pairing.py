"""Lines up what two contestants scored on the same test documents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bakeoff.runs.results import Figure

# With fewer documents their pieces are drawn instead. In simulations 95 % intervals from 5 documents hold the truth in
# nine cases of ten; those from pieces in one of two, where documents differ, but there is little else to draw from.
FEWEST_DOCUMENTS = 5


@dataclass(frozen=True)
class Units:
    """What is drawn with replacement for an interval; the three arrays have the same length."""

    kind: str  # "text", "document" or "piece"
    names: list[tuple[str, ...]]
    values: npt.NDArray[np.float64]  # summed loss of the unit in nats, or 1 for a right answer
    weights: npt.NDArray[np.float64]  # tokens that the protocol divides by, or 1


def protocol_name(protocol: str) -> str:
    """`window` of `window(context=1024, stride=512)`."""
    return protocol.split("(", 1)[0]


def loss_units(scores: pa.Table, protocol: str) -> Units:
    """The units of a language model's scores under one protocol, in the order of their names.

    Args:
        scores: scores.parquet of a language model: `protocol`, `document`, `piece`, `nll`, `tokens`, `attended`.
        protocol: `window`, `document` or `lab`, with or without its settings in brackets.

    Raises:
        ValueError: The protocol was not scored.
    """
    name = protocol_name(protocol)
    rows = scores.filter(pc.equal(pc.list_element(pc.split_pattern(scores["protocol"], "("), 0), name))
    if rows.num_rows == 0:
        raise ValueError(f"protocol {name} is not among the scores")
    weight = "attended" if name == "lab" else "tokens"
    by_document = len(pc.unique(rows["document"])) >= FEWEST_DOCUMENTS
    keys = ["document"] if by_document else ["document", "piece"]
    sums = (
        rows.group_by(keys).aggregate([("nll", "sum"), (weight, "sum")]).sort_by([(key, "ascending") for key in keys])
    )
    return Units(
        kind="document" if by_document else "piece",
        names=list(zip(*(map(str, sums[key].to_pylist()) for key in keys), strict=True)),
        values=sums["nll_sum"].to_numpy().astype(np.float64),
        weights=sums[f"{weight}_sum"].to_numpy().astype(np.float64),
    )


def figure_units(scores: pa.Table, figure: Figure) -> Units | None:
    """The units whose weighted mean a figure (or its logarithm) is, in the order of their names.

    Args:
        scores: scores.parquet; of a classifier: `document`, `label`, `predicted`, `loss`.

    Returns:
        None where the figure is no mean over documents (macro-F1), or no figure of quality.
    """
    if figure.name == "perplexity":
        return loss_units(scores, figure.protocol)
    if figure.name not in ("accuracy", "loss"):
        return None
    rows = scores.sort_by("document")
    values = rows["loss"] if figure.name == "loss" else pc.equal(rows["label"], rows["predicted"])
    return Units(
        kind="text",
        names=[(str(name),) for name in rows["document"].to_pylist()],
        values=values.to_numpy().astype(np.float64),
        weights=np.ones(len(rows)),
    )
