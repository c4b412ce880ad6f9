"""Perplexity: score every piece of a corpus under a protocol, then sum up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from bakeoff.data.types import Corpus
from bakeoff.errors import UserError
from bakeoff.evaluation.intervals import bootstrap_ratio
from bakeoff.evaluation.pairing import loss_units, protocol_name
from bakeoff.lm.batching import TokenBatch
from bakeoff.lm.causal_model import CausalModel
from bakeoff.lm.protocols.registry import get_protocol
from bakeoff.lm.scoring_plan import Row, ScoringPlan
from bakeoff.training import distributed, torchrun
from bakeoff.training.progress import Progress

Counts = npt.NDArray[np.int64]

DEFAULT_CONTEXT_LENGTH = 1024

BATCH_TOKENS = 2048
"""Tokens that go through the model at once while scoring."""


class Forward(Protocol):
    """A model as scoring runs it: `CausalForward`, or another program with an exported model."""

    def batches(self, rows: Sequence[Row], batch_tokens: int) -> Iterator[tuple[list[int], TokenBatch]]:
        """Put rows into batches, as `batches_of_rows` does."""

    def losses(self, batch: TokenBatch) -> torch.Tensor:
        """Return the loss of each target in nats, fp32 on the CPU, shape (targets,)."""


@dataclass(frozen=True)
class Scores:
    """One entry for each scored piece: the part of a document that one window (or line) predicts."""

    protocol: str  # with its settings
    documents: list[str]
    pieces: Counts  # number of the window, or of the line in its document
    nll: npt.NDArray[np.float64]  # summed loss in nats
    tokens: Counts  # predicted tokens
    weight: Counts  # tokens that the protocol divides by
    words: Counts  # words (split on white space) and UTF-8 bytes of the text that was predicted
    bytes: Counts

    def table(self) -> pa.Table:
        """Return the entries as rows of scores.parquet."""
        return pa.table(
            {
                "protocol": pa.array([self.protocol] * len(self.documents), pa.string()),
                "document": pa.array(self.documents, pa.string()),
                "piece": self.pieces,
                "nll": self.nll,
                "tokens": self.tokens,
                "weight": self.weight,
                "words": self.words,
                "bytes": self.bytes,
            }
        )


@dataclass(frozen=True)
class Perplexity:
    """Perplexity of a model on a corpus. Losses are in nats; the interval is one of the perplexity."""

    protocol: str  # with its settings
    perplexity: float  # exp(nll)
    nll: float  # summed loss / tokens
    tokens: int  # tokens that the protocol divides by
    words: int  # words and bytes of the predicted text, which is all of it only under protocol `document`
    bytes: int
    word_perplexity: float
    byte_perplexity: float
    bits_per_byte: float
    interval: tuple[float, float]  # 95 % unless set otherwise; (nan, nan) if there is only one piece of text
    interval_unit: str  # what the bootstrap draws: `document`, or `piece` if there are few documents
    notes: tuple[str, ...] = ()  # sentences about what was changed while reading the text

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def plan_scoring(
    tokenizer: Any,
    corpus: Corpus,
    protocol: str,
    *,
    model_context: int,
    context_length: int | None = None,
    stride: int | None = None,
) -> ScoringPlan:
    """Tokenize a corpus and cut it as the protocol demands.

    Args:
        protocol: A name in `PROTOCOLS`.
        model_context: Most tokens that the model can see.
        context_length: Tokens that it is shown at once; absent: the model's own, at most 1,024.
        stride: Step between the windows of protocol `window`; absent: half the context.

    Raises:
        UserError: there is no such protocol, the settings do not fit, or there is too little text.
    """
    context = context_length or min(model_context, DEFAULT_CONTEXT_LENGTH)
    if not 2 <= context <= model_context:
        raise UserError(
            f"The model sees between 2 and {model_context} tokens at once, not {context}.",
            f"Set the context length to {model_context} or less.",
        )
    plan = get_protocol(protocol).plan(tokenizer, corpus, context=context, stride=stride)
    if not any(len(row.targets) for row in plan.rows):
        raise UserError(
            f"{corpus.name} has no token that protocol {protocol} predicts.",
            "Give it more text, or use protocol `document`, which predicts every token.",
        )
    return plan


def score(
    model: CausalModel,
    corpus: Corpus,
    protocol: str,
    *,
    context_length: int | None = None,
    stride: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> Scores:
    """Score a corpus under a protocol.

    Args:
        protocol: A name in `PROTOCOLS`.
        context_length: Tokens that the model sees at once; absent: the model's own, at most 1,024.
        stride: Step between the windows of protocol `window`; absent: half the context.
        batch_tokens: Tokens that go through the model at once; affects only time and memory.

    Raises:
        UserError: there is too little text, or the settings do not fit the model.
    """
    plan = plan_scoring(
        model.tokenizer,
        corpus,
        protocol,
        model_context=model.context_length,
        context_length=context_length,
        stride=stride,
    )
    return score_plan(model, plan, batch_tokens=batch_tokens, progress=progress)


def score_plan(
    model: CausalModel,
    plan: ScoringPlan,
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> Scores:
    """Score the pieces of a plan. Under torchrun every process must call this; each scores its share."""
    return score_with(model.forward, plan, batch_tokens=batch_tokens, progress=progress)


def score_with(
    forward: Forward, plan: ScoringPlan, *, batch_tokens: int = BATCH_TOKENS, progress: Progress | None = None
) -> Scores:
    """Score the pieces of a plan; see `score_plan`."""
    sizes = [len(row.targets) for row in plan.rows]
    losses = [np.zeros(size) for size in sizes]
    done, total = 0, sum(len(row.inputs) for row in plan.rows)
    name = protocol_name(plan.protocol)
    for numbers, batch in distributed.shard(forward.batches(plan.rows, batch_tokens)):
        batch_losses = forward.losses(batch).double().numpy()
        ends = np.cumsum([sizes[number] for number in numbers])
        for number, row_losses in zip(numbers, np.split(batch_losses, ends[:-1]), strict=True):
            losses[number] = row_losses
        done += sum(len(plan.rows[number].inputs) for number in numbers) * torchrun.world_size()
        if progress:
            progress.stage(f"scoring {name}", min(1.0, done / total))
    # Each loss is computed by one process and is zero in the others, so the sum is exact.
    together = distributed.summed(torch.from_numpy(np.concatenate(losses))).numpy()
    losses = np.split(together, np.cumsum(sizes)[:-1])
    pieces = plan.pieces
    return Scores(
        protocol=plan.protocol,
        documents=[piece.document for piece in pieces],
        pieces=np.array([piece.number for piece in pieces], dtype=np.int64),
        nll=np.array([losses[piece.row][piece.first : piece.last].sum() for piece in pieces]),
        tokens=np.array([piece.last - piece.first for piece in pieces], dtype=np.int64),
        weight=np.array([piece.weight for piece in pieces], dtype=np.int64),
        words=np.array([piece.words for piece in pieces], dtype=np.int64),
        bytes=np.array([piece.bytes for piece in pieces], dtype=np.int64),
    )


def summary(scores: Scores, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0) -> Perplexity:
    """Sum scores up to perplexity and its relatives, with a bootstrap interval of the perplexity."""
    nats, divisor = float(scores.nll.sum()), int(scores.weight.sum())
    words, size = int(scores.words.sum()), int(scores.bytes.sum())
    units = loss_units(scores.table(), scores.protocol)
    ends = bootstrap_ratio(units.values, units.weights, confidence=confidence, resamples=resamples, seed=seed)
    low, high = ends or (math.nan, math.nan)
    return Perplexity(
        protocol=scores.protocol,
        perplexity=_exp(nats / divisor),
        nll=nats / divisor,
        tokens=divisor,
        words=words,
        bytes=size,
        word_perplexity=_exp(nats / words) if words else math.nan,
        byte_perplexity=_exp(nats / size) if size else math.nan,
        bits_per_byte=nats / size / math.log(2) if size else math.nan,
        interval=(_exp(low), _exp(high)),
        interval_unit=units.kind,
    )


def _exp(nats: float) -> float:
    """Return exp(nats), or infinity if a float cannot hold it (a word of many tokens, say)."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf
