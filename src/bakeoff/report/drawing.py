"""The style of all plots, as SVG in a page, where CSS decides the colors, and as files.

matplotlib draws with the page's light colors. In a page, they are replaced with its CSS variables, for light and dark
mode. Text stays text, in the page's font.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from html import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from bakeoff.report.safe_text import one_line

# The light colors of style.css. Each is used for one purpose only, because it is what CSS replaces.
TEXT, LINE, MUTED = "#1b1e22", "#dfe1dc", "#596068"
SERIES = ["#0a6b78", "#c4581c", "#6b4fa0", "#4b7d2a", "#b0387a", "#8a6d00", "#39608f", "#6a6a6a"]
_COLORS = {
    TEXT: "currentColor",
    LINE: "var(--line)",
    MUTED: "var(--muted)",
    **{color: f"var(--series-{number})" for number, color in enumerate(SERIES, start=1)},
}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bakeoff",  # the same data gives the same file
    "pdf.fonttype": 42,  # TrueType: publishers refuse matplotlib's default, Type 3
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "text.color": TEXT,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 9,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
    "font.size": 9,
}
WIDTH = 4.9  # inches; small enough that the text stays readable on a phone
# Metadata that matplotlib would add, among them the time; None leaves them out.
_UNDATED: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "png": {},
    "pdf": {"CreationDate": None},
}
_LEGEND_LETTERS = 75  # that fit into one row, with 6 for the line of each entry


def with_file_colors(html: str) -> str:
    """Return a page whose plots have their colors in themselves, for programs that know no CSS variables in SVG."""
    for color, variable in _COLORS.items():
        html = html.replace(variable, color)
    return html


def file_name(text: str) -> str:
    """Return `text` without what has a meaning in paths and in HTML."""
    return re.sub(r"[^\w.-]+", "-", one_line(text)).strip("-.") or "unnamed"


def own_name(name: str, taken: set[str]) -> str:
    """Number a name that is taken, and take it: contestants `a/b` and `a-b` of two runs have the same file name."""
    own, number = name, 1
    while own.casefold() in taken:
        number += 1
        own = f"{name}-{number}"
    taken.add(own.casefold())
    return own


def add_legend(axes: Axes) -> None:
    """Add a legend below the plot, in as many rows as the names need."""
    names = axes.get_legend_handles_labels()[1]
    lengths = [len(name) + 6 for name in names]
    columns = len(names) if sum(lengths) <= _LEGEND_LETTERS else max(1, _LEGEND_LETTERS // max(lengths))
    rows = -(-len(names) // columns)
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.set_figheight(figure.get_figheight() + 0.2 * (rows - 1))
    figure.legend(loc="outside lower center", ncols=columns, handlelength=1.2, columnspacing=1.2)


@dataclass(frozen=True)
class Plot:
    """A drawn plot."""

    figure: Figure
    name: str  # of its files; no two of a report have the same
    description: str  # for those who cannot see it

    def __html__(self) -> str:
        """Return an SVG element of a page. Templates print it as it is: matplotlib has escaped the names in it."""
        buffer = io.StringIO()
        with mpl.rc_context(STYLE):
            self.figure.savefig(buffer, format="svg", metadata=_UNDATED["svg"])
        text = buffer.getvalue()
        text = text[text.index("<svg") :]
        # Remove what would affect the rest of the page (styles) or differ from it (fonts).
        text = re.sub(r"\s*<(metadata|style)[ >].*?</\1>", "", text, flags=re.DOTALL)
        text = re.sub(r" font-family: [^;\"]*;", "", text)
        for color, variable in _COLORS.items():
            text = text.replace(color, variable)
        # Several SVGs share one page, so their ids must not collide.
        text = re.sub(r'\bid="', f'id="{self.name}-', text)
        text = re.sub(r'(href="#|url\(#)', rf"\g<1>{self.name}-", text)
        label = escape(one_line(self.description))
        return re.sub(
            r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>",
            rf'<svg class="plot" \1 data-name="{self.name}" role="img" '
            rf'aria-label="{label.replace(chr(92), chr(92) * 2)}" '
            r'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">',
            text,
            count=1,
        )

    def file(self, kind: str) -> bytes:
        """Return a file on white: `svg`, `png` with 300 dots per inch, or `pdf`. The same data give the same bytes."""
        metadata = {**_UNDATED[kind], "Title": one_line(self.description)}
        buffer = io.BytesIO()
        with mpl.rc_context(STYLE):
            self.figure.savefig(buffer, format=kind, dpi=300, facecolor="white", metadata=metadata)
        return buffer.getvalue()


def percent_axes(axes: Axes, x_label: str, y_label: str) -> None:
    """Label both axes, in percent."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
