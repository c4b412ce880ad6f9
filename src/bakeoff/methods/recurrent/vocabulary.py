"""The vocabulary of a recurrent network: words with ids of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from bakeoff.data.word_ids import TokenizedTexts
from bakeoff.data.words import Punctuation, tokenize
from bakeoff.methods.encoded import EncodedTexts
from bakeoff.methods.recurrent.config import Vocabulary
from bakeoff.methods.recurrent.units import MOST_SUBWORDS, Subwords, Unit, as_characters, choose_unit, split_words
from bakeoff.runs.writing import write_text

PADDING = 0
UNKNOWN = 1
FIRST_WORD = 2


class WordVocabulary:
    """Words and their ids: ``words[i]`` has the id ``i + 2``; 0 is padding, 1 every unknown word.

    With another unit, its words are subwords or characters.
    """

    def __init__(
        self,
        words: list[str],
        punctuation: Punctuation,
        unit: Unit = "words",
        subwords: Subwords | None = None,
        reason: str = "",
    ) -> None:
        """
        Args:
            subwords: For that unit.
            reason: Why this unit was chosen.
        """
        self.words = words
        self.punctuation = punctuation
        self.unit = unit
        self.reason = reason
        self._subwords = subwords
        self._ids = {word: number for number, word in enumerate(words, start=FIRST_WORD)}

    @classmethod
    def build(cls, training: TokenizedTexts, rule: Vocabulary) -> WordVocabulary:
        """Return the vocabulary of a training split, most frequent words first, ties in alphabetical order.

        Args:
            training: The training split and nothing else, tokenized by ``rule.punctuation``.
        """
        unit, reason = choose_unit(training, rule)
        subwords = None
        if unit == "subwords":
            subwords = Subwords.train(training, rule.max_size or MOST_SUBWORDS, rule.min_frequency)
            training = split_words(training, subwords.split)
        elif unit == "characters":
            training = split_words(training, as_characters)
        counts = np.bincount(training.ids, minlength=len(training.words)).tolist()
        frequent = [
            (-count, word) for word, count in zip(training.words, counts, strict=True) if count >= rule.min_frequency
        ]
        if rule.stop_words == "remove" and unit == "words":
            frequent = [(count, word) for count, word in frequent if word not in ENGLISH_STOP_WORDS]
        words = [word for _, word in sorted(frequent)[: rule.max_size]]
        return cls(words, rule.punctuation, unit, subwords, reason)

    @property
    def size(self) -> int:
        """Return the number of ids, including those of padding and unknown words."""
        return FIRST_WORD + len(self.words)

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Return texts as ids, tokenized by the same rule as the training split."""
        return self.encode_tokenized(tokenize(texts, self.punctuation))

    def encode_tokenized(self, texts: TokenizedTexts) -> EncodedTexts:
        """Return texts, tokenized into words, as ids. Words outside the vocabulary become 1 and keep their places.

        Removed stop words are such words: as in the lab, they leave the vocabulary but not the texts. A text without
        any words becomes a single unknown word, so that a model always has something to read.
        """
        if self._subwords:
            texts = split_words(texts, partial(self._subwords.split, known=self._ids))
        elif self.unit == "characters":
            texts = split_words(texts, as_characters)
        own = np.array([self._ids.get(word, UNKNOWN) for word in texts.words], dtype=np.int32)
        lengths = np.diff(texts.offsets)
        ids = own[texts.ids]
        if (empty := np.flatnonzero(lengths == 0)).size:
            ids = np.insert(ids, texts.offsets[empty], UNKNOWN)
            lengths[empty] = 1
        return EncodedTexts.from_lengths(ids, lengths)

    def save(self, path: Path) -> None:
        values: dict[str, Any] = {"punctuation": self.punctuation, "words": self.words}
        if self.unit != "words":
            values["unit"] = self.unit
        if self._subwords:
            values["subwords"] = json.loads(self._subwords.to_json())  # a tokenizer.json of the library `tokenizers`
        write_text(path, json.dumps(values, ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> WordVocabulary:
        values = json.loads(path.read_text(encoding="utf-8"))
        if "subwords" in values:
            values["subwords"] = Subwords.from_json(json.dumps(values["subwords"]))
        return cls(**values)
