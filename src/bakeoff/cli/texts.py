"""Input of the commands that classify texts."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bakeoff.cli.console import printable
from bakeoff.errors import UserError
from bakeoff.spelling import nearest

if TYPE_CHECKING:
    from bakeoff.data.raw_tables import RawTable
    from bakeoff.methods.table_columns.encoder import EncodedColumn
    from bakeoff.runs.folder import RunFolder

Answer = TypeVar("Answer")


def given_texts(texts: Sequence[str] | None) -> list[str]:
    """Return the texts from the command line, or the lines of standard input that are not blank."""
    return list(texts or [line for line in standard_input().split("\n") if line.strip()])


def standard_input() -> str:
    """Return all of standard input.

    Raises:
        UserError: it is not UTF-8.
    """
    try:
        text = sys.stdin.read()
        text.encode()  # in the C locale, Python reads other bytes as surrogates
    except UnicodeError as error:
        position = getattr(error, "start", 0)
        raise UserError(
            f"Standard input is not UTF-8 (near byte {position:,}).", "Convert it: iconv -t utf-8"
        ) from None
    return text


def say_where_texts_go(run: RunFolder, names: Sequence[str]) -> None:
    """Say on standard error which contestants send texts to another machine for an answer."""
    from bakeoff.tasks.classifier import addresses

    for name, address in addresses(run).items():
        if name in names:
            print(f"{printable(name)} sends the texts to {address}.", file=sys.stderr)


def empty_text_note(empty: int) -> str | None:
    """Return a sentence about so many texts that hold nothing but white space, or None where there are none."""
    if not empty:
        return None
    counted = "1 text is empty: its answer says" if empty == 1 else f"{empty:,} texts are empty: their answers say"
    return f"{counted} only what the models answer without any word."


def with_features(
    texts: Sequence[str],
    readers: Mapping[str, list[str]],
    given: Sequence[str] | None,
    encoded: Mapping[str, EncodedColumn],
    table: RawTable | None = None,
) -> tuple[Sequence[str], str | None]:
    """Return the texts with the cells of the columns that contestants read beside them, and a sentence if some lack.

    Args:
        readers: The columns that each contestant reads, of those that are asked and read any.
        given: `COLUMN=VALUE`, for all texts.
        encoded: How contestants read the columns.
        table: The table that the texts come from, a row each.

    Raises:
        UserError: `given` names a column that no contestant reads, or one twice, or its value is no number where the
            column holds numbers; or the table lacks a column that a contestant reads.
    """
    from bakeoff.data.row_texts import row_texts

    known = list(dict.fromkeys(column for columns in readers.values() for column in columns))
    values: dict[str, str] = {}
    for assignment in given or ():
        name, value = _assigned(assignment, known)
        if name in values:
            raise UserError(f"--feature gives column {name!r} twice.", "Give each column one value.")
        if name in encoded:
            _refuse_unread(assignment, value, encoded[name])
        values[name] = value
    columns: dict[str, Sequence[Any]] = {name: [value] * len(texts) for name, value in values.items()}
    for name in known:
        if name in columns:
            continue
        if table is not None and table.has_column(name):
            columns[name] = table.column(name)
        elif table is not None:
            raise _lacks(table, name, [reader for reader, its in readers.items() if name in its])
    absent = [name for name in known if name not in columns]
    return row_texts(texts, columns) if known else texts, _absent_note(list(readers), absent) if absent else None


def _absent_note(readers: list[str], absent: list[str]) -> str:
    from bakeoff.evaluation.wording import listed

    one = len(absent) == 1
    columns = f"the column{'s' * (not one)} {listed(list(map(printable, absent)))}"
    return (
        f"{listed(readers)} also read{'s' * (len(readers) == 1)} {columns}: {'it counts' if one else 'they count'} as "
        f"missing. Give {'it' if one else 'them'}: --feature {shlex.quote(f'{printable(absent[0])}=VALUE')}"
    )


def _assigned(assignment: str, known: Sequence[str]) -> tuple[str, str]:
    name, equals, value = assignment.partition("=")
    if not equals:
        raise UserError(f"--feature {assignment}: a value is missing.", "Write --feature COLUMN=VALUE.")
    if name not in known:
        near = nearest(name, known)
        columns = f"Columns: {', '.join(known)}." if known else "They read the text alone."
        raise UserError(
            f"--feature {assignment}: none of the contestants that are asked reads a column {name!r}.",
            (f"Did you mean {near!r}? " if near else "") + columns,
        )
    return name, value


def _refuse_unread(assignment: str, value: str, column: EncodedColumn) -> None:
    """Refuse a value that would count as missing because it is no number, or no date."""
    from bakeoff.data.cells import cell_of

    if column.reading.unread([cell_of(value)]):
        comma = ", with a decimal comma: 12,5" if column.reading.decimal == "comma" else ""
        raise UserError(
            f"--feature {assignment}: {value!r} is no {column.reading.kind}.",
            f"Column {column.name!r} holds {column.reading.kind}s{comma}. If the value is missing: "
            f"--feature {shlex.quote(f'{printable(column.name)}=')}",
        )


def _lacks(table: RawTable, name: str, readers: Sequence[str]) -> UserError:
    from bakeoff.evaluation.wording import listed

    near = nearest(name, table.columns)
    one = len(readers) == 1
    return UserError(
        f"{table.source} has no column {name!r}, which {listed(list(readers))} read{'s' * one} beside the text; it has "
        f"{', '.join(table.columns)}.",
        (f"Is it {near!r} there? Rename it. " if near else "")
        + f"To count it as missing: --feature {shlex.quote(f'{name}=')} Or ask a contestant that reads the text alone: "
        "--contestant NAME",
    )


class UnreadCells:
    """Counts the cells of columns that contestants cannot read, in all parts of a table."""

    def __init__(self, encoded: Mapping[str, EncodedColumn]) -> None:
        self._encoded = encoded
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, texts: Sequence[str]) -> None:
        """Count those of the texts of one part."""
        from bakeoff.data.row_texts import RowTexts

        cells = texts.columns if isinstance(texts, RowTexts) else {}
        for name, column in self._encoded.items():
            if unread := column.reading.unread(cells.get(name, ())):
                self._counts[name] += len(unread)
                self._first.setdefault(name, unread[0])

    def notes(self) -> list[str]:
        """Return a sentence on each column that has any."""
        return [self._encoded[name].unread_note(count, self._first[name]) for name, count in self._counts.items()]


def chosen_contestants(run: RunFolder, contestant: str | None) -> list[str]:
    """Return the contestant that was named, or all contestants of a run.

    Raises:
        UserError: the folder holds no run.
    """
    run.must_hold_a_run()
    return [contestant] if contestant else [folder.name for folder in run.evaluated()]


def answers_of(names: Sequence[str], ask: Callable[[str], Answer]) -> dict[str, Answer]:
    """Ask contestants, by name. Those of several that know only other texts are left out, which is said.

    Raises:
        UserError: none of them has an answer.
    """
    from bakeoff.methods.base import UnknownTextError

    answers: dict[str, Answer] = {}
    for number, name in enumerate(names, start=1):
        try:
            answers[name] = ask(name)
        except UnknownTextError as error:
            if number == len(names) and not answers:
                raise
            print(f"{name} is left out. {error.message}", file=sys.stderr)
    return answers
