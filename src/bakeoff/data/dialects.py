"""The dialects of delimited files: separators and quotes."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_NAMES = {separator: name for name, separator in SEPARATORS.items()}
_QUOTES = {"double": '"', "single": "'"}
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w"\r\n])"?\r?\n', re.IGNORECASE)
_MOST_DISTINCT = 0.5  # of the rows: a column with more different values holds no classes


class MalformedError(Exception):
    """A line that does not fit the dialect."""


@dataclass(frozen=True)
class Dialect:
    """A separator and how cells are quoted. A quote inside quotes is doubled, or has a backslash before it."""

    separator: str
    quote: Literal["double", "single", "none"]
    backslash: bool = False
    blanks: bool = False  # before the quotes

    @property
    def separator_name(self) -> str:
        return _NAMES.get(self.separator, self.separator)

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments of Python's csv.reader."""
        if self.quote == "none":
            return {"delimiter": self.separator, "quoting": csv.QUOTE_NONE, "strict": True}
        quoting = {"doublequote": False, "escapechar": "\\"} if self.backslash else {"doublequote": True}
        quotes = {"quotechar": _QUOTES[self.quote], "skipinitialspace": self.blanks}
        return {"delimiter": self.separator, "strict": True, **quotes, **quoting}


@dataclass(frozen=True)
class Record:
    """The fields of a row, and the line where it begins, from 1; it may end many lines later."""

    line: int
    fields: list[str]


def named_separator(first_line: str) -> str | None:
    """Return the separator that Excel's first line `sep=;` names, or None where the first line is another one."""
    found = _SEPARATOR_LINE.match(first_line)
    return found and found[1]


def records_of(text: str, dialect: Dialect) -> list[Record]:
    """Return the rows of a file, as `read_records` does."""
    return list(read_records(io.StringIO(text, newline=""), dialect))


def read_records(lines: Iterable[str], dialect: Dialect) -> Iterator[Record]:
    """Yield the rows of a file, its header among them, without blank lines and Excel's `sep=;`.

    Args:
        lines: With their line ends.

    Raises:
        MalformedError: the quotes are broken.
    """
    csv.field_size_limit(2**31 - 1)  # Python's default limit of 128 kB is shorter than many documents
    lines = iter(lines)
    first = next(lines, "")
    skipped = int(named_separator(first) is not None)
    reader = csv.reader(lines if skipped else chain([first], lines), **dialect.options())
    while True:
        line = reader.line_num + 1 + skipped
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise MalformedError(f"line {line}: {error}") from None
        if fields is None:
            return
        if len(fields) > 1 or (fields and (not fields[0] or fields[0].strip())):
            yield Record(line, fields)


def holds_classes(values: list[str]) -> bool:
    """Return whether a few values repeat."""
    return len(set(values)) <= _MOST_DISTINCT * len(values)


def is_wrapped_in(records: list[Record], quote: str) -> bool:
    """Return whether all cells of a column, below a header, stand in such quotes, torn apart by separators or not."""
    begins = False
    for cells in zip(*(record.fields for record in records[1:]), strict=False):
        filled = [cell for cell in cells if cell.strip()]
        begins_here = len(filled) > 2 and all(cell.startswith(quote) for cell in filled)
        longer = 1 if begins_here else 0  # a quote on its own does not begin and end a cell
        if (begins or begins_here) and all(len(cell) > longer and cell.endswith(quote) for cell in filled):
            return True
        begins = begins or begins_here
    return False


def joins_lines_that_stand_alone(quoted: list[Record], unquoted: list[Record]) -> bool:
    """Return whether a reading with quotes hides whole rows in one text.

    The lines that it joins are rows of their own if, read without quotes, the values of one column are a few that also
    occur in the other rows, as labels do.
    """
    ends = [*(record.line for record in quoted[1:]), unquoted[-1].line + 1]
    joined = {
        line
        for record, end in zip(quoted, ends, strict=True)
        if any("\n" in cell for cell in record.fields)
        for line in range(record.line, end)
    }
    for column in range(len(unquoted[0].fields)):
        values = [record.fields[column] for record in unquoted]
        others = Counter(record.fields[column] for record in unquoted if record.line not in joined)
        inside = {record.fields[column] for record in unquoted if record.line in joined}
        if inside and holds_classes(values) and all(value.strip() and others[value] for value in inside):
            return True
    return False
