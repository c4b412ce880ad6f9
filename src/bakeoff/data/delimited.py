"""Read CSV and TSV in the dialects that occur in practice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from bakeoff.data.config import TableFormat
from bakeoff.data.dialects import (
    SEPARATORS,
    Dialect,
    MalformedError,
    Record,
    is_wrapped_in,
    joins_lines_that_stand_alone,
    named_separator,
    read_records,
    records_of,
)
from bakeoff.data.headers import fit_to_header, has_header
from bakeoff.data.reading import PLAIN, Reading, read_as
from bakeoff.errors import FormatError

_ENOUGH_ROWS = 8
"""Fewer rows fit a reading without quotes by chance."""

_HEADER = re.compile(r'(?:\s*[\r\n])?(?=([^\r\n]*))((?:[^"\r\n]+|"[^"]*")*)')
"""The first line that is not blank, and the first row, which goes on in further lines while a double quote is open."""

_MEND = 'Put fields with line breaks or separators in double quotes (")'
_SETTINGS = {
    "data.format": "say how the file is written: --set data.format.separator=semicolon (comma, tab, pipe), "
    "--set data.format.quote=none (double, single)"
}


@dataclass(frozen=True)
class Layout:
    """How a file is written in which every row has the fields of the first."""

    dialect: Dialect
    header: bool
    columns: list[str]
    notes: list[str]


@dataclass(frozen=True)
class _Fit:
    """A way to read the file in which every record has the fields of the first."""

    dialect: Dialect
    records: list[Record]
    notes: list[str]


def read_delimited(
    text: str, name: str, *, tabs: bool, settings: TableFormat | None = None, encoding: str = "utf-8"
) -> Reading:
    """Return the columns of a CSV (or, with `tabs`, TSV) file. Blank lines are skipped.

    What the settings leave open is found: double quotes and the separator that the header has most of are tried first,
    then other quotes and separators. Lines that are longer than the header are mended where that is safe, and counted.

    Args:
        settings: What is known of the format.
        encoding: The encoding that the text was decoded from, for the note on how the file was read.

    Raises:
        FormatError: a line has too many or too few fields, or broken quotes; the message gives its number.
    """
    return _reading(_find(text, name, tabs, settings or TableFormat()), name, tabs, settings or TableFormat(), encoding)


def find_layout(
    text: str, name: str, *, tabs: bool, settings: TableFormat | None = None, encoding: str = "utf-8"
) -> Layout | None:
    """Return how a file is written, judged from its first rows as `read_delimited` does; None if rows must be mended.

    Raises:
        FormatError: as `read_delimited`.
    """
    fit = _find(text, name, tabs, settings or TableFormat())
    reading = _reading(fit, name, tabs, settings or TableFormat(), encoding)
    if fit.notes or reading.format is None:
        return None
    return Layout(fit.dialect, bool(reading.format.header), list(reading.columns), reading.notes)


def read_rows(lines: Iterable[str], layout: Layout) -> Iterator[list[str]]:
    """Yield the cells of each row of a file whose layout is known, one row at a time.

    Args:
        lines: With their line ends, from the first line on.

    Raises:
        MalformedError: a row does not fit.
    """
    records = read_records(lines, layout.dialect)
    for record in islice(records, 1, None) if layout.header else records:
        _check_width(record, len(layout.columns))
        yield record.fields


def _reading(fit: _Fit, name: str, tabs: bool, settings: TableFormat, encoding: str) -> Reading:
    with_header = has_header(fit.records) if settings.header is None else settings.header
    columns = _columns(fit.records, name, with_header)
    found = TableFormat(
        separator=fit.dialect.separator_name,
        quote=fit.dialect.quote,
        header=with_header,
        encoding=settings.encoding or encoding,
    )
    notes = list(fit.notes)
    plain = PLAIN.model_copy(update={"separator": "tab" if tabs else "comma"})
    asked = found.model_copy(update=settings.model_dump(exclude_none=True))
    if found != plain and None in (settings.separator, settings.quote, settings.header, settings.encoding):
        notes.insert(0, f"Read as: {read_as(asked)}.")
    return Reading(columns, notes, found)


def _find(text: str, name: str, tabs: bool, settings: TableFormat) -> _Fit:
    problem: MalformedError | None = None
    second: _Fit | None = None  # right unless another separator fits, too
    dialects = list(_dialects(text, tabs, settings))
    given = settings.separator is not None or settings.quote is not None
    usual = len(dialects) if given else _usual(text, dialects[0])
    for number, dialect in enumerate(dialects):
        try:
            records = records_of(text, dialect)
            _check_widths(records, fallback=number >= usual, unquoted=dialect.quote == "none")
            if dialect.blanks and text.count(f'{dialect.separator} "') < len(records) - 1:
                raise MalformedError("too few quotes have a blank before them")
        except MalformedError as error:
            problem = problem or error
            continue
        fit = _better(text, _Fit(dialect, records, []), settings)
        if second and _has_blanks(records):
            continue
        if not records or (len(records[0].fields) > 1 and not _has_blanks(records)):
            return fit
        second = second or fit
    if second:
        return second
    for dialect in dialects:
        try:
            records, notes = fit_to_header(records_of(text, dialect), dialect.separator, enough=_ENOUGH_ROWS)
        except MalformedError:
            continue
        return _Fit(dialect, records, notes)
    raise FormatError(f"{name} is malformed: {problem}.", _MEND, _SETTINGS)


def _dialects(text: str, tabs: bool, settings: TableFormat) -> Iterator[Dialect]:
    """Yield the dialects in the order in which they are tried; users see the error of the first one."""
    if settings.separator is not None:
        separators = [SEPARATORS.get(settings.separator, settings.separator)]
    elif named := named_separator(text):
        separators = [named]
    else:
        separators = _separators(text, tabs)
    for number, separator in enumerate(separators):
        if settings.quote is not None:
            yield Dialect(separator, settings.quote)
            if settings.quote != "none" and "\\" in text:
                yield Dialect(separator, settings.quote, backslash=True)
            if settings.quote == "double" and f'{separator} "' in text:
                yield Dialect(separator, settings.quote, blanks=True)
            continue
        yield Dialect(separator, "double")
        if '\\"' in text:  # only then: this dialect accepts stray text between a closing quote and the separator
            yield Dialect(separator, "double", backslash=True)
        if number == 0 and separator == "\t":  # unquoted texts hold commas, but hardly ever tabs
            yield Dialect(separator, "none")
        if f'{separator} "' in text:
            yield Dialect(separator, "double", blanks=True)
        if "'" in text:
            yield Dialect(separator, "single")
        yield Dialect(separator, "none")


def _separators(text: str, tabs: bool) -> list[str]:
    """Return the separators that the header may have, those that its first line has most of first."""
    header = _HEADER.match(text)
    assert header is not None  # it matches anything
    line, row = header.groups()

    def found(separator: str) -> tuple[int, int]:
        return line.count(separator), row.count(separator)

    first = "\t" if tabs else max(",;\t|", key=found)
    others = [each for each in ",;\t|" if each != first and any(found(each))]
    return [first, *sorted(others, key=found, reverse=True)]


def _usual(text: str, first: Dialect) -> int:
    """Return how many of the first dialects are right wherever they fit, however few the rows are."""
    return 1 + ('\\"' in text) + (first.separator == "\t")


def _check_widths(records: list[Record], *, fallback: bool, unquoted: bool) -> None:
    width = len(records[0].fields) if records else 0
    for record in records:
        _check_width(record, width)
    if fallback and (width < 2 or len(records) <= (_ENOUGH_ROWS if unquoted else 2)):
        raise MalformedError("too few rows to tell")


def _check_width(record: Record, width: int) -> None:
    if len(record.fields) != width:
        raise MalformedError(f"line {record.line}: {len(record.fields)} fields, but the header has {width}")


def _has_blanks(records: list[Record]) -> bool:
    """Return whether all cells of a column begin with a blank, as the parts of a sentence do behind a comma.

    Or with a blank and a quote, whatever its header begins with.
    """
    later = list(zip(*(record.fields[1:] for record in records), strict=True))
    return len(records) > 1 and any(
        all(cell.startswith(" ") for cell in cells) or all(cell.startswith(' "') for cell in cells[1:])
        for cells in later
    )


def _better(text: str, fit: _Fit, settings: TableFormat) -> _Fit:
    """Return another reading where this one hides rows in a text, or leaves quotes around the cells."""
    if settings.quote is not None or fit.dialect.quote != "double":
        return fit
    try:
        if is_wrapped_in(fit.records, "'"):
            single = Dialect(fit.dialect.separator, "single")
            records = records_of(text, single)
            _check_widths(records, fallback=True, unquoted=True)
            if not is_wrapped_in(records, '"'):
                return _Fit(single, records, [])
        unquoted = Dialect(fit.dialect.separator, "none")
        if any("\n" in cell for record in fit.records for cell in record.fields):
            records = records_of(text, unquoted)
            _check_widths(records, fallback=True, unquoted=True)
            if joins_lines_that_stand_alone(fit.records, records):
                more = len(records) - len(fit.records)
                note = f"Unpaired quotes are part of the text: with them, {more:,} lines would be lost in other rows."
                return _Fit(unquoted, records, [note])
    except MalformedError:
        pass
    return fit


def _columns(records: list[Record], name: str, with_header: bool) -> dict[str, list[str]]:
    if not records:
        return {}
    first, rows = records[0], records
    if with_header:
        header = [field.strip() for field in first.fields]
        if header.count("") > 1:
            header = [field or f"column_{number}" for number, field in enumerate(header, start=1)]
        if twice := {field for field in header if header.count(field) > 1}:
            raise FormatError(
                f"{name} is malformed: line {first.line}: column {sorted(twice)[0]!r} occurs twice.",
                "Rename one of them",
                {"data.format": "if the first line is no header: --set data.format.header=false"},
            )
        rows = records[1:]
    else:
        header = [f"column_{number}" for number in range(1, len(first.fields) + 1)]
    cells = list(zip(*(record.fields for record in rows), strict=True)) if rows else [()] * len(header)
    return {column: list(values) for column, values in zip(header, cells, strict=True)}
