"""The style of all plots: inline SVG whose colors are CSS variables of the page, for light and dark mode.

matplotlib draws with stand-in colors, which are replaced in the SVG. Text stays text, in the page's font.
"""

from __future__ import annotations

import io
import re
from html import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bakeoff.report.safe_text import one_line

# Stand-in color -> its replacement in the SVG.
TEXT, LINE, MUTED, PAPER = "#010101", "#020202", "#030303", "#040404"
SERIES = [f"#0505{number:02x}" for number in range(1, 9)]
_COLORS = {
    TEXT: "currentColor",
    LINE: "var(--line)",
    MUTED: "var(--muted)",
    PAPER: "var(--paper)",
    **{color: f"var(--series-{number})" for number, color in enumerate(SERIES, start=1)},
}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bakeoff",  # the same data gives the same file
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
_LEGEND_LETTERS = 75  # that fit into one row, with 6 for the line of each entry


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


def as_svg(plot: Figure, prefix: str, description: str) -> str:
    """Return the plot as an SVG element, with a description for screen readers."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        plot.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # Remove what would affect the rest of the page (styles) or differ from it (fonts).
    text = re.sub(r"\s*<(metadata|style)[ >].*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r" font-family: [^;\"]*;", "", text)
    for stand_in, color in _COLORS.items():
        text = text.replace(stand_in, color)
    # Several SVGs share one page, so their ids must not collide.
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", text)
    label = escape(one_line(description))
    return re.sub(
        r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>",
        rf'<svg class="plot" \1 role="img" aria-label="{label.replace(chr(92), chr(92) * 2)}" '
        r'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">',
        text,
        count=1,
    )
