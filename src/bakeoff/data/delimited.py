"""Read CSV and TSV in the dialects that occur in practice."""

from __future__ import annotations

import csv
import io
from typing import Any

from bakeoff.errors import UserError

# Tried in this order; the first that fits the whole file is used. Users see the error of the first one.
_DOUBLED_QUOTES: dict[str, Any] = {"quotechar": '"', "doublequote": True, "strict": True}
_BACKSLASH_QUOTES: dict[str, Any] = {"quotechar": '"', "doublequote": False, "escapechar": "\\", "strict": True}
_NO_QUOTES: dict[str, Any] = {"quoting": csv.QUOTE_NONE, "strict": True}


class _MalformedError(Exception):
    """A line that does not fit the dialect."""


def read_delimited(text: str, name: str, *, tabs: bool) -> dict[str, list[str]]:
    """Return the columns of a CSV (or, with `tabs`, TSV) file with a header. Blank lines are skipped.

    Raises:
        UserError: a line has too many or too few fields, or broken quotes; the message gives its number.
    """
    csv.field_size_limit(2**31 - 1)  # Python's default limit of 128 kB is shorter than many documents
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = "\t" if tabs else max(",;\t|", key=header.count)
    dialects = [_DOUBLED_QUOTES]
    if '\\"' in text:  # only then: this dialect accepts stray text between a closing quote and the separator
        dialects.append(_BACKSLASH_QUOTES)
    if delimiter == "\t":  # unquoted texts hold commas, but hardly ever tabs
        dialects.append(_NO_QUOTES)
    problem: _MalformedError | None = None
    for dialect in dialects:
        try:
            return _parse(text, delimiter, dialect)
        except _MalformedError as error:
            problem = problem or error
    raise UserError(
        f"{name} is malformed: {problem}.", 'Put fields with line breaks or separators in double quotes (").'
    )


def _parse(text: str, delimiter: str, dialect: dict[str, Any]) -> dict[str, list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **dialect)
    header: list[str] = []
    rows: list[list[str]] = []
    while True:
        line = reader.line_num + 1  # where the record begins; it may end many lines later
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise _MalformedError(f"line {line}: {error}") from None
        if fields is None:
            break
        if not fields:
            continue
        if not header:
            header = [field.strip() for field in fields]
            if twice := {field for field in header if header.count(field) > 1}:
                raise _MalformedError(f"line {line}: column {sorted(twice)[0]!r} occurs twice")
        elif len(fields) != len(header):
            raise _MalformedError(f"line {line}: {len(fields)} fields, but the header has {len(header)}")
        else:
            rows.append(fields)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    return {column: list(values) for column, values in zip(header, columns, strict=True)}
