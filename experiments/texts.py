"""The packaged text, and three units to cut it into: characters, subwords and words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from bakeoff.data.config import TextData
from bakeoff.data.corpora import prepare_corpus

Unit = Literal["characters", "subwords", "words"]
UNITS: tuple[Unit, ...] = ("characters", "subwords", "words")
BEGIN, UNKNOWN = 0, 1
"""Ids of the beginning of a document, and of every unit that training has not seen often enough."""

_WORD = re.compile(r"\s?\w+|\s?[^\w\s]+|\s")  # a word takes the space before it along, so that nothing is lost


@cache
def wikitext() -> tuple[list[str], list[str]]:
    """Return the documents of the packaged part of WikiText-2: training and test split."""
    corpus, _ = prepare_corpus(TextData(text="wikitext-2-part"), seed=12)
    assert corpus.test is not None
    return [each.text for each in corpus.train.documents], [each.text for each in corpus.test.documents]


def first_characters(documents: Iterable[str], characters: int) -> list[str]:
    """Return the first documents, up to so many characters in all; the last one is cut."""
    kept: list[str] = []
    for document in documents:
        if characters > 0:
            kept.append(document[:characters])
        characters -= len(document)
    return kept


def beginnings(documents: Sequence[str], number: int, characters: int) -> list[str]:
    """Return the beginnings of the first documents: many short ones tell more than a few whole ones."""
    return [document[:characters] for document in documents[:number]]


@dataclass(frozen=True)
class Encoder:
    """Turns texts into ids of a vocabulary, and spells what is not in it."""

    unit: Unit
    ids: dict[str, int]  # the units, without BEGIN and UNKNOWN
    byte_losses: np.ndarray  # nats per byte value by its frequency in training, 256 numbers and one for the end
    tokenizer: Tokenizer | None = None  # for subwords

    @property
    def vocabulary(self) -> int:
        return len(self.ids) + 2

    def pieces(self, text: str) -> list[str]:
        if self.unit == "characters":
            return list(text)
        if self.tokenizer is not None:
            return list(self.tokenizer.encode(text).tokens)
        return _WORD.findall(text)

    def encode(self, text: str) -> tuple[list[int], float]:
        """Return the ids, begun by BEGIN, and the nats that it takes to spell the unknown units byte by byte.

        Without this price, the model that knows the fewest words would look best.
        """
        pieces = self.pieces(text)
        ids = [self.ids.get(piece, UNKNOWN) for piece in pieces]
        unknown = [piece for piece, number in zip(pieces, ids, strict=True) if number == UNKNOWN]
        spelled = sum(self.byte_losses[list(piece.encode())].sum() + self.byte_losses[256] for piece in unknown)
        return [BEGIN, *ids], float(spelled)


def build_encoder(unit: Unit, documents: Sequence[str], subwords: int = 1000) -> Encoder:
    """Build a vocabulary from a training text: characters and words that occur twice, or so many subwords of bytes."""
    counts = Counter(value for document in documents for value in document.encode())
    frequencies = np.array([counts[value] + 1.0 for value in range(256)] + [float(len(documents) + 1)])
    losses = -np.log(frequencies / frequencies.sum())
    if unit == "subwords":
        tokenizer = train_byte_bpe(documents, subwords)
        # Its ids are replaced by ours, which begin with two special ones.
        tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
        return Encoder(unit, {token: number for number, token in enumerate(tokens, start=2)}, losses, tokenizer)
    bare = Encoder(unit, {}, losses)
    units = Counter(piece for document in documents for piece in bare.pieces(document))
    often = [piece for piece, count in units.most_common() if count > 1]
    return Encoder(unit, {piece: number for number, piece in enumerate(often, start=2)}, losses)


def train_byte_bpe(documents: Sequence[str], size: int) -> Tokenizer:
    """Train byte-pair encoding that starts from the 256 bytes, as GPT-2 does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def train_character_bpe(documents: Sequence[str], size: int) -> Tokenizer:
    """Train byte-pair encoding that starts from the characters of white-space words, as Sennrich et al. (2016) do."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=["[UNK]"], show_progress=False)
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def unigram_losses(training: Sequence[Sequence[int]], vocabulary: int) -> np.ndarray:
    """Return the nats of each id by its frequency in training plus one: what a model without context can know."""
    counts = np.ones(vocabulary)
    for ids in training:
        counts += np.bincount(ids[1:], minlength=vocabulary)  # without BEGIN
    return np.asarray(-np.log(counts / counts.sum()))


def bits(nats: float) -> float:
    return nats / math.log(2)
