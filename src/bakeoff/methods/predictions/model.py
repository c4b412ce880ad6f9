"""Answers that are looked up by the text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from bakeoff.methods.base import UnknownTextError

Array = npt.NDArray[np.float64]


def key_of(text: str) -> bytes:
    """Return the SHA-256 of a text. White space counts as one blank: it rarely survives a trip through files."""
    return hashlib.sha256(" ".join(text.split()).encode()).digest()


class PredictionsModel:
    """The answers of a file. They are saved with the hashes of their texts, not the texts."""

    parameters = None  # of the model that gave the answers

    def __init__(self, answers: dict[bytes, Array], calibrates: bool) -> None:
        self.answers = answers  # key of a text -> shape (classes,)
        self.calibrates = calibrates

    def probabilities(self, texts: Sequence[str]) -> Array:
        """Return shape (texts, classes).

        Raises:
            UnknownTextError: the file has no answer for a text.
        """
        try:
            return np.stack([self.answers[key_of(text)] for text in texts])
        except KeyError:
            unknown = next(text for text in texts if key_of(text) not in self.answers)
            shown = unknown if len(unknown) <= 60 else unknown[:59] + "…"
            raise UnknownTextError(
                f"There is no answer for {shown!r}: this contestant is a file of answers to other texts.",
                "Name a contestant that was trained, with --contestant.",
            ) from None

    def save(self, folder: Path) -> None:
        tensors: dict[str, npt.NDArray[Any]] = {
            "keys": np.frombuffer(b"".join(self.answers), dtype=np.uint8).reshape(-1, 32),
            "probabilities": np.stack(list(self.answers.values())),
            "calibrates": np.array([self.calibrates]),
        }
        save_file(tensors, folder / "answers.safetensors")

    @classmethod
    def load(cls, folder: Path) -> PredictionsModel:
        tensors = load_file(folder / "answers.safetensors")
        keys = (key.tobytes() for key in tensors["keys"])
        return cls(dict(zip(keys, tensors["probabilities"], strict=True)), bool(tensors["calibrates"][0]))
