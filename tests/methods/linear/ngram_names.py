"""The n-grams behind the columns of a vocabulary, to compare them with scikit-learn's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bakeoff.methods.linear.characters import CharacterNgrams
from bakeoff.methods.linear.ngrams import NgramVocabulary


def word_ngrams(vocabulary: NgramVocabulary) -> list[str]:
    """Return every n-gram, words parted by a space, in the order of the columns."""
    return _names(vocabulary.words, vocabulary.codes, " ")


def character_ngrams(vocabulary: CharacterNgrams) -> list[str]:
    """Return every n-gram, with the spaces at its ends, in the order of the columns; the space alone has none."""
    return _names(list(vocabulary.characters), vocabulary.codes, "")[1:]


def _names(units: Sequence[str], codes: Sequence[np.ndarray], between: str) -> list[str]:
    names, shorter = list(units), list(units)
    for longer in codes:
        first, last = np.divmod(longer, len(units))
        shorter = [
            f"{shorter[start]}{between}{units[end]}" for start, end in zip(first.tolist(), last.tolist(), strict=True)
        ]
        names += shorter
    return names
