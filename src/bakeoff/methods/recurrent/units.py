"""The units that a recurrent network reads: words, parts of words, or characters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

from bakeoff.data.graphemes import graphemes
from bakeoff.data.scripts import is_unspaced, spacing_of
from bakeoff.data.word_ids import TokenizedTexts, offsets_of, positions
from bakeoff.methods.recurrent.config import Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Unit = Literal["words", "subwords", "characters"]

MOST_SUBWORDS = 8_000
"""Distinct subwords, unless `max_size` says another number."""

_LONGEST_SUBWORD = 12  # characters: in a script without spaces, whole sentences that recur would be joined

_START = "\u2581"
"""Marks the beginning of a word in scripts with spaces, as SentencePiece does."""

_UNKNOWN = "\ufffd"


def choose_unit(texts: TokenizedTexts, rule: Vocabulary) -> tuple[Unit, str]:
    """Return the unit for these texts, and a sentence that says why, or "" if the config names it."""
    if rule.units != "auto":
        return rule.units, ""
    spacing = spacing_of(texts)
    if spacing == "spaced":
        return "words", ""
    unit: Unit = "characters" if spacing == "ideographs" else "subwords"
    return unit, f"Its vocabulary has {unit}, because the texts are in a script without spaces between words."


def split_words(texts: TokenizedTexts, split: Callable[[Sequence[str]], list[list[str]]]) -> TokenizedTexts:
    """Replace each word by its units.

    Args:
        split: Takes distinct words and returns the units of each, at least one.
    """
    units = split(texts.words)
    numbers: dict[str, int] = {}
    ids = np.fromiter((numbers.setdefault(unit, len(numbers)) for unit in chain(*units)), dtype=np.int32)
    of_word = offsets_of(np.fromiter(map(len, units), dtype=np.int64, count=len(units)))
    counts = np.diff(of_word)[texts.ids]
    begins = offsets_of(counts)
    return TokenizedTexts(list(numbers), ids[positions(of_word[:-1][texts.ids], begins)], begins[texts.offsets])


def as_characters(words: Sequence[str]) -> list[list[str]]:
    """Split words into characters as readers see them. In scripts with spaces, the first one marks its place."""
    return [graphemes(word) if is_unspaced(word) else _with_start(graphemes(word)) for word in words]


def _with_start(characters: list[str]) -> list[str]:
    return [_START + characters[0], *characters[1:]]


class Subwords:
    """Byte-pair encoding (Sennrich et al. 2016) by the library `tokenizers`."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def train(cls, texts: TokenizedTexts, size: int, min_frequency: int) -> Subwords:
        """Learn from how often each word occurs in the texts.

        Args:
            size: Most distinct subwords.
            min_frequency: Fewest occurrences of a pair that is joined.
        """
        from tokenizers import Tokenizer, models, trainers

        tokenizer = Tokenizer(models.BPE(unk_token=_UNKNOWN))
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=min_frequency,
            max_token_length=_LONGEST_SUBWORD,
            special_tokens=[_UNKNOWN],
            show_progress=False,
        )
        marked = [_marked(word) for word in texts.words]
        tokenizer.train_from_iterator((marked[number] for number in texts.ids.tolist()), trainer)
        return cls(tokenizer)

    def split(self, words: Sequence[str], known: Collection[str] | None = None) -> list[list[str]]:
        """Return the subwords of each word.

        Args:
            known: If given, other subwords are cut into these. A subword may be a step on the way to a longer one, and
                not occur in the training split by itself.
        """
        encoded = self._tokenizer.encode_batch([_marked(word) for word in words])
        split = [each.tokens or [_UNKNOWN] for each in encoded]
        if known is None:
            return split
        return [[part for token in tokens for part in _known_parts(token, known)] for tokens in split]

    def to_json(self) -> str:
        return self._tokenizer.to_str()

    @classmethod
    def from_json(cls, text: str) -> Subwords:
        from tokenizers import Tokenizer

        return cls(Tokenizer.from_str(text))


def _marked(word: str) -> str:
    return word if is_unspaced(word) else _START + word


def _known_parts(token: str, known: Collection[str]) -> Iterator[str]:
    """Cut a subword into known ones, the longest first; a character that is none stays."""
    start = 0
    while start < len(token):
        ends = range(len(token), start + 1, -1)
        end = next((end for end in ends if token[start:end] in known), start + 1)
        yield token[start:end]
        start = end
