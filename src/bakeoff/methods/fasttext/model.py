"""A fastText classifier, trained by its own program."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.words import tokenize
from bakeoff.errors import DivergedError, UserError
from bakeoff.methods.fasttext.config import FastTextConfig

_LABEL = "__label__"  # no word begins with it, because `lines_of` separates its underscores
_FEWEST_BUCKETS, _MOST_BUCKETS = 100_000, 2_000_000


def lines_of(texts: Sequence[str]) -> list[str]:
    """Return texts as fastText's manual prepares them: in lower case, punctuation separated, on one line."""
    tokens = tokenize(texts, "separate")
    words, ids = np.array([*tokens.words, ""], dtype=object), tokens.ids
    return [" ".join(words[ids[start:end]]) for start, end in zip(tokens.offsets, tokens.offsets[1:], strict=False)]


class FastTextModel:
    """A supervised fastText model whose labels are class indices.

    Where a text can have several labels, fastText learns each against all others (`-loss ova`). It skips lines without
    a label, so that those have a label of their own, which is not among the answers.
    """

    def __init__(self, model: Any, classes: int, *, multilabel: bool = False) -> None:
        self.model = model
        self.classes = classes
        self.multilabel = multilabel  # a text can have several labels

    @classmethod
    def fit(
        cls,
        lines: Sequence[str],
        labels: Sequence[int] | npt.NDArray[np.bool_],
        classes: int,
        config: FastTextConfig,
        *,
        epochs: int,
        seed: int,
    ) -> FastTextModel:
        """Train on lines of `lines_of` in one thread, so that the same seed gives the same model.

        Args:
            labels: Class indices; or the labels of each text, shape (texts, classes).

        Raises:
            DivergedError: the training diverged.
            UserError: no word is frequent enough.
        """
        import fasttext

        words = sum(line.count(" ") + 1 for line in lines)
        buckets = config.buckets or min(max(words, _FEWEST_BUCKETS), _MOST_BUCKETS)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "train.txt"
            several = np.ndim(labels) == 2
            marked = (
                f"{' '.join(f'{_LABEL}{label}' for label in _of_line(own, classes))} {line}\n"
                for line, own in zip(lines, labels, strict=True)
            )
            file.write_text("".join(marked), encoding="utf-8")
            try:
                model = fasttext.train_supervised(
                    str(file),
                    dim=config.embedding_size,
                    wordNgrams=config.max_ngram,
                    minn=config.min_subword,
                    maxn=config.max_subword,
                    minCount=config.min_frequency,
                    lr=config.learning_rate,
                    bucket=buckets,
                    loss="ova" if several else "softmax",
                    epoch=epochs,
                    seed=seed,
                    thread=1,
                    verbose=0,
                )
            except (RuntimeError, ValueError) as error:
                kind = DivergedError if "NaN" in str(error) else UserError  # "Encountered NaN."
                raise kind(
                    f"fastText could not be trained: {str(error).rstrip('.')}.",
                    "Lower its learning_rate.",
                ) from error
        if not model.words:  # fastText learns nothing, and has no answer for texts without n-grams
            raise UserError(
                f"fastText could not be trained: no word occurs {config.min_frequency:,} times.",
                "Lower its min_frequency.",
            )
        return cls(model, classes, multilabel=several)

    @property
    def parameters(self) -> int:
        rows = len(self.model.words) + self.model.f.getArgs().bucket + len(self.model.labels)
        return int(rows * self.model.get_dimension())

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return shape (texts, classes). fastText adds 1e-5 to each probability; rows are scaled to add up to 1."""
        rows = np.zeros((len(texts), self.classes + self.multilabel))
        found, given = self.model.predict(lines_of(texts), k=-1)
        for row, labels, probabilities in zip(rows, found, given, strict=True):
            row[[int(label.removeprefix(_LABEL)) for label in labels]] = probabilities
        if self.multilabel:
            return np.asarray(np.minimum(rows[:, : self.classes], 1.0))
        return np.asarray(rows / rows.sum(axis=1, keepdims=True))

    def save(self, folder: Path) -> None:
        """Write fastText's own format."""
        self.model.save_model(str(folder / "model.bin"))

    @classmethod
    def load(cls, folder: Path, classes: int, *, multilabel: bool = False) -> FastTextModel:
        import fasttext

        return cls(fasttext.load_model(str(folder / "model.bin")), classes, multilabel=multilabel)


def _of_line(labels: int | npt.NDArray[np.bool_], classes: int) -> Sequence[int]:
    """Return the numbers that mark a line: its label, its labels, or the number of classes where it has none."""
    if isinstance(labels, np.ndarray):
        return np.flatnonzero(labels).tolist() or [classes]
    return [labels]
