"""From what an endpoint answers to probabilities of labels."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bakeoff.data.scripts import UNSPACED, is_unspaced
from bakeoff.methods.prompt.answers import Answer

SURE = 0.9
"""Probability of a label that is answered in words alone. The temperature then fits it to the validation split."""

LEAST = 1e-6
"""Least probability of a label beside log-probabilities, which may be rounded to 0: with less, no temperature could
make an answer unsure."""

NO_LABEL = "none"
"""Answer in words for a text without a label."""

_THOUGHTS = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_AROUND = " \t\r\n\"'`*_.:;,!()[]{}\u3000。、，；：！？（）「」『』【】《》“”‘’"
_BULLET = re.compile(r"\s*(?:[-*•·–—]|\d+[.)])\s+")
_BETWEEN = re.compile(r"[,;\n、，；]")
_LETTER = rf"[^\W{UNSPACED}]"  # of a script with spaces between words
_NOT = "".join(f"(?<!{word})" for word in ("不", "非", "未", "无", "無", "没", "ไม่"))  # "not", written before a word


def matched(text: str, names: Sequence[str]) -> int | None:
    """Return the index of the label that an answer names, or None if it names none or several."""
    said = plain(_label_of_json(_THOUGHTS.sub("", text).strip()))
    spellings = [plain(name) for name in names]
    if said in spellings:
        return spellings.index(said)
    found: set[int] = set()
    for index in sorted(range(len(names)), key=lambda index: -len(spellings[index])):  # "not good" before "good"
        said, hits = re.subn(_inside_words(spellings[index]), " ", said)
        if hits:
            found.add(index)
    return found.pop() if len(found) == 1 else None


def matched_labels(text: str, names: Sequence[str]) -> list[int] | None:
    """Return the indices of all labels that an answer lists, or None if it is no list or names something else."""
    said = _THOUGHTS.sub("", text).strip()
    places = {plain(name): index for index, name in enumerate(names)} | {n: index for index, n in enumerate(names)}
    listed = [said] if _place(said, places) is not None else _list_of(said)
    if listed is None:
        return None
    found = [_place(name, places) for name in listed]
    return sorted({index for index in found if index is not None}) if None not in found else None


def label_list_probabilities(answer: Answer, names: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """Return the probability of each label, of which a text can have several, or None if the answer is no list."""
    labels = matched_labels(answer.text, names)
    if labels is None:
        return None
    probabilities = np.full(len(names), 1 - SURE)
    probabilities[labels] = SURE
    return probabilities


def label_probabilities(answer: Answer, names: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """Return the probability of each label, shape (labels,), or None if the answer names none.

    Where the answer begins with a label, a token of the log-probabilities stands for the labels that begin with it. The
    first token of a sentence says nothing: "The text is about fraud" is not about theft. A label without such a token
    is as likely as the least likely token that is listed, which is the most that it can be, but all of them together
    are no more likely than what the listed tokens leave.
    """
    named = matched(answer.text, names)
    if answer.top is not None and _begins_with_label(answer.text, names if named is None else [names[named]]):
        by_label = _by_first_token(answer.top, names, named, answer.text)
        if by_label.sum() > 0.5 or (named is None and by_label.sum() > 0.01):
            listed = np.exp(list(answer.top.values()))
            left = (1 - listed.sum()) / max(1, np.count_nonzero(by_label == 0))
            by_label = np.maximum(by_label, max(LEAST, min(listed.min(), left)))
            scaled: npt.NDArray[np.float64] = by_label / by_label.sum()
            return scaled
    if named is None:
        return None
    if len(names) == 1:
        return np.ones(1)
    probabilities = np.full(len(names), (1 - SURE) / (len(names) - 1))
    probabilities[named] = SURE
    return probabilities


def _begins_with_label(text: str, names: Sequence[str]) -> bool:
    """Return whether an answer begins with a label, or is the beginning of one, as where it was cut off."""
    said = plain(text)
    return any(said.startswith(name) or name.startswith(said) for name in map(plain, names))


def _by_first_token(
    top: dict[str, float], names: Sequence[str], named: int | None, text: str
) -> npt.NDArray[np.float64]:
    """Return the summed probability of each label's first tokens, shape (labels,), not scaled to 1."""
    found = np.zeros(len(names))
    spellings = [plain(name) for name in names]
    for token, log_probability in top.items():
        start = plain(token)
        labels = [index for index, name in enumerate(spellings) if start and name.startswith(start)]
        if named in labels and plain(text).startswith(start):
            labels = [index for index in labels if index == named]  # the answer went on to say which one it means
        for label in labels:
            found[label] += math.exp(log_probability) / len(labels)
    return found


def plain(text: str) -> str:
    """Return a text without case and the marks around it, which do not tell one label from another."""
    return text.strip(_AROUND).casefold()


def _inside_words(name: str) -> str:
    """Return a pattern that finds the name of a label in a sentence, as words of their own.

    Scripts without spaces do not show where a word begins. There a single character, which is part of many words, must
    stand alone, and a longer name may stand anywhere but behind a "not" that is part of its word.
    """
    if len(name) == 1 and is_unspaced(name):
        return rf"(?<!\w){name}(?!\w)"
    before = _NOT if is_unspaced(name[:1]) else f"(?<!{_LETTER})"
    after = "" if is_unspaced(name[-1:]) else f"(?!{_LETTER})"
    return before + re.escape(name) + after


def _place(name: str, places: Mapping[str, int]) -> int | None:
    """Return the index of the label that a part of a list names, or None."""
    spellings = (name, plain(name), plain(_BULLET.sub("", name, count=1)))
    return next((places[spelling] for spelling in spellings if spelling in places), None)


def _list_of(text: str) -> list[str] | None:
    """Return the parts of a list, as JSON or in words, or None if it is none."""
    text = _without_fence(text)
    if text.startswith(("{", "[")):
        try:
            values = json.loads(text)
        except ValueError:
            return None
        values = values.get("labels") if isinstance(values, dict) else values
        return values if isinstance(values, list) and all(isinstance(value, str) for value in values) else None
    if plain(text) == NO_LABEL:
        return []
    return [part for part in _BETWEEN.split(text) if part.strip()] or None


def _without_fence(text: str) -> str:
    return text.removeprefix("```json").strip("`\n ") if text.startswith("```") else text


def _label_of_json(text: str) -> str:
    text = _without_fence(text)
    if not text.startswith("{"):
        return text
    try:
        return str(json.loads(text)["label"])
    except (ValueError, KeyError, TypeError):
        return text
