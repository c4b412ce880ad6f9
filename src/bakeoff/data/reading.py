"""What a reader of tables returns, and how a file was written, in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bakeoff.data.config import TableFormat

PLAIN = TableFormat(separator="comma", quote="double", header=True, encoding="utf-8")
"""The format of most files, which is not worth a note."""

_SEPARATORS = {"comma": "commas", "semicolon": "semicolons", "tab": "tabs", "pipe": "pipes"}
_QUOTES = {"double": 'quotes "', "single": "quotes '", "none": "no quotes"}


Counts = Counter[tuple[str, str]]
"""How many rows have something: what a sentence says before that number and after it."""


@dataclass
class Reading:
    """The columns of one file; all lists have the same length."""

    columns: dict[str, list[Any]]
    notes: list[str] = field(default_factory=list)  # sentences about what was found, joined or dropped
    format: TableFormat | None = None  # how the file was written, where the file itself does not say it
    counts: Counts = field(default_factory=Counter)  # further notes
    other_sheets: list[str] = field(default_factory=list)  # of a spreadsheet, which were not read


def read_as(format: TableFormat) -> str:
    """Return a format in words: `semicolons, quotes ', no header, windows-1252`."""
    words = []
    if format.separator is not None:
        words.append(_SEPARATORS.get(format.separator, f"separator {format.separator!r}"))
    if format.quote is not None:
        words.append(_QUOTES[format.quote])
    if format.sheet is not None:
        words.append(f"sheet {format.sheet!r}")
    if format.header is not None:
        words.append("header" if format.header else "no header")
    if format.encoding is not None:
        words.append(format.encoding)
    return ", ".join(words)


def counted_notes(counts: Counts) -> list[str]:
    """Return a sentence for each count."""
    return [f"{before}{row_count(count)}{after}" for (before, after), count in counts.items() if count]


def row_count(count: int, one: str = "row has", several: str = "rows have") -> str:
    """Return `1 row has`, or `2,000 rows have`."""
    return f"{count:,} {one if count == 1 else several}"
