"""The baseline: every text gets the class frequencies of the training split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file


class MajorityModel:
    """Class frequencies as the answer to every text."""

    def __init__(self, frequencies: npt.NDArray[np.float64]) -> None:
        self.frequencies = frequencies  # shape (classes,), adds up to 1; of several labels, the share of each

    @classmethod
    def fit(cls, labels: Sequence[int] | npt.NDArray[np.bool_], classes: int) -> MajorityModel:
        """Count the labels, which are class indices, or the sets of labels of texts, shape (texts, classes)."""
        if isinstance(labels, np.ndarray) and labels.ndim == 2:
            return cls(labels.mean(axis=0))
        return cls(np.bincount(labels, minlength=classes) / len(labels))

    @property
    def parameters(self) -> int:
        return 0

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return shape (texts, classes)."""
        return np.tile(self.frequencies, (len(texts), 1))

    def save(self, folder: Path) -> None:
        save_file({"frequencies": self.frequencies}, folder / "model.safetensors")

    @classmethod
    def load(cls, folder: Path) -> MajorityModel:
        return cls(load_file(folder / "model.safetensors")["frequencies"])
