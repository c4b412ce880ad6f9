"""Turn the cells of a table into texts and labels; one rule for all formats."""

from __future__ import annotations

import datetime
import decimal
import math
import numbers
import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from bakeoff.data.reading import row_count
from bakeoff.errors import UserError
from bakeoff.spelling import nearest

_WITH_A_ZERO = re.compile(r"[+-]?\d{1,15}\.0")
_TRUTH = {"true": "True", "false": "False"}
_PRINTABLE = (int, float, decimal.Decimal, datetime.date, datetime.time)  # datetime is a date, bool is an int
_LISTED = 5


class NotTextError(UserError):
    """A cell that holds something else than text."""

    def __init__(self, value: Any, what: str) -> None:
        self.value, self.what = value, what
        hint = "Name a column of texts"
        if isinstance(value, dict):
            hint += ", or a path inside: COLUMN.KEY"
        super().__init__(f"{self.shown()} is {what}, not text.", f"{hint}.")

    def shown(self) -> str:
        """Return the beginning of the cell as Python prints it."""
        line = repr(self.value)
        return line if len(line) <= 60 else line[:59] + "…"


class WrittenNumber(str):
    """A cell that was a number and is written as Python does: its point is decimal, whatever mark its column has."""

    __slots__ = ()


def text_of(value: Any) -> str | None:
    """Return the value as text, or None if it is empty, missing or not valid Unicode.

    Lists of strings are joined with blanks, bytes are decoded as UTF-8, numbers and dates are written as Python does.

    Raises:
        NotTextError: the value is something else, such as an object.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise NotTextError(value, "bytes that are no UTF-8") from None
    elif isinstance(value, list):
        if not all(isinstance(part, str) for part in value):
            raise NotTextError(value, "a list of other things than strings")
        value = " ".join(value)
    elif not isinstance(value, str):
        if not isinstance(value, _PRINTABLE):
            raise NotTextError(value, "an object" if isinstance(value, dict) else f"a {type(value).__name__}")
        value = str(value)
    return value if value.strip() and is_unicode(value) else None


def label_of(value: Any) -> str | None:
    """Return the name of a label, or None if it is missing.

    White space around it is removed, and whole numbers lose the `.0` that pandas often adds: 1, 1.0, "1" and " 1.0 "
    have one name. A list with exactly one label is that label.
    """
    if isinstance(value, list):
        return label_of(value[0]) if len(value) == 1 else (str(value) if value else None)
    if value is None or type(value).__name__ == "NAType":  # pandas.NA, which cannot be compared
        return None
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    name = (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip()
    if _WITH_A_ZERO.fullmatch(name):
        return str(int(name[:-2]))
    return None if name.lower() in ("", "nan") or not is_unicode(name) else name


def cell_of(value: Any) -> str | None:
    """Return a number, date, truth value or category as one text, however a file stores it, or None if it is missing.

    Raises:
        NotTextError: the value is a list or an object.
    """
    if isinstance(value, list | dict):
        raise NotTextError(value, "an object" if isinstance(value, dict) else "a list")
    if isinstance(value, datetime.date):
        return value.isoformat() if value == value else None  # the missing time of pandas differs from itself
    name = label_of(value)
    if name is None:
        return None
    is_number = isinstance(value, numbers.Real | decimal.Decimal)
    return _TRUTH.get(name.lower()) or (WrittenNumber(name) if is_number else name)


def truth_of(name: str) -> str:
    """Return `True` or `False` for a label that is one of them, however it is written, and any other as it is."""
    return _TRUTH.get(name.lower(), name)


def labels_of(values: Sequence[Any]) -> tuple[list[str | None], list[str]]:
    """Return the names of the labels of a column, and sentences about those that are written in several ways.

    If all labels are true or false, they are called `True` and `False`, however they are written.
    """
    known: dict[str | int, tuple[str | None, str]] = {}

    def read(value: Any) -> tuple[str | None, str]:
        # A column has few different labels. (True and 1.0 equal 1, but have other names.)
        if type(value) is not str and type(value) is not int:
            return label_of(value), _spelling(value)
        if value not in known:
            known[value] = label_of(value), _spelling(value)
        return known[value]

    cells = [read(value) for value in values]
    names = [name for name, _ in cells]
    if all(name.lower() in _TRUTH for name in set(names) if name is not None):
        names = [None if name is None else truth_of(name) for name in names]
    # A column of floats is how pandas stores whole numbers with gaps: that is its type, not a spelling.
    floats = all(isinstance(value, float) for name, value in zip(names, values, strict=True) if name is not None)
    spellings: dict[str, Counter[str]] = {}
    for (name, spelling), count in Counter(zip(names, (spelling for _, spelling in cells), strict=True)).items():
        if name is not None and not floats:
            spellings.setdefault(name, Counter())[spelling] = count
    said = []
    for name, counts in sorted(spellings.items()):
        others = {spelling: count for spelling, count in counts.items() if spelling != name}
        if others:
            ways = ", ".join(f"{spelling!r} ({row_count(count, 'row', 'rows')})" for spelling, count in others.items())
            said.append(f"{name!r} is {'also ' * (name in counts)}written {ways}")
    if not said:
        return names, []
    more = f"; and {len(said) - _LISTED} more" * (len(said) > _LISTED)
    return names, [f"One class, however its label is written: {'; '.join(said[:_LISTED])}{more}."]


def unlabeled_note(counts: Counter[str]) -> str | None:
    """Return a sentence about the label -1 beside whole numbers from 0, which often marks rows without a label."""
    others = set(counts) - {"-1"}
    if "-1" not in counts or others <= {"1"} or not all(name.isdecimal() for name in others):
        return None
    rows = row_count(counts["-1"], "row", "rows")
    return (
        f"The label '-1' ({rows}) often marks rows without a label; here it is a class. To leave these rows out: "
        "data.unlabeled: -1."
    )


def check_occurs(source: str, setting: str, label: str, labels: Collection[str]) -> None:
    """Refuse a setting that names a label which no row has.

    Args:
        labels: Of the rows.

    Raises:
        UserError: it is not among them.
    """
    names = sorted(set(labels))
    if label not in names:
        near = nearest(label, names)
        raise UserError(
            f"{setting}: no row of {source} has the label '{label}'" + (f"; did you mean '{near}'?" if near else "."),
            f"Labels: {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}.",
        )


def is_unicode(text: str) -> bool:
    """Return False for half of a surrogate pair, which JSON can hold but UTF-8 cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _spelling(value: Any) -> str:
    """Return a label as it is written; a list of one label is that label."""
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
