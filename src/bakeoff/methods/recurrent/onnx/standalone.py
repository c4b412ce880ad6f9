"""Classify texts with model.onnx. Needs onnxruntime and what comes with it (numpy), nothing else.

python classify.py "A fine film" "A dull one"

from classify import OnnxClassifier
OnnxClassifier().predict(["A fine film"])  # labels
OnnxClassifier().classify(["A fine film"])  # probabilities
"""

from __future__ import annotations

import json
import re
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


def characters_of(categories: str) -> str:
    return "".join(each for each in map(chr, range(0x20000)) if unicodedata.category(each)[0] in categories)


# A mark with what Unicode attaches to it, such as a family of emoji, or a flag, is a word of its own.
FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
MARK = f"[{re.escape(characters_of('PS'))}]"
EXTENDER = f"[{characters_of('M')}\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef]"
JOINED = f"\u200d{MARK}{EXTENDER}*"
CLUSTER = re.compile(f"({FLAG}|{MARK}(?:{EXTENDER}+(?:{JOINED})*|(?:{JOINED})+))")


class OnnxClassifier:
    """Vocabulary and graph: from texts to probabilities."""

    def __init__(self, folder: Path = Path(__file__).parent) -> None:
        config = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        self.labels: list[str] = config["labels"]
        self.costs: list[list[float]] | None = config.get("costs")  # of mistakes, by true and predicted label
        self.threshold: float | None = config.get("out_of_scope_threshold")
        self.max_length: int = config["settings"]["max_length"]
        self.truncation: str = config["settings"]["truncation"]
        self.punctuation: str = vocabulary["punctuation"]
        self.ids = {word: number for number, word in enumerate(vocabulary["words"], start=FIRST_WORD)}
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])

    def predict(self, texts: Sequence[str]) -> list[str | None]:
        """Return the label of each text: the most probable one, or with costs of mistakes that of least expected cost.

        It is None for a text that belongs to no class, if the classifier can tell.
        """
        return [self.label(row) for row in self.probabilities(texts)]

    def label(self, row: npt.NDArray[np.float32]) -> str | None:
        """Return the label for the probabilities of a text."""
        if self.threshold is not None and row.max() < self.threshold:
            return None
        chosen = int(row.argmax())
        if self.costs is not None:
            expected = row @ np.array(self.costs)  # of each label that may be predicted
            least = expected.min()
            if expected[chosen] > least + 1e-12 * max(least, 1):  # of equal costs, the more probable label
                chosen = int(expected.argmin())
        return self.labels[chosen]

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
        parts = CLUSTER.split(text.casefold())  # clusters have the odd places
        parts[::2] = ["".join(map(self._spaced, part)) for part in parts[::2]]
        parts[1::2] = [f" {cluster} " if self.punctuation == "separate" else "" for cluster in parts[1::2]]
        words = "".join(parts).split()
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
    classifier = OnnxClassifier()
    for row in classifier.probabilities(sys.argv[1:]):
        answer = {
            "label": classifier.label(row),
            "probabilities": dict(zip(classifier.labels, row.tolist(), strict=True)),
        }
        print(json.dumps(answer, ensure_ascii=False))
