"""Read the times of a column, and split rows into the past, what follows, and the latest."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from bakeoff.errors import UserError

Moment = datetime | float
"""A time in UTC, or a number such as a year or a Unix time. All of a column are of the same kind."""

_DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %Y"),
    *("%Y-%m", "%Y"),
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_FORMATS = (*(day + clock for clock in _CLOCKS for day in _DAYS), "%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S %Y")
_SLASHES = {"month/day/year": "%m/%d/%Y", "day/month/year": "%d/%m/%Y"}
_UTC = re.compile(r"\s+(?:UTC|GMT|Z)$")
_HALF_OF_THE_DAY = re.compile(r"(?<![a-z])[ap]\.?m\b", re.IGNORECASE)


@dataclass(frozen=True)
class Times:
    """The times of a column."""

    moments: list[Moment | None]  # of every row; None: missing or unreadable
    missing: list[bool]  # of every row: the cell is empty
    notes: list[str]  # how they were read, where that is not plain


def read_times(values: Sequence[Any], source: str, column: str) -> Times:
    """Read a column of numbers, dates or times.

    A column whose every cell is a number is ordered by number. Otherwise its cells are dates: ISO 8601, e-mail dates,
    and the usual ways to write day, month and year. Times without a zone are taken as UTC.

    Raises:
        UserError: not even half of the cells that are not empty can be read; some are no numbers, but most are; or they
            are dates such as 01/02/2024, of which day and month cannot be told apart.
    """
    cells = [value.strip() if isinstance(value, str) else value for value in values]
    missing = [_is_missing(cell) for cell in cells]
    present = [cell for cell, empty in zip(cells, missing, strict=True) if not empty]
    numbers = [_number(cell) for cell in present]
    notes: list[str] = []
    if all(number is not None for number in numbers):
        found: list[Moment | None] = list(numbers)
    else:
        slashes = slash_order([cell for cell in present if has_slashes(cell)], source, column, notes)
        read = date_reader(slashes)
        found = [read(cell) for cell in present]
        zoned = sum(_has_zone(cell) for cell in present)
        if 0 < zoned < len(present):
            notes.append(f"{len(present) - zoned:,} values of {column!r} name no time zone and are taken as UTC.")
    unreadable = [cell for cell, moment in zip(present, found, strict=True) if moment is None]
    if 2 * len(unreadable) > len(present):
        if 2 * sum(number is not None for number in numbers) > len(present):
            odd = next(cell for cell, number in zip(present, numbers, strict=True) if number is None)
            raise UserError(
                f"{source}: {str(odd)[:40]!r} in column {column!r} is no number, and most other cells are.",
                "Leave such cells empty, or name another column with data.split.time.",
            )
        raise UserError(
            f"{source}: column {column!r} is not a column of times: {str(unreadable[0])[:40]!r} is no date, time or "
            "number.",
            "Write dates as 2024-03-01, or name another column with data.split.time.",
        )
    moments = iter(found)
    return Times([None if empty else next(moments) for empty in missing], missing, notes)


def split_by_time(
    rows: Sequence[int], moments: Sequence[Moment], sizes: Mapping[str, int]
) -> dict[str, list[int]] | None:
    """Divide `rows` into train, validation and test, from the earliest to the latest.

    Rows of the same time stay together; each boundary is the one nearest to the wanted size.

    Args:
        rows: Indices into `moments`.
        sizes: Wanted rows of `validation` and `test`.

    Returns:
        The rows of every split in the order of time, or None if there are fewer than three different times.
    """
    order = sorted(rows, key=lambda row: moments[row])
    changes = [at for at in range(1, len(order)) if moments[order[at]] != moments[order[at - 1]]]
    if len(changes) < 2:
        return None
    test = min(changes[1:], key=lambda at: abs(at - (len(order) - sizes["test"])))
    earlier = [at for at in changes if at < test]
    validation = min(earlier, key=lambda at: abs(at - (test - sizes["validation"])))
    return {"train": order[:validation], "validation": order[validation:test], "test": order[test:]}


def shown(moment: Moment) -> str:
    """Return a time for people: `2024-03-01`, with the clock where it is not midnight; or a number."""
    if isinstance(moment, datetime):
        at_midnight = moment.time() == moment.min.time()
        return moment.strftime("%Y-%m-%d" if at_midnight else "%Y-%m-%d %H:%M:%S")
    return str(int(moment)) if moment.is_integer() else str(moment)


def _is_missing(cell: Any) -> bool:
    # `cell != cell`: NaN, and the missing time of pandas.
    return cell is None or cell == "" or bool(cell != cell) or (isinstance(cell, str) and cell.lower() == "nan")


def _number(cell: Any) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal | str):
        return None
    try:
        number = float(cell)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def has_slashes(cell: Any) -> bool:
    """Return whether a cell may be a date such as 01/02/2024."""
    return isinstance(cell, str) and cell.count("/") == 2 and cell.index("/") <= 2


def slash_order(cells: Sequence[str], source: str, column: str, notes: list[str]) -> str | None:
    """Return the order of dates with slashes, for `date_reader`: the one in which more of them are dates.

    Raises:
        UserError: as many of them are dates in either order.
    """
    if not cells:
        return None
    times = [_UTC.sub("", cell) for cell in cells]
    read = {name: sum(_parsed(time, _with_clocks(day)) is not None for time in times) for name, day in _SLASHES.items()}
    first, second = read
    if read[first] == read[second]:
        if not read[first]:
            return None
        raise UserError(
            f"{source}: column {column!r} holds dates such as {cells[0]!r}, of which day and month cannot be told "
            "apart.",
            "Write them as 2024-03-01.",
        )
    order = first if read[first] > read[second] else second
    notes.append(f"Dates such as {cells[0]!r} in column {column!r} are read as {order}.")
    return _SLASHES[order]


def _with_clocks(day: str) -> tuple[str, ...]:
    return tuple(day + clock for clock in _CLOCKS)


def _parsed(text: str, formats: Sequence[str]) -> datetime | None:
    for format in formats:
        try:
            return datetime.strptime(text, format)
        except ValueError:
            continue
    return None


def date_reader(slashes: str | None) -> Callable[[Any], datetime | None]:
    """Return a function that reads a date or time as UTC, or returns None.

    Args:
        slashes: As `slash_order` gives it.
    """
    formats = [*_FORMATS, *(_with_clocks(slashes) if slashes else ())]

    def read(cell: Any) -> datetime | None:
        if isinstance(cell, datetime):
            return _in_utc(cell)
        if isinstance(cell, date):
            return datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
        if not isinstance(cell, str):
            return None
        cell = _UTC.sub("", cell)
        try:
            return _in_utc(datetime.fromisoformat(cell))
        except ValueError:
            pass
        for number, format in enumerate(formats):
            if (parsed := _parsed(cell, [format])) is not None:
                formats.insert(0, formats.pop(number))  # the next cell is probably written in the same way
                return _in_utc(parsed)
        if _HALF_OF_THE_DAY.search(cell):  # which e-mail dates do not have: the afternoon would become the morning
            return None
        try:
            return _in_utc(parsedate_to_datetime(cell))
        except ValueError:
            return None

    return read


def _in_utc(moment: datetime) -> datetime | None:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # in the year 1 or 9999
        return None


def _has_zone(cell: Any) -> bool:
    if isinstance(cell, datetime):
        return cell.tzinfo is not None
    if not isinstance(cell, str):
        return False
    if _UTC.search(cell):
        return True
    try:
        return datetime.fromisoformat(cell).tzinfo is not None
    except ValueError:
        return False
