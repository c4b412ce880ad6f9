"""Perplexity: score every piece of a corpus, then sum up."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from bakeoff.data.types import Corpus
from bakeoff.evaluation.config import Protocol
from bakeoff.evaluation.intervals import bootstrap_ratio
from bakeoff.evaluation.pairing import loss_units, protocol_name
from bakeoff.lm.batching import batches_of_rows
from bakeoff.lm.protocols import ScoringPlan, plan_scoring
from bakeoff.training import distributed
from bakeoff.training.progress import Progress

if TYPE_CHECKING:
    from bakeoff.lm.language_model import LanguageModel

Counts = npt.NDArray[np.int64]

BATCH_TOKENS = 2048
"""Tokens that go through the model at once while scoring."""


@dataclass(frozen=True)
class Scores:
    """One entry a scored piece: the part of a document that one window (or line) predicts."""

    protocol: str
    documents: list[str]
    pieces: Counts  # number of the window, or of the line in its document
    nll: npt.NDArray[np.float64]  # summed loss in nats
    tokens: Counts  # predicted tokens
    attended: Counts  # tokens that protocol `lab` divides by
    words: Counts  # words (split on white space) and UTF-8 bytes of the text that was predicted
    bytes: Counts

    def table(self) -> pa.Table:
        """As rows of scores.parquet."""
        return pa.table(
            {
                "protocol": pa.array([self.protocol] * len(self.documents), pa.string()),
                "document": pa.array(self.documents, pa.string()),
                "piece": self.pieces,
                "nll": self.nll,
                "tokens": self.tokens,
                "weight": self.attended,
                "words": self.words,
                "bytes": self.bytes,
            }
        )


@dataclass(frozen=True)
class Perplexity:
    """What a corpus costs a model. Losses are in nats, intervals hold the perplexity."""

    protocol: str
    perplexity: float  # exp(nll)
    nll: float  # summed loss / tokens
    tokens: int  # what is divided by: predicted tokens, under protocol `lab` attended tokens
    words: int  # of the predicted text; only protocol `document` predicts all of it
    bytes: int
    word_perplexity: float
    byte_perplexity: float
    bits_per_byte: float
    interval: tuple[float, float]  # 95 % unless asked otherwise; (nan, nan) where there is one piece of text only
    interval_unit: str  # what the bootstrap draws: `document`, or `piece` where there are few documents

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def score(
    language_model: LanguageModel,
    corpus: Corpus,
    protocol: Protocol,
    *,
    context_length: int | None = None,
    stride: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> Scores:
    """Score a corpus under a protocol.

    Args:
        context_length: Tokens that the model sees at once; absent: the model's own, at most 1,024.
        stride: Step between the windows of protocol `window`; absent: half the context.
        batch_tokens: Tokens that go through the model at once; changes nothing but time and memory.

    Raises:
        UserError: too little text, or settings that do not fit the model.
    """
    plan = plan_scoring(
        language_model.tokenizer,
        corpus,
        protocol,
        model_context=language_model.context_length,
        context_length=context_length,
        stride=stride,
    )
    return score_plan(language_model, plan, batch_tokens=batch_tokens, progress=progress)


def score_plan(
    language_model: LanguageModel,
    plan: ScoringPlan,
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> Scores:
    """Score what `plan_scoring` has laid out. Under torchrun every process must call this; each scores its share."""
    sizes = [len(row.targets) for row in plan.rows]
    losses = [np.zeros(size) for size in sizes]
    done, total = 0, sum(len(row.inputs) for row in plan.rows)
    name = protocol_name(plan.protocol)
    batches = batches_of_rows(plan.rows, batch_tokens, packed=language_model.forward.packs)
    for numbers, batch in distributed.shard(batches):
        found = language_model.forward.losses(batch).double().numpy()
        ends = np.cumsum([sizes[number] for number in numbers])
        for number, part in zip(numbers, np.split(found, ends[:-1]), strict=True):
            losses[number] = part
        done += batch.tokens * distributed.world_size()
        if progress:
            progress.stage(f"scoring {name}", min(1.0, done / total))
    # Each loss is found by one process and is zero in the others: the sum is exact.
    together = distributed.summed(torch.from_numpy(np.concatenate(losses))).numpy()
    losses = np.split(together, np.cumsum(sizes)[:-1])
    pieces = plan.pieces
    return Scores(
        protocol=plan.protocol,
        documents=[piece.document for piece in pieces],
        pieces=np.array([piece.number for piece in pieces], dtype=np.int64),
        nll=np.array([losses[piece.row][piece.first : piece.last].sum() for piece in pieces]),
        tokens=np.array([piece.last - piece.first for piece in pieces], dtype=np.int64),
        attended=np.array([piece.attended for piece in pieces], dtype=np.int64),
        words=np.array([piece.words for piece in pieces], dtype=np.int64),
        bytes=np.array([piece.bytes for piece in pieces], dtype=np.int64),
    )


def summary(scores: Scores, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0) -> Perplexity:
    """Perplexity and its relatives, with a bootstrap interval of the perplexity."""
    nats = float(scores.nll.sum())
    divisor = int((scores.attended if protocol_name(scores.protocol) == "lab" else scores.tokens).sum())
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
    """exp, and infinity where a float cannot hold it (a word of many tokens, say)."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf
