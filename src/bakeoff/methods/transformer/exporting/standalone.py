"""Classify texts with model.onnx (needs onnxruntime) or model.safetensors (needs transformers), and tokenizers.

python classify.py "A fine film" "A dull one"

from classify import ExportedClassifier
ExportedClassifier().predict(["A fine film"])  # labels
ExportedClassifier().classify(["A fine film"])  # probabilities
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

Logits = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]


class ExportedClassifier:
    """Tokenizer and network: from texts to probabilities."""

    def __init__(self, folder: Path = Path(__file__).parent) -> None:
        config = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        self.labels: list[str] = config["labels"]
        self.costs: list[list[float]] | None = config.get("costs")  # of mistakes, by true and predicted label
        self.threshold: float | None = config.get("out_of_scope_threshold")
        self.temperature: float = config["temperature"]
        self.max_length: int = config["settings"]["max_length"]
        self.padding: int = json.loads((folder / "config.json").read_text(encoding="utf-8"))["pad_token_id"]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.logits = load(folder)

    def predict(self, texts: Sequence[str]) -> list[str | None]:
        """Return the label of each text: the most probable one, or with costs of mistakes that of least expected cost.

        It is None for a text that belongs to no class, if the classifier can tell.
        """
        return [self.label(row) for row in self.probabilities(texts)]

    def label(self, row: npt.NDArray[np.float64]) -> str | None:
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

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return shape (texts, labels)."""
        rows = [self._row(text) for text in texts]
        return np.array(rows, dtype=np.float64).reshape(len(texts), len(self.labels))

    def _row(self, text: str) -> npt.NDArray[np.float64]:
        logits = self.logits(np.array([self.encode(text)], dtype=np.int64))[0].astype(np.float64) / self.temperature
        powers = np.exp(logits - logits.max())
        row: npt.NDArray[np.float64] = powers / powers.sum()
        return row

    def encode(self, text: str) -> list[int]:
        """Return a text as token ids; of a long one, half of them from each end."""
        ids: list[int] = self.tokenizer.encode(text).ids or [self.padding]
        if len(ids) <= self.max_length:
            return ids
        tail = self.max_length // 2
        return ids[: self.max_length - tail] + ids[len(ids) - tail :]


def load(folder: Path) -> Logits:
    """Return a function from token ids, shape (1, length), to logits, shape (1, labels)."""
    if (folder / "model.onnx").exists():
        import onnxruntime

        session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        return lambda ids: session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
    import torch
    import transformers

    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=False).eval()

    def logits(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        with torch.no_grad():
            found = model(input_ids=torch.from_numpy(ids), attention_mask=torch.ones(ids.shape, dtype=torch.long))
        values: npt.NDArray[np.float32] = found.logits.numpy()
        return values

    return logits


if __name__ == "__main__":
    classifier = ExportedClassifier()
    for row in classifier.probabilities(sys.argv[1:]):
        answer = {
            "label": classifier.label(row),
            "probabilities": dict(zip(classifier.labels, row.tolist(), strict=True)),
        }
        print(json.dumps(answer, ensure_ascii=False))
