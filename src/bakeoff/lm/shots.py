"""Examples with their answers that stand before a prompt (few-shot prompting, Brown et al. 2020)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from bakeoff.data.shared_words import SharedWords
from bakeoff.data.types import Document
from bakeoff.errors import UserError
from bakeoff.pretrained.sentence_vectors import Vectors, text_vectors
from bakeoff.runs.writing import write_text

_FILE = "shots.json"
_VECTORS = "shots.safetensors"


@dataclass(frozen=True)
class Shots:
    """Examples for prompts: the same for all, or for each the most similar ones (Liu et al. 2022, KATE)."""

    texts: list[str]  # examples as in training, each with what separates it from the next
    count: int  # how many stand before a prompt
    vectors: Vectors | None = None  # of their questions, shape (texts, values); None: the first ones, for every prompt
    shared: SharedWords = field(default_factory=SharedWords)  # of the questions; the vectors are those of the rest

    def before(self, documents: Sequence[Document]) -> list[Document]:
        """Return documents with examples before their prompts, the most similar one last."""
        if self.vectors is None:
            return [_behind("".join(self.texts[: self.count]), document) for document in documents]
        similarity = text_vectors([self.shared.rest(document.question) for document in documents]) @ self.vectors.T
        nearest = np.argsort(similarity, axis=1, kind="stable")[:, -self.count :]
        return [
            _behind("".join(self.texts[row] for row in rows), document)
            for document, rows in zip(documents, nearest.tolist(), strict=True)
        ]

    def write(self, folder: Path) -> None:
        """Write the examples into a model's folder."""
        values = {"count": self.count, "texts": self.texts, **asdict(self.shared)}
        write_text(folder / _FILE, json.dumps(values, ensure_ascii=False) + "\n")
        if self.vectors is not None:
            save_file({"vectors": self.vectors}, folder / _VECTORS)


def read_shots(folder: Path) -> Shots | None:
    """Return the examples of a model's folder, or None if it has none.

    Raises:
        UserError: the files are damaged.
    """
    path = folder / _FILE
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        vectors = load_file(folder / _VECTORS)["vectors"] if (folder / _VECTORS).exists() else None
        texts, count = [str(text) for text in values["texts"]], int(values["count"])
        beginnings, ends = (values.get(key, []) for key in ("beginnings", "ends"))  # older files have none
        return Shots(texts, count, vectors, SharedWords(tuple(map(str, beginnings)), tuple(map(str, ends))))
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path} is damaged.", "Train the contestant again.") from None


def _behind(shots: str, document: Document) -> Document:
    moved = tuple(
        replace(answer, start=answer.start + len(shots), end=answer.end + len(shots), closed=answer.closed + len(shots))
        for answer in document.answers
    )
    return replace(document, text=shots + document.text, answers=moved)
