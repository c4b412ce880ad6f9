"""LaTeX: escaped text, tables with the rules of booktabs, and the sentence for a paper."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bakeoff.report.paper_tables import PaperTable
from bakeoff.report.safe_text import one_line
from bakeoff.report.tables import Cell

_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{character: f"\\{character}" for character in "{}$&#%_"},
        **{character: f"{{{character}}}" for character in "[]*"},  # \\ at the end of a row would take them as arguments
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": "$|$",
        "`": r"\textasciigrave{}",
        "−": "$-$",
        "…": r"\ldots{}",
        "\N{NO-BREAK SPACE}": "~",
    }
)
_LIGATURE = re.compile(r"([-,'])(?=\1)")  # `--` would become a dash
_P_VALUE = re.compile(r"\bp (=|\\textless\{\}) (\d\.\d+)")
_MOST_COLUMNS = 6  # of the width of a page


def escape_latex(text: str) -> str:
    """Return one line of LaTeX that shows `text` as it is."""
    return _LIGATURE.sub(r"\1{}", one_line(text).translate(_SPECIAL)).replace("–", "--")


def latex_sentence(sentence: str) -> str:
    """Return the sentence for a paper, with its p-values in math."""
    escaped = _P_VALUE.sub(lambda found: f"$p {'=' if found[1] == '=' else '<'} {found[2]}$", escape_latex(sentence))
    return f"{escaped}\n"


def latex_table(table: PaperTable) -> str:
    """Return a table environment with caption and label; intervals are in smaller type below their values."""
    head = [_row(escape_latex(column.title) for column in table.columns)]
    if any(column.remark for column in table.columns):
        head.append(_row(_small(column.remark) for column in table.columns))
    intervals = any(cell.remark for row in table.rows for cell in row)
    body = []
    for row in table.rows:
        body.append(_row(map(_value, row)))
        if intervals:
            body += [_row(_interval(cell.remark) for cell in row), r"\addlinespace"]
    if intervals:
        body.pop()
    wide = len(table.columns) > _MOST_COLUMNS
    lines = [
        f"% Needs \\usepackage{{booktabs}}{' and ' + chr(92) + 'usepackage{graphicx}' if wide else ''}.",
        r"\begin{table}[t]",
        r"\centering",
        f"\\caption{{{escape_latex(table.caption)}}}",
        f"\\label{{tab:{table.name}}}",
        *([r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"] if wide else []),
        f"\\begin{{tabular}}{{{''.join('l' if column else 'r' for column in table.words)}}}",
        r"\toprule",
        *head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}" + ("}" if wide else ""),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _value(cell: Cell) -> str:
    return f"\\textbf{{{escape_latex(cell.value)}}}" if cell.best else escape_latex(cell.value)


def _small(text: str) -> str:
    return f"{{\\scriptsize {escape_latex(text)}}}" if text else ""


def _interval(ends: str) -> str:
    return f"{{\\scriptsize [{escape_latex(ends.replace(' to ', ', '))}]}}" if ends else ""
