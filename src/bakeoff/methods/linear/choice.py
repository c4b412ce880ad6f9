"""Choose the settings of a linear model that are left open, from the texts of the training split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bakeoff.data.scripts import spacing_of
from bakeoff.data.word_ids import TokenizedTexts
from bakeoff.methods.linear.config import LinearConfig

MOST_WORDS_FOR_CHARACTERS = 1_000_000
"""In more text than this, words alone are as good or better, and several times faster."""

FEWEST_TEXTS_PER_CLASS = 200
"""On average. With fewer, the log-count ratios of naive Bayes are mostly chance."""


Targets = Sequence[int] | npt.NDArray[np.bool_]
"""Class indices, shape (texts,), or the labels that each text has, shape (texts, labels)."""


def has_several(labels: Targets) -> bool:
    """Return whether a text can have several labels."""
    return isinstance(labels, np.ndarray) and labels.ndim == 2


def choose_settings(
    settings: LinearConfig, texts: TokenizedTexts, labels: Targets, sample_of: int | None = None
) -> tuple[LinearConfig, str]:
    """Return the settings with nothing left open, and a sentence that says what was chosen and why, or "".

    The rules are the best ones by accuracy on validation splits; docs/how-to/languages.md has the measurements.

    Args:
        sample_of: The number of texts in the training split, where `texts` are a sample of it.
    """
    factor = (sample_of or len(labels)) / max(len(labels), 1)
    ngrams, reason = settings.ngrams, ""
    if ngrams == "auto":
        words = round(len(texts.ids) * factor)
        if spacing_of(texts) != "spaced":
            ngrams, reason = "characters", "the texts are in a script without spaces between words"
        elif words <= MOST_WORDS_FOR_CHARACTERS:
            ngrams, reason = "both", f"the training split has {words:,} words, which is few"
        else:
            ngrams, reason = "words", f"the training split has {words:,} words, which is plenty"
    naive_bayes, regularization = settings.naive_bayes, settings.inverse_regularization
    if naive_bayes is None:
        classes = np.shape(labels)[1] if has_several(labels) else max(labels, default=0) + 1
        few = len(labels) * factor < FEWEST_TEXTS_PER_CLASS * classes
        naive_bayes = ngrams == "words" or (ngrams == "both" and not few)
    if regularization is None:
        regularization = 3.0 if ngrams == "characters" else 10.0
    chosen = settings.model_copy(
        update={"ngrams": ngrams, "naive_bayes": naive_bayes, "inverse_regularization": regularization}
    )
    return chosen, f"Its n-grams are of {_KINDS[ngrams]}, because {reason}." if reason else ""


_KINDS = {"words": "words", "characters": "characters", "both": "words and of characters"}
