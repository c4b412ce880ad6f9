"""The vocabulary of a recurrent network: words with ids of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from bakeoff.data.word_ids import TokenizedTexts
from bakeoff.data.words import Punctuation, tokenize
from bakeoff.methods.encoded import EncodedTexts
from bakeoff.methods.recurrent.config import Vocabulary
from bakeoff.runs.writing import write_text

PADDING = 0
UNKNOWN = 1
FIRST_WORD = 2


class WordVocabulary:
    """Words and their ids: ``words[i]`` has the id ``i + 2``; 0 is padding, 1 every unknown word."""

    def __init__(self, words: list[str], punctuation: Punctuation) -> None:
        self.words = words
        self.punctuation = punctuation
        self._ids = {word: number for number, word in enumerate(words, start=FIRST_WORD)}

    @classmethod
    def build(cls, training: TokenizedTexts, rule: Vocabulary) -> WordVocabulary:
        """Return the vocabulary of a training split, most frequent words first, ties in alphabetical order.

        Args:
            training: The training split and nothing else, tokenized by ``rule.punctuation``.
        """
        counts = np.bincount(training.ids, minlength=len(training.words)).tolist()
        frequent = [
            (-count, word) for word, count in zip(training.words, counts, strict=True) if count >= rule.min_frequency
        ]
        if rule.stop_words == "remove":
            frequent = [(count, word) for count, word in frequent if word not in ENGLISH_STOP_WORDS]
        return cls([word for _, word in sorted(frequent)[: rule.max_size]], rule.punctuation)

    @property
    def size(self) -> int:
        """Return the number of ids, including those of padding and unknown words."""
        return FIRST_WORD + len(self.words)

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Return texts as ids, tokenized by the same rule as the training split."""
        return self.encode_tokenized(tokenize(texts, self.punctuation))

    def encode_tokenized(self, texts: TokenizedTexts) -> EncodedTexts:
        """Return texts as ids. Words outside the vocabulary become 1 and keep their places.

        Removed stop words are such words: as in the lab, they leave the vocabulary but not the texts. A text without
        any words becomes a single unknown word, so that a model always has something to read.
        """
        own = np.array([self._ids.get(word, UNKNOWN) for word in texts.words], dtype=np.int32)
        lengths = np.diff(texts.offsets)
        ids = own[texts.ids]
        if (empty := np.flatnonzero(lengths == 0)).size:
            ids = np.insert(ids, texts.offsets[empty], UNKNOWN)
            lengths[empty] = 1
        return EncodedTexts.from_lengths(ids, lengths)

    def save(self, path: Path) -> None:
        write_text(path, json.dumps({"punctuation": self.punctuation, "words": self.words}, ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> WordVocabulary:
        return cls(**json.loads(path.read_text(encoding="utf-8")))
