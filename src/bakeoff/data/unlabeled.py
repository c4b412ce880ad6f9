"""Read texts that have no labels, or whose labels do not matter."""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bakeoff.data.columns import choose_text_columns, row_texts, text_counts, text_notes
from bakeoff.data.compression import LINES, ending_of, unpack
from bakeoff.data.config import TableFormat
from bakeoff.data.encodings import decode_found
from bakeoff.data.fasttext_files import is_fasttext
from bakeoff.data.files import missing, read_bytes
from bakeoff.data.raw_tables import RawTable, read_table_file
from bakeoff.data.reading import Counts, counted_notes
from bakeoff.data.table_parts import TableParts, UnevenError, table_parts, text_lines
from bakeoff.data.types import TextSource, TextTable, count_empty
from bakeoff.errors import UserError


def read_texts(
    path: Path,
    columns: Sequence[str] | None = None,
    trained_on: Sequence[str] = (),
    key: str = "--column",
    settings: TableFormat | None = None,
) -> TextTable:
    """Read texts from any table, or the lines of a .txt file that is not in fastText's format.

    Args:
        columns: Columns of the texts, joined like those of `data.text` in a config.
        trained_on: Columns that the run's texts came from, used where `columns` names none. If there are none, or only
            one that the file does not have, the column is guessed from common names.
        key: How a user names the columns, for messages.
        settings: What is known of how the file is written.

    Raises:
        UserError: the file is missing, empty or malformed, or a column does not exist.
    """
    if not path.exists():
        raise missing(str(path))
    if ending_of(path.name) == LINES:
        content, _ = unpack(read_bytes(path), path.name, ())
        if not is_fasttext(content):
            text, encoding = decode_found(content, str(path), settings.encoding if settings else None)
            lines = list(text_lines(io.StringIO(text, newline="")))
            notes = [] if encoding == "utf-8" else [f"Read as: {encoding}."]
            return TextTable(str(path), {"text": lines}, lines, notes)
    table = read_table_file(path, settings)
    chosen = _chosen(table, columns, trained_on, key)
    notes = [*table.notes, *text_notes(table, chosen)]
    return TextTable(table.source, table.columns, _texts(table, chosen), notes)


def open_texts(
    path: Path,
    columns: Sequence[str] | None = None,
    trained_on: Sequence[str] = (),
    settings: TableFormat | None = None,
    on_part: Callable[[int], None] = lambda rows: None,
) -> TextSource:
    """Look through the texts of a file, as `read_texts` reads them, and keep no more than one part of a large one.

    Where a large file does not go on as it began, or has a better column of texts in later parts, it is read at once,
    like a small one.

    Args:
        on_part: Gets the number of rows so far.

    Raises:
        UserError: as `read_texts`.
    """
    parts = table_parts(path, settings or TableFormat()) if path.is_file() else None
    if parts is not None:
        with contextlib.suppress(UnevenError):
            return _look_through(path, parts, columns, trained_on, on_part)
    return TextSource.of(read_texts(path, columns, trained_on, settings=settings))


def _look_through(
    path: Path,
    parts: TableParts,
    columns: Sequence[str] | None,
    trained_on: Sequence[str],
    on_part: Callable[[int], None],
) -> TextSource:
    lines = ending_of(path.name) == LINES
    cells: dict[str, list[Any]] = {"text": []} if lines else {}  # of each column, in the first part that has it
    counts: Counts = Counter()
    rows = empty = 0
    chosen: list[str] = ["text"] if lines else []
    refused: UserError | None = None

    def tables() -> Iterator[tuple[RawTable, Counts]]:
        first_row = 1
        for reading in parts.read():
            table = RawTable(str(path), reading.columns, {}, first_row=first_row)
            yield table, reading.counts
            first_row += len(table)

    for table, lost in tables():
        if not chosen or not table.columns.keys() <= cells.keys():
            cells |= {name: values for name, values in table.columns.items() if name not in cells}
            earlier = chosen
            try:
                chosen = _chosen(RawTable(str(path), cells | table.columns, {}), columns, trained_on, "--column")
            except UserError as error:
                if parts.same_columns:
                    raise
                refused = error
            if earlier and chosen != earlier:
                raise UnevenError(f"{path} has another column of texts further behind.")
        counts += lost + text_counts(table, [name for name in chosen if table.has_column(name)])
        empty += count_empty(_texts(table, chosen))
        rows += len(table)
        on_part(rows)
    if not chosen and refused is not None:
        raise refused
    notes = [*parts.notes, *counted_notes(counts)]
    return TextSource(
        lambda: (TextTable(table.source, table.columns, _texts(table, chosen)) for table, _ in tables()),
        list(cells),
        rows,
        empty,
        notes,
    )


def _chosen(table: RawTable, columns: Sequence[str] | None, trained_on: Sequence[str], key: str) -> list[str]:
    wanted = columns or (trained_on if len(trained_on) > 1 or any(map(table.has_column, trained_on)) else None)
    return choose_text_columns(table, wanted, key)


def _texts(table: RawTable, chosen: Sequence[str]) -> list[str]:
    """Return the text of each row. A part of a table can lack a column, where its objects lack the key."""
    present = [name for name in chosen if table.has_column(name)]
    return [text or "" for text in row_texts(table, present)] if present else [""] * len(table)
