"""Language models document by document: how perplexity depends on length, and where contestants differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bakeoff.evaluation.pairing import protocol_name


@dataclass(frozen=True)
class DocumentLoss:
    """What one document costs one contestant."""

    nats: float
    tokens: int  # that the protocol divides by


@dataclass(frozen=True)
class DocumentGroup:
    """Documents, and each contestant's perplexity on all of them together."""

    documents: list[str]
    shortest: int  # tokens
    longest: int
    tokens: int  # of all
    perplexities: list[float]  # in the order of the contestants

    @property
    def spread(self) -> float:
        """The highest perplexity divided by the lowest, in nats."""
        return math.log(max(self.perplexities)) - math.log(min(self.perplexities))


def document_losses(scores: pa.Table, protocol: str) -> dict[str, DocumentLoss]:
    """The documents of a language model's scores under a protocol, in the order of the text.

    Args:
        scores: scores.parquet of a language model.
        protocol: `window`, `document` or `lab`, with or without its settings in brackets.
    """
    name = protocol_name(protocol)
    rows = scores.filter(pc.equal(pc.list_element(pc.split_pattern(scores["protocol"], "("), 0), name))
    weights = rows["weight"].to_pylist()
    found: dict[str, DocumentLoss] = {}
    for document, nats, tokens in zip(rows["document"].to_pylist(), rows["nll"].to_pylist(), weights, strict=True):
        before = found.get(document, DocumentLoss(0.0, 0))
        found[document] = DocumentLoss(before.nats + nats, before.tokens + tokens)
    return {document: loss for document, loss in found.items() if loss.tokens}


def by_document(losses: Sequence[Mapping[str, DocumentLoss]]) -> list[DocumentGroup]:
    """A group of its own for each document. `losses`: of each contestant, all on the same documents."""
    return [_group([document], losses) for document in losses[0]]


def by_length(losses: Sequence[Mapping[str, DocumentLoss]], groups: int) -> list[DocumentGroup]:
    """At most so many groups of about equally many documents, the shortest first."""
    names = sorted(losses[0], key=lambda document: losses[0][document].tokens)
    parts = np.array_split(np.arange(len(names)), min(groups, len(names)))
    return [_group([names[place] for place in part], losses) for part in parts]


def _group(documents: list[str], losses: Sequence[Mapping[str, DocumentLoss]]) -> DocumentGroup:
    lengths = [losses[0][document].tokens for document in documents]
    tokens = sum(lengths)
    return DocumentGroup(
        documents=documents,
        shortest=min(lengths),
        longest=max(lengths),
        tokens=tokens,
        perplexities=[math.exp(sum(each[document].nats for document in documents) / tokens) for each in losses],
    )
