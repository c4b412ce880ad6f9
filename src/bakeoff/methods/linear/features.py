"""The features of a linear model: n-grams of words, of characters within words, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from bakeoff.data.word_ids import TokenizedTexts
from bakeoff.methods.linear.characters import CharacterNgrams, learn_character_ngrams
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.ngrams import NgramVocabulary, learn_ngrams, side_by_side


@dataclass(frozen=True)
class Ngrams:
    """The n-grams that are features: those of words, then those of characters. At least one kind is there."""

    words: NgramVocabulary | None
    characters: CharacterNgrams | None

    @property
    def kind(self) -> Literal["words", "characters", "both"]:
        """Return the setting `ngrams` that these n-grams have."""
        if self.words and self.characters:
            return "both"
        return "words" if self.words else "characters"

    @property
    def size(self) -> int:
        return sum(self.group_sizes)

    @property
    def group_sizes(self) -> list[int]:
        """Return how many n-grams have one word, two words, and so on, and last how many have characters."""
        groups = [len(self.words.words), *map(len, self.words.codes)] if self.words else []
        return [*groups, self.characters.size] if self.characters else groups

    def count(self, texts: TokenizedTexts) -> csr_matrix:
        """Count each n-gram in each text, shape (texts, size)."""
        return side_by_side([kind.count(texts) for kind in (self.words, self.characters) if kind])

    def as_json(self) -> dict[str, Any]:
        """Return the words and characters; the rest is in `tensors`."""
        return ({"words": self.words.words} if self.words else {}) | (
            {"characters": self.characters.characters} if self.characters else {}
        )

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Return the codes of the n-grams."""
        tensors = {}
        for prefix, kind in (("codes", self.words), ("character_codes", self.characters)):
            for length, codes in enumerate(kind.codes if kind else [], start=2):
                tensors[f"{prefix}_{length}"] = codes
        return tensors

    @classmethod
    def load(cls, values: dict[str, Any], tensors: dict[str, npt.NDArray[Any]]) -> Ngrams:
        """Return what `as_json` and `tensors` were made from."""

        def codes(prefix: str) -> list[npt.NDArray[np.int64]]:
            lengths = sorted(int(name.removeprefix(prefix)) for name in tensors if name.startswith(prefix))
            return [tensors[f"{prefix}{length}"] for length in lengths]

        return cls(
            NgramVocabulary(values["words"], codes("codes_")) if "words" in values else None,
            CharacterNgrams(values["characters"], codes("character_codes_")) if "characters" in values else None,
        )


def learn_features(texts: TokenizedTexts, settings: LinearConfig) -> tuple[Ngrams, csr_matrix]:
    """Find the n-grams that stand in enough texts, of the kinds that the settings name, and count them.

    Returns:
        The n-grams, and what their `count` says of the same texts.
    """
    frequency = min(settings.min_document_frequency, len(texts.offsets) - 1)
    words, characters, blocks = None, None, []
    if settings.ngrams != "characters":
        words, counts = learn_ngrams(texts, settings.max_ngram, frequency)
        blocks.append(counts)
    if settings.ngrams != "words":
        characters, counts = learn_character_ngrams(texts, settings.max_characters, frequency)
        blocks.append(counts)
    return Ngrams(words, characters), side_by_side(blocks)
