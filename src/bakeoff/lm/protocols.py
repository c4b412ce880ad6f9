"""What each perplexity protocol scores: rows of tokens for the model, and pieces of documents for the statistics.

Nothing here runs a model. `docs/explanation/perplexity.md` compares the three protocols.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.types import Corpus
from bakeoff.errors import UserError
from bakeoff.evaluation.config import Protocol
from bakeoff.lm.tokens import Ids, Tokens, beginning_token, tokenize

DEFAULT_CONTEXT_LENGTH = 1024


@dataclass(frozen=True)
class Row:
    """Tokens that the model sees at once. The last `len(targets)` inputs predict the targets, one each."""

    inputs: Ids
    targets: Ids


@dataclass(frozen=True)
class Piece:
    """A part of one document that is predicted in one row."""

    document: str
    number: int  # of the window, or of the line in its document
    row: int
    first: int  # of the row's targets
    last: int  # exclusive
    attended: int  # tokens that protocol `lab` divides by; elsewhere the predicted tokens
    words: int  # words and bytes of the original text whose last character lies in the predicted tokens
    bytes: int


@dataclass(frozen=True)
class ScoringPlan:
    """Everything that is to be scored under one protocol."""

    protocol: str  # with its settings, e.g. `window(context=1024, stride=512)`
    rows: list[Row]
    pieces: list[Piece]


def plan_scoring(
    tokenizer: Any,
    corpus: Corpus,
    protocol: Protocol,
    *,
    model_context: int,
    context_length: int | None = None,
    stride: int | None = None,
) -> ScoringPlan:
    """Tokenize a corpus and cut it as the protocol demands.

    Args:
        model_context: Tokens that the model can see at most.
        context_length: Tokens that it is shown at once; absent: the model's own, at most 1,024.
        stride: Step between the windows of protocol `window`; absent: half the context.

    Raises:
        UserError: settings that do not fit, or too little text.
    """
    context = context_length or min(model_context, DEFAULT_CONTEXT_LENGTH)
    if not 2 <= context <= model_context:
        raise UserError(
            f"The model sees between 2 and {model_context} tokens at once, not {context}.",
            f"Set the context length to {model_context} or less.",
        )
    if protocol == "window":
        plan = _plan_windows(tokenizer, corpus, context, stride or max(1, context // 2))
    elif protocol == "document":
        plan = _plan_documents(tokenizer, corpus, context)
    else:
        plan = _plan_lines(tokenizer, corpus, context)
    if not any(len(row.targets) for row in plan.rows):
        raise UserError(
            f"{corpus.name} holds no token that protocol {protocol} predicts.",
            "Give it more text, or use protocol `document`, which predicts every token.",
        )
    return plan


def _plan_windows(tokenizer: Any, corpus: Corpus, context: int, stride: int) -> ScoringPlan:
    """The Hugging Face guide's sliding window: each window predicts what the one before did not reach.

    A token is predicted from those before it in its window, so the first token of the stream is not predicted, and
    with a stride as long as the context neither is the first token of any window.
    """
    if stride > context:
        raise UserError(
            f"A stride of {stride} would skip tokens between windows of {context}.",
            f"Set the stride to {context} or less.",
        )
    stream = corpus.stream
    (tokens,) = tokenize(tokenizer, [stream], special_tokens=True)
    length = len(tokens.ids)
    if length < context:
        raise UserError(
            f"{corpus.name} has {length} tokens, fewer than one window of {context}.",
            f"Set the context length to {max(length, 2)} or less (--context-length {max(length, 2)}), or use protocol "
            "`document`.",
        )
    beginnings = np.cumsum([0, *(len(document.text) + len(corpus.separator) for document in corpus.documents[:-1])])
    document_of = np.searchsorted(beginnings, tokens.starts, side="right") - 1
    count = _counter(stream, tokens)
    rows: list[Row] = []
    pieces: list[Piece] = []
    reached = 0
    for begin in range(0, length, stride):
        end = min(begin + context, length)
        first = max(reached, begin + 1)
        changes = first + 1 + np.flatnonzero(np.diff(document_of[first:end]))
        for start, stop in pairwise([first, *changes.tolist(), end]):
            name = corpus.documents[document_of[start]].name
            pieces.append(
                Piece(name, len(rows), len(rows), start - first, stop - first, stop - start, *count(start, stop))
            )
        rows.append(Row(tokens.ids[begin : end - 1], tokens.ids[first:end]))
        reached = end
        if end == length:
            break
    return ScoringPlan(f"window(context={context}, stride={stride})", rows, pieces)


def _plan_documents(tokenizer: Any, corpus: Corpus, context: int) -> ScoringPlan:
    """lm-evaluation-harness' rolling log-likelihood (`get_rolling_token_windows` with a context of 1).

    Every token of every document is predicted exactly once, the first from BOS or EOS. Windows do not overlap, but
    the last one is filled up with earlier tokens, so that it too sees a full context.
    """
    beginning = beginning_token(tokenizer)
    texts = [document.text for document in corpus.documents]
    rows: list[Row] = []
    pieces: list[Piece] = []
    for document, tokens in zip(corpus.documents, tokenize(tokenizer, texts, special_tokens=False), strict=True):
        inputs = np.concatenate([[beginning], tokens.ids])  # inputs[i] is followed by tokens.ids[i]
        count = _counter(document.text, tokens)
        for number, first in enumerate(range(0, len(tokens.ids), context)):
            last = min(first + context, len(tokens.ids))
            pieces.append(Piece(document.name, number, len(rows), 0, last - first, last - first, *count(first, last)))
            rows.append(Row(inputs[max(0, last - context) : last], tokens.ids[first:last]))
    return ScoringPlan(f"document(context={context})", rows, pieces)


def _plan_lines(tokenizer: Any, corpus: Corpus, context: int) -> ScoringPlan:
    """The published lab's recipe: each line a row of its own, cut to the context, divided by attended tokens."""
    names = [document.name for document in corpus.documents for _ in document.lines]
    numbers = [number for document in corpus.documents for number in range(len(document.lines))]
    rows: list[Row] = []
    pieces: list[Piece] = []
    lines = corpus.lines
    for line, name, number, tokens in zip(
        lines, names, numbers, tokenize(tokenizer, lines, special_tokens=True), strict=True
    ):
        attended = min(len(tokens.ids), context)
        targets = max(0, attended - 1)
        words, size = _counter(line, tokens)(1, attended) if targets else (0, 0)
        pieces.append(Piece(name, number, len(rows), 0, targets, attended, words, size))
        rows.append(Row(tokens.ids[:targets], tokens.ids[1:attended]))
    return ScoringPlan(f"lab(context={context})", rows, pieces)


def _counter(text: str, tokens: Tokens) -> Callable[[int, int], tuple[int, int]]:
    """A function that counts words (split on white space) and UTF-8 bytes of the text of tokens first to last.

    The parts of a text that follow each other add up to the whole: a word belongs to the part where it ends.
    """
    word_ends: npt.NDArray[np.int64] = np.array([word.end() for word in re.finditer(r"\S+", text)], dtype=np.int64)
    edges = np.append(tokens.starts, len(text))
    edges[0] = 0

    def count(first: int, last: int) -> tuple[int, int]:
        begin, end = edges[first], edges[last]
        words = np.searchsorted(word_ends, end, side="right") - np.searchsorted(word_ends, begin, side="right")
        return int(words), len(text[begin:end].encode("utf-8"))

    return count
