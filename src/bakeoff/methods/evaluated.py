"""The texts that the evaluation of a classifier asks it for, which plans count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakeoff.data.scripts import IDEOGRAPHS, KANA, SYLLABLES, UNSPACED

if TYPE_CHECKING:
    from bakeoff.data.types import SplitTable

SAMPLES = 15
SHOWN_CHARACTERS = 300
"""A report marks the words of about so many test texts, as far as it shows them."""

_WORD = re.compile(rf"[{KANA}]{{1,3}}|[{SYLLABLES}]{{1,3}}|[{IDEOGRAPHS}]|[^\s{UNSPACED}]+")


def evaluated_texts(data: SplitTable) -> list[str]:
    """Return the texts to evaluate on, those that belong to no class, and those by which words are marked."""
    apart = data.out_of_scope
    unknown = [*apart.choosing.texts, *apart.test.texts] if apart else []
    return [*data.validation.texts, *data.test.texts, *unknown, *_marking_texts(data)]


def _marking_texts(data: SplitTable) -> list[str]:
    """Return about the texts by which words are marked: samples, and each of them without each of its words.

    Of several folds, each gets its share: words are marked once, after the last training.
    """
    rows = len(data.train) + len(data.validation) + len(data.test)
    samples = round(SAMPLES * len(data.test) / rows) if data.is_fold else SAMPLES
    texts: list[str] = []
    for text in data.test.texts[:samples]:
        words = {word[0].lower(): word.span() for word in _WORD.finditer(text[:SHOWN_CHARACTERS])}
        texts += [text, *(text[:start] + text[end:] for start, end in words.values())]
    return texts
