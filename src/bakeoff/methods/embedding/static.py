"""A static model: one vector for every token, so that the vector of a text is a sum. No torch and no network.

`model/static/` is in the format of model2vec (Tulkens and van Dongen 2024), whose library loads it as well.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tokenizers
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix

from bakeoff import machine
from bakeoff.methods.embedding.cache import Vectors
from bakeoff.runs.writing import write_text

Ids = npt.NDArray[np.int64]

_MOST_WORDS = 100_000
"""The vectors of so many words are kept in memory."""

_TEXTS_AT_ONCE = 10_000
_WORDS_IN_LINE = 64


class StaticEncoder:
    """A vector for every token.

    The vectors of words are kept as they are met: a text is split at white space, and each word is read as it would be
    in the middle of a text. Most words of a text are known, and their tokens need not be found again.
    """

    def __init__(self, vectors: Vectors, tokenizer: tokenizers.Tokenizer) -> None:
        """
        Args:
            vectors: Shape (tokens, values); zero for tokens that say nothing.
        """
        self.vectors = vectors
        self._tokenizer = tokenizers.Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._before = _before_words(self._tokenizer)
        self._joined = _splits_at_spaces(self._tokenizer)
        self._known: dict[str, int] = {}  # rows of `_words`, by word
        self._words: Vectors = np.zeros((0, self.dimension), dtype=np.float32)  # with room for more

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])

    @property
    def parameters(self) -> int:
        return self.vectors.size

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return vectors of length 1, shape (texts, values); zero for a text without a known token."""
        parts = [self._embed(texts[start : start + _TEXTS_AT_ONCE]) for start in range(0, len(texts), _TEXTS_AT_ONCE)]
        return np.concatenate(parts)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        if len(self._known) > _MOST_WORDS:
            self._known, self._words = {}, self._words[:0]
        split = [text.split() for text in texts]
        words = list(itertools.chain.from_iterable(split))
        known = self._known
        if new := [word for word in dict.fromkeys(words) if word not in known]:
            self._learn(new)
        columns = np.fromiter(map(known.__getitem__, words), dtype=np.int64, count=len(words))
        offsets = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum([len(part) for part in split], out=offsets[1:])
        sums = _sums(self._words[: len(known)], columns, offsets)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        np.divide(sums, lengths, out=sums, where=lengths > 0)
        return sums

    def _learn(self, words: Sequence[str]) -> None:
        """Add the vectors of words."""
        ids, offsets = self._ids_of_joined(words) if self._joined else self._ids_of_each(words)
        begin, end = len(self._known), len(self._known) + len(words)
        if end > len(self._words):
            room = np.zeros((max(end, 2 * len(self._words)), self.dimension), dtype=np.float32)
            room[:begin] = self._words[:begin]
            self._words = room
        self._words[begin:end] = _sums(self.vectors, ids, offsets)
        self._known |= {word: begin + number for number, word in enumerate(words)}

    @machine.all_cores()
    def _ids_of_each(self, words: Sequence[str]) -> tuple[Ids, Ids]:
        """Return the token ids of all words, and where those of each word begin, shape (words + 1,)."""
        found = self._tokenizer.encode_batch_fast([self._before + word for word in words], add_special_tokens=False)
        ids = [encoding.ids for encoding in found]
        flat = np.fromiter(itertools.chain.from_iterable(ids), dtype=np.int64)
        return flat, np.concatenate([[0], np.cumsum([len(row) for row in ids])])

    @machine.all_cores()
    def _ids_of_joined(self, words: Sequence[str]) -> tuple[Ids, Ids]:
        """Do the same with many words in one text, where the tokenizer has less to do for each of them."""
        lines = [words[start : start + _WORDS_IN_LINE] for start in range(0, len(words), _WORDS_IN_LINE)]
        ids, counts = [], []
        for line, encoding in zip(
            lines,
            self._tokenizer.encode_batch([" ".join(line) for line in lines], add_special_tokens=False),
            strict=True,
        ):
            ends = np.cumsum([len(word) + 1 for word in line])
            places = np.searchsorted(ends, [start for start, _ in encoding.offsets], side="right")
            ids.append(np.array(encoding.ids, dtype=np.int64))
            counts.append(np.bincount(places, minlength=len(line)))
        return np.concatenate(ids), np.concatenate([[0], np.cumsum(np.concatenate(counts))])

    def save(self, folder: Path) -> None:
        folder.mkdir()
        save_file({"embeddings": self.vectors.astype(np.float16, order="C")}, folder / "model.safetensors")
        self._tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        config = {
            "model_type": "model2vec",
            "architectures": ["StaticModel"],
            "hidden_dim": self.dimension,
            "seq_length": 1_000_000,
            "normalize": True,
            "embedding_dtype": "float16",
        }
        write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> StaticEncoder:
        vectors = load_file(folder / "model.safetensors")["embeddings"].astype(np.float32)
        return cls(vectors, tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")))


def _sums(vectors: Vectors, rows: Ids, offsets: Ids) -> Vectors:
    """Return sums of rows of `vectors`: number i is that of `rows[offsets[i] : offsets[i + 1]]`."""
    ones = np.ones(len(rows), dtype=np.float32)
    sums: Vectors = csr_matrix((ones, rows, offsets), shape=(len(offsets) - 1, len(vectors))) @ vectors
    return sums


def _splits_at_spaces(tokenizer: tokenizers.Tokenizer) -> bool:
    """Return whether the tokenizer certainly reads each word alone: BERT's does."""
    settings = json.loads(tokenizer.to_str())["pre_tokenizer"] or {}
    return settings.get("type") == "BertPreTokenizer"


def _before_words(tokenizer: tokenizers.Tokenizer) -> str:
    """Return what must stand before a word for it to be read as in the middle of a text: a space for GPT-2's kind."""

    def ids(text: str) -> list[int]:
        found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return found

    return "" if ids("a b") == ids("a") + ids("b") else " "
