"""Tables as files: CSV, LaTeX and Markdown, beside the sentence for a paper."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from bakeoff.report.drawing import own_name
from bakeoff.report.latex import latex_sentence, latex_table
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.paper import results_sentence
from bakeoff.report.paper_tables import PaperTable, paper_tables, results_table
from bakeoff.report.rendering import escape_markdown
from bakeoff.report.tables import Cell
from bakeoff.runs.writing import write_text


def write_tables(run: LoadedRun, folder: Path) -> list[Path]:
    """Write every table as CSV, LaTeX and Markdown, and the sentence for a paper; return the files.

    Raises:
        UserError: a file cannot be written.
    """
    sentence = results_sentence(run)
    texts = {"sentence.txt": f"{sentence}\n", "sentence.tex": latex_sentence(sentence)}
    taken: set[str] = set()
    for table in paper_tables(run):
        name = own_name(table.name, taken)
        texts[f"{name}.csv"] = csv_table(table)
        texts[f"{name}.tex"] = latex_table(table)
        texts[f"{name}.md"] = markdown_table(table)
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def copies(run: LoadedRun) -> list[tuple[str, str]]:
    """Return the table of results in each form, for people to copy: (name of the form, text)."""
    results = results_table(run)
    return [("LaTeX", latex_table(results)), ("Markdown", markdown_table(results)), ("CSV", csv_table(results))]


def csv_table(table: PaperTable) -> str:
    """Return the exact values, with two more columns for the ends of intervals; what is missing is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    has_interval = [any(row[index].low is not None for row in table.rows) for index in range(len(table.columns))]
    header: list[str] = []
    for column, wide in zip(table.columns, has_interval, strict=True):
        header += [column.key, f"{column.key}_low", f"{column.key}_high"] if wide else [column.key]
    writer.writerow(_unique(header))
    for row in table.rows:
        values: list[float | str | None] = []
        for cell, wide in zip(row, has_interval, strict=True):
            values += [cell.exact, cell.low, cell.high] if wide else [cell.exact]
        writer.writerow(values)
    return text.getvalue()


def _unique(names: Iterable[str]) -> list[str]:
    """Number names that stood before, such as that of a label `texts` behind a column of texts: `texts_2`."""
    unique: dict[str, None] = {}
    for name in names:
        numbered = (f"{name}_{number}" for number in count(2))
        unique[name if name not in unique else next(other for other in numbered if other not in unique)] = None
    return list(unique)


def markdown_table(table: PaperTable) -> str:
    """Return the caption and a table; intervals are in brackets behind their values."""
    titles = [" ".join(filter(None, (column.title, column.remark))) for column in table.columns]
    lines = [
        f"{escape_markdown(table.caption)}\n",
        _line(map(escape_markdown, titles)),
        _line("---" if words else "---:" for words in table.words),
        *(_line(map(_value, row)) for row in table.rows),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _value(cell: Cell) -> str:
    value = f"**{escape_markdown(cell.value)}**" if cell.best else escape_markdown(cell.value)
    return f"{value} ({escape_markdown(cell.remark)})" if cell.remark else value
