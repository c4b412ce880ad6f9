"""Language models document by document: how perplexity depends on length, and where contestants differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bakeoff.evaluation.pairing import scores_under


@dataclass(frozen=True)
class DocumentLoss:
    """The loss of one contestant on one document."""

    nats: float
    tokens: int  # the number that the protocol divides by


@dataclass(frozen=True)
class DocumentGroup:
    """Documents, and each contestant's perplexity on all of them together."""

    documents: list[str]
    shortest: int  # tokens, of the first contestant: other tokenizers may have another number
    longest: int
    tokens: int  # of all
    perplexities: list[float]  # in the order of the contestants

    @property
    def spread(self) -> float:
        """The highest perplexity divided by the lowest, in nats."""
        return math.log(max(self.perplexities)) - math.log(min(self.perplexities))


def document_losses(scores: pa.Table, protocol: str) -> dict[str, DocumentLoss]:
    """Return the loss of every document under a protocol, in the order of the text.

    Args:
        scores: scores.parquet of a language model.
        protocol: A name such as `window`, with or without its settings in brackets.
    """
    rows = scores_under(scores, protocol)
    columns = (rows[name].to_pylist() for name in ("document", "nll", "weight"))
    losses: dict[str, DocumentLoss] = {}
    for document, nats, tokens in zip(*columns, strict=True):
        before = losses.get(document, DocumentLoss(0.0, 0))
        losses[document] = DocumentLoss(before.nats + nats, before.tokens + tokens)
    return {document: loss for document, loss in losses.items() if loss.tokens}


def by_document(losses: Sequence[Mapping[str, DocumentLoss]]) -> list[DocumentGroup]:
    """Return a group for each document.

    Args:
        losses: The losses of each contestant, all on the same documents.
    """
    return [_group([document], losses) for document in losses[0]]


def by_length(losses: Sequence[Mapping[str, DocumentLoss]], groups: int) -> list[DocumentGroup]:
    """Return at most `groups` groups with about the same number of documents each, the shortest documents first."""
    names = sorted(losses[0], key=lambda document: losses[0][document].tokens)
    parts = np.array_split(np.arange(len(names)), min(groups, len(names)))
    return [_group([names[place] for place in part], losses) for part in parts]


def _group(documents: list[str], losses: Sequence[Mapping[str, DocumentLoss]]) -> DocumentGroup:
    lengths = [losses[0][document].tokens for document in documents]
    return DocumentGroup(
        documents=documents,
        shortest=min(lengths),
        longest=max(lengths),
        tokens=sum(lengths),
        perplexities=[_perplexity([contestant[document] for document in documents]) for contestant in losses],
    )


def _perplexity(losses: Sequence[DocumentLoss]) -> float:
    return math.exp(sum(loss.nats for loss in losses) / sum(loss.tokens for loss in losses))
