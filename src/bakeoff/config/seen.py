"""The facts that `bakeoff init` finds in somebody's data, and how it tells them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from bakeoff.data.config import TableFormat
from bakeoff.data.profile import WordCounts

UNEVEN = 3
"""Classes are called uneven if the largest has at least this many times the rows of the smallest."""

_LISTED_CLASSES = 20


@dataclass
class Seen:
    """Facts about the data, for the comments of the config."""

    source: str
    task: str
    rows: int  # of the table; documents of a text
    columns: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)  # columns
    label: str | list[str] | None = None  # a list: a column of 0 and 1 for each label
    separator: str | None = None  # between several labels of one text
    multilabel: bool = False  # a text can have several labels
    features: list[str] = field(default_factory=list)  # columns that contestants could read beside the text
    split: str | None = None  # column that names the split of each row
    files: dict[str, str] = field(default_factory=dict)  # train, validation, test, where they have files of their own
    classes: dict[str, int] = field(default_factory=dict)  # rows that are used, the most frequent class first
    words: WordCounts | None = None  # of the texts, or documents, that are used
    skipped: dict[str, int] = field(default_factory=dict)  # reason -> rows
    duplicate_texts: int = 0
    near_duplicate_texts: int = 0
    notes: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)  # contestants that would take too long -> how long
    epochs: int | None = None  # fewer than usual, for lack of time
    time: str = ""  # that the line-up takes, where somebody asked for a time
    format: TableFormat | None = None  # how the files are written, where that had to be found
    reasons: list[str] = field(default_factory=list)  # why these columns
    english: bool | None = None  # of texts with labels
    examples: bool = False  # prompts with answers, or chats

    def as_dict(self) -> dict[str, Any]:
        values = dataclasses.asdict(dataclasses.replace(self, format=None))
        return {**values, "format": self.format.model_dump(exclude_none=True) if self.format else None}


def describe(seen: Seen) -> list[str]:
    """Return what was found, as lines for a reader."""
    assert seen.words is not None
    units = seen.words.units
    noun = "rows" if seen.task == "classification" else "documents, or parts of one, in all splits"
    noun = "examples, in all splits" if seen.examples else noun
    lines = [f"{seen.rows:,} {noun}"]
    lines += [f"{count:,} rows not used: {reason}" for reason, count in seen.skipped.items()]
    if seen.columns:
        lines.append(f"columns: {', '.join(map(shown, seen.columns))}")
    lines += [f"chosen as {shown(reason, 200)}" for reason in seen.reasons]
    if seen.features:
        listed = ", ".join(map(shown, seen.features))
        lines.append(f"could be read beside the text: {listed} (numbers and categories; see `features` below)")
    lines.append(
        f"{units} per text: {seen.words.median:,} (median), {seen.words.percentile_95:,} (95th percentile), "
        f"{seen.words.longest:,} (longest)"
    )
    lines.append(f"duplicate texts: {seen.duplicate_texts:,}; near-duplicates: {seen.near_duplicate_texts:,}")
    if seen.classes:
        total = seen.rows - sum(seen.skipped.values()) if seen.multilabel else sum(seen.classes.values())
        column = seen.label if isinstance(seen.label, str) else ", ".join(seen.label or [])
        if seen.multilabel:
            lines.append(f"{len(seen.classes)} labels ({shown(column, 200)}), of which a text can have several:")
        else:
            lines.append(f"{len(seen.classes)} classes in column {shown(column)}:")
        first = list(seen.classes.items())[:_LISTED_CLASSES]
        lines += [f"  {count:>9,}  {count / total:6.1%}  {shown(name)}" for name, count in first]
        if len(seen.classes) > len(first):
            lines.append(f"  and {len(seen.classes) - len(first)} more")
    if uneven := _unevenness(seen):
        what = "labels" if seen.multilabel else "classes"
        each = "label" if seen.multilabel else "class"
        lines.append(f"The {what} are uneven, 1 to {uneven:.0f}: look at macro-F1 and the recall of each {each}, too.")
    return lines + [shown(note, 200) for note in seen.notes]


def _unevenness(seen: Seen) -> float | None:
    counts = list(seen.classes.values())
    return counts[0] / counts[-1] if counts and counts[0] >= UNEVEN * counts[-1] else None


def shown(text: str, longest: int = 60) -> str:
    """Return foreign text on one line, shortened and without control characters."""
    line = "".join(character if character.isprintable() else "\ufffd" for character in " ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"
