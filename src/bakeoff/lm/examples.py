"""Prompts with their answers, and chats, as tokens: which are given, which are learned, and how long ones are cut."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.types import Corpus
from bakeoff.lm.scoring_plan import Row
from bakeoff.lm.tokens import Ids, beginning_token, end_token, own_beginning, tokenize

GIVEN, ANSWER, END = 0, 1, 2
"""Parts of an example: what is not predicted; answers; and what ends an answer, which is learned but not evaluated."""

Parts = npt.NDArray[np.int8]


@dataclass(frozen=True)
class ExampleTokens:
    """An example as tokens, up to the end of its last answer."""

    ids: Ids  # shape (tokens,); the first one is given
    parts: Parts  # of each token, shape (tokens,)

    def row(self, predicted: Collection[int]) -> Row:
        """Return the row that predicts the tokens of these parts."""
        targets = np.flatnonzero(np.isin(self.parts, list(predicted)))
        return Row(self.ids[: targets[-1]], self.ids[targets], targets - 1)

    def cut(self, size: int) -> ExampleTokens:
        """Cut an example of more than `size` tokens, at least 2.

        Its beginning is left out, so that the last answer and what stands before it stay. Of an answer that is itself
        too long, the end is left out as well: a token remains before it. The first token counts as given, for nothing
        is left to predict it from.
        """
        if len(self.ids) <= size:
            return self
        others = np.flatnonzero(self.parts == GIVEN)
        end = min(len(self.ids), int(others[-1]) + size)
        parts = self.parts[end - size : end].copy()
        parts[0] = GIVEN
        return ExampleTokens(self.ids[end - size : end], parts)


def example_tokens(tokenizer: Any, corpus: Corpus) -> list[ExampleTokens]:
    """Tokenize the examples of a corpus.

    A prompt has the tokens that it has by itself, as when an answer to it is generated. The answer has those by which
    the text goes on; where a token would reach across the border, it is tokenized by itself. What ends the answer is
    the mark of the chat template, or else the end-of-text token. A BOS comes first where prompts have one; a chat
    template writes its own.

    Raises:
        UserError: the tokenizer has no end-of-text token.
    """
    needed = ("Learning from examples", "Choose a model whose tokenizer has one")
    beginning = [] if corpus.chat else own_beginning(tokenizer)
    texts, edges = [], []
    for document in corpus.documents:
        cuts = [place for answer in document.answers for place in (answer.start, answer.end, answer.closed)]
        edges.append([0, *cuts])
        texts += [document.text[:place] for place in cuts]
        texts += [document.text[first:last] for first, last in zip(edges[-1], cuts, strict=False)]
    tokenized = iter([tokens.ids for tokens in tokenize(tokenizer, texts, special_tokens=False)])
    examples = []
    for document, places in zip(corpus.documents, edges, strict=True):
        count = len(places) - 1
        growing = [next(tokenized) for _ in range(count)]
        alone = [next(tokenized) for _ in range(count)]
        pieces: list[tuple[Ids, int]] = [(np.array(beginning, dtype=np.int64), GIVEN)]
        before: Ids = np.array([], dtype=np.int64)
        for number, (whole, part) in enumerate(zip(growing, alone, strict=True)):
            continues = len(whole) >= len(before) and np.array_equal(whole[: len(before)], before)
            pieces.append((whole[len(before) :] if continues else part, (GIVEN, ANSWER, END)[number % 3]))
            before = whole
        if document.answers[-1].closed == document.answers[-1].end:
            pieces.append((np.array([end_token(tokenizer, *needed)]), END))
        if not sum(len(ids) for ids, part in pieces[:2]):  # nothing is given
            pieces.insert(0, (np.array([beginning_token(tokenizer, *needed)]), GIVEN))
        examples.append(
            ExampleTokens(
                np.concatenate([ids for ids, _ in pieces]).astype(np.int64),
                np.concatenate([np.full(len(ids), part, dtype=np.int8) for ids, part in pieces]),
            )
        )
    return examples


def training_rows(examples: Sequence[ExampleTokens], size: int) -> list[Row]:
    """Return the rows of examples in training, cut to `size` tokens: answers and their ends are predicted."""
    return [example.cut(size).row((ANSWER, END)) for example in examples]


def prompt_of(example: ExampleTokens, size: int) -> list[int]:
    """Return the tokens before the last answer, of which the last `size` are kept."""
    ids: list[int] = example.ids[: int(np.flatnonzero(example.parts == GIVEN)[-1]) + 1].tolist()
    return ids[-size:]


def cut_note(examples: Sequence[ExampleTokens], size: int, which: str) -> list[str]:
    """Return a sentence about the examples that are longer than `size` tokens, or none.

    Args:
        which: `training`, `test`.
    """
    long = sum(len(example.ids) > size for example in examples)
    if not long:
        return []
    return [
        f"{long:,} of {len(examples):,} {which} examples have more than {size:,} tokens. Their beginning was cut, so "
        "that the answer stays whole; of an answer that is too long by itself, the end was cut."
    ]
