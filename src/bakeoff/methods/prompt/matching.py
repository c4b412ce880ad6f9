"""From what an endpoint answers to probabilities of labels."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bakeoff.methods.prompt.answers import Answer

SURE = 0.9
"""Probability of a label that is answered in words alone. The temperature then fits it to the validation split."""

_THOUGHTS = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_AROUND = " \t\r\n\"'`*_.:;,!()[]{}"


def matched(text: str, names: Sequence[str]) -> int | None:
    """Return the index of the label that an answer names, or None if it names none or several."""
    said = _plain(_label_of_json(_THOUGHTS.sub("", text).strip()))
    plain = [_plain(name) for name in names]
    if said in plain:
        return plain.index(said)
    found: set[int] = set()
    for index in sorted(range(len(names)), key=lambda index: -len(plain[index])):  # "not good" before "good"
        said, hits = re.subn(rf"(?<!\w){re.escape(plain[index])}(?!\w)", " ", said)
        if hits:
            found.add(index)
    return found.pop() if len(found) == 1 else None


def label_probabilities(answer: Answer, names: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """Return the probability of each label, shape (labels,), or None if the answer names none.

    A token of the log-probabilities stands for the labels that begin with it. A label without such a token is as
    likely as the least likely token that is listed, which is the most that it can be.
    """
    named = matched(answer.text, names)
    if answer.top is not None:
        by_label = _by_first_token(answer.top, names, named, answer.text)
        if by_label.sum() > 0.5 or (named is None and by_label.sum() > 0.01):
            by_label = np.maximum(by_label, math.exp(min(answer.top.values())))
            scaled: npt.NDArray[np.float64] = by_label / by_label.sum()
            return scaled
    if named is None:
        return None
    if len(names) == 1:
        return np.ones(1)
    probabilities = np.full(len(names), (1 - SURE) / (len(names) - 1))
    probabilities[named] = SURE
    return probabilities


def _by_first_token(
    top: dict[str, float], names: Sequence[str], named: int | None, text: str
) -> npt.NDArray[np.float64]:
    """Return the summed probability of each label's first tokens, shape (labels,), not scaled to 1."""
    found = np.zeros(len(names))
    plain = [_plain(name) for name in names]
    for token, log_probability in top.items():
        start = _plain(token)
        labels = [index for index, name in enumerate(plain) if start and name.startswith(start)]
        if named in labels and _plain(text).startswith(start):
            labels = [index for index in labels if index == named]  # the answer went on to say which one it means
        for label in labels:
            found[label] += math.exp(log_probability) / len(labels)
    return found


def _plain(text: str) -> str:
    return text.strip(_AROUND).casefold()


def _label_of_json(text: str) -> str:
    text = text.removeprefix("```json").strip("`\n ") if text.startswith("```") else text
    if not text.startswith("{"):
        return text
    try:
        return str(json.loads(text)["label"])
    except (ValueError, KeyError, TypeError):
        return text
