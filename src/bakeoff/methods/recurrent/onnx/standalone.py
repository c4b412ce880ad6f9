"""Classify texts with model.onnx. Needs onnxruntime and what comes with it (numpy), nothing else.

python classify.py "A fine film" "A dull one"

from classify import OnnxClassifier
OnnxClassifier().classify(["A fine film"])
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

UNKNOWN = 1  # id of every word outside the vocabulary; 0 is padding
FIRST_WORD = 2
TEXTS_AT_ONCE = 64


class OnnxClassifier:
    """Vocabulary and graph: from texts to probabilities."""

    def __init__(self, folder: Path = Path(__file__).parent) -> None:
        config = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        self.labels: list[str] = config["labels"]
        self.max_length: int = config["settings"]["max_length"]
        self.truncation: str = config["settings"]["truncation"]
        self.punctuation: str = vocabulary["punctuation"]
        self.ids = {word: number for number, word in enumerate(vocabulary["words"], start=FIRST_WORD)}
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Return the probability of every label, for each text."""
        return [dict(zip(self.labels, row.tolist(), strict=True)) for row in self.probabilities(texts)]

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return shape (texts, labels)."""
        parts = [np.zeros((0, len(self.labels)), dtype=np.float32)]
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            rows = [self.encode(text) for text in texts[start : start + TEXTS_AT_ONCE]]
            lengths = np.array([len(row) for row in rows], dtype=np.int64)
            words = np.zeros((len(rows), lengths.max()), dtype=np.int64)
            for index, row in enumerate(rows):
                words[index, : len(row)] = row
            parts += self.session.run(["probabilities"], {"words": words, "lengths": lengths})
        return np.concatenate(parts)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text's words, at least one and at most `max_length`."""
        if self.punctuation == "separate":
            text = text.replace("<br />", " ")
        words = "".join(map(self._spaced, text.lower())).split()
        ids = [self.ids.get(word, UNKNOWN) for word in words] or [UNKNOWN]
        if len(ids) <= self.max_length:
            return ids
        tail = self.max_length // 2 if self.truncation == "head_tail" else 0
        return ids[: self.max_length - tail] + ids[len(ids) - tail :]

    def _spaced(self, character: str) -> str:
        """Make punctuation and symbols words of their own, or drop them; keep other characters."""
        if unicodedata.category(character)[0] not in "PS":
            return character
        return f" {character} " if self.punctuation == "separate" else ""


if __name__ == "__main__":
    for answer in OnnxClassifier().classify(sys.argv[1:]):
        print(json.dumps(answer, ensure_ascii=False))
