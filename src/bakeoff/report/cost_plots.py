"""Plots of quality against cost, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from bakeoff.evaluation.metrics import metric_name
from bakeoff.evaluation.pareto import COSTS, fronts
from bakeoff.evaluation.wording import duration, money, parameters, size
from bakeoff.report.drawing import MUTED, SERIES, STYLE, TEXT, WIDTH, Plot, file_name
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.safe_text import one_line

_FAR_APART = 6  # ratio of costs from which the axis is logarithmic
_LETTER_WIDTH, _ASCENT, _DESCENT, _DOT = 5.5, 8, 2, 4  # points
_AXIS = 0.88 * 72 * WIDTH  # length in points
Box = tuple[float, float, float, float]  # left, bottom, right, top
Place = tuple[float, float, Literal["left", "center", "right"]]  # of a name, from its dot: points, alignment
_LEFT_AND_RIGHT: list[tuple[float, Literal["left", "right"]]] = [(6, "left"), (-6, "right")]
_PLACES: list[Place] = [
    (7, -3, "left"),
    (-7, -3, "right"),
    (0, 7, "center"),
    (0, -14, "center"),
    *((across, up, side) for up in (5, -11, 14, -20, 23, -29, 32, -38) for across, side in _LEFT_AND_RIGHT),
]
_NEAR = 8  # points; a name that is farther from its dot gets a line to it
_TITLES: dict[str, tuple[str, Callable[[float], str]]] = {
    "training_seconds": ("training time", duration),
    "peak_memory_bytes": ("peak memory", lambda value: size(round(value))),
    "trainable_parameters": ("trainable parameters", lambda value: parameters(round(value))),
    "model_bytes": ("model on disk", lambda value: size(round(value))),
    "money": ("money", money),
}
_TIMES = {
    0.01: "10 ms",
    0.1: "0.1 s",
    1: "1 s",
    10: "10 s",
    60: "1 min",
    600: "10 min",
    3600: "1 h",
    36_000: "10 h",
    360_000: "100 h",
}


def cost_plot(run: LoadedRun, cost: str) -> Plot | None:
    """Plot the deciding metric against one of `COSTS`, or return None if fewer than two contestants cost any.

    The stepped line is the Pareto front. A contestant without cost is a dashed line.
    """
    paid = {result.name: COSTS[cost](result) for result in run.results}
    values = {result.name: result.metrics[0].value for result in run.results}
    costly = [value for value in paid.values() if value > 0]
    if len(costly) < 2:
        return None
    title, show = _TITLES[cost]
    with mpl.rc_context(STYLE):
        plot = Figure(figsize=(WIDTH, 2.5), layout="constrained")
        axes = plot.add_subplot()
        axes.margins(x=0.2, y=0.18)
        _front(axes, run, cost, paid, values)
        for result in run.results:
            metric, spent, name = result.metrics[0], paid[result.name], one_line(result.name)
            color = SERIES[0] if result.name == run.verdict.best else MUTED
            if spent > 0:
                if metric.low is not None and metric.high is not None:
                    axes.plot([spent] * 2, [metric.low, metric.high], color=color, solid_capstyle="round")
                axes.plot([spent], [metric.value], "o", color=color, markersize=6.5)
            else:
                axes.axhline(metric.value, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
                axes.annotate(
                    name,
                    (0.01, metric.value),
                    (0, 4),
                    xycoords=("axes fraction", "data"),
                    textcoords="offset points",
                    color=TEXT,
                )
        dearest = max(paid, key=lambda name: paid[name])
        _cost_axis(axes, cost, costly, show, min((len(dearest) + 2) * _LETTER_WIDTH / _AXIS, 0.4))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlabel(title)
        axes.set_title(f"{metric_name(run.primary_metric.name)} by {title}", fontsize=9, color=MUTED)
        # Last, because all the rest changes the distances between the dots.
        _names(plot, axes, {name: (paid[name], values[name]) for name in paid if paid[name] > 0})
    words = "; ".join(
        f"{result.name} {result.metrics[0].value:.4g} for {show(paid[result.name])}" for result in run.results
    )
    return Plot(
        plot,
        f"{file_name(run.primary_metric.name)}-by-{cost}",
        f"{metric_name(run.primary_metric.name)} against {title}: {words}.",
    )


def _names(plot: Figure, axes: Axes, points: dict[str, tuple[float, float]]) -> None:
    """Write each name by its dot, at the place where it covers least of other names, dots, intervals and lines."""
    plot.draw_without_rendering()  # determines the layout and thus the distances
    point_size = plot.dpi / 72  # pixels

    def in_points(line: Line2D) -> Iterable[Box]:
        vertices = line.get_transform().transform(line.get_xydata()) / point_size
        around = 1 if len(vertices) > 1 else _DOT
        for (x, y), (next_x, next_y) in pairwise(vertices) if len(vertices) > 1 else [(vertices[0], vertices[0])]:
            yield min(x, next_x) - around, min(y, next_y) - around, max(x, next_x) + around, max(y, next_y) + around

    drawn = [box for line in axes.lines for box in in_points(line)]
    left, bottom, right, top = np.array(axes.bbox.extents) / point_size
    extents = [np.array(text.get_window_extent().extents) / point_size for text in axes.texts]
    names: list[Box] = [(start, low, end, high) for start, low, end, high in extents]
    places = zip(points, axes.transData.transform(list(points.values())) / point_size, strict=True)
    dots = {name: (float(x), float(y)) for name, (x, y) in places}
    for name, point in sorted(points.items(), key=lambda item: -item[1][1]):
        x, y = dots[name]
        width = len(one_line(name)) * _LETTER_WIDTH

        def box(place: Place, x: float = x, y: float = y, width: float = width) -> Box:
            across, up, side = place
            start = x + across - {"left": 0, "center": width / 2, "right": width}[side]
            return start, y + up - _DESCENT, start + width, y + up + _ASCENT

        def badness(place: Place, x: float = x, y: float = y) -> float:
            at = box(place)
            outside: float = max(left - at[0], 0) + max(at[2] - right, 0) + max(bottom - at[1], 0) + max(at[3] - top, 0)
            above = sum(other[0] < at[2] and at[0] < other[2] and other[1] < at[1] for other in names)  # of higher dots
            nearer = sum(_distance(at, dot) < _distance(at, (x, y)) for dot in dots.values())  # to another dot
            covered = sum(_common(at, other) for other in drawn) + 9 * sum(_common(at, other) for other in names)
            return 99 * outside + 25 * above + 30 * nearer + covered + _PLACES.index(place)

        best = min(_PLACES, key=badness)
        at = box(best)
        names.append(at)
        across, up, side = best
        own = _distance(at, (x, y))
        apart = own > _NEAR or any(_distance(at, dot) < own for dot in dots.values())
        edge = (min(max((x - at[0]) / width, 0), 1), float(up < 0))  # of the name: the point nearest to the dot
        line = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkB": _DOT, "relpos": edge} if apart else None
        axes.annotate(
            one_line(name), point, (across, up), textcoords="offset points", color=TEXT, ha=side, arrowprops=line
        )


def _distance(box: Box, point: tuple[float, float]) -> float:
    across, up = (max(box[axis] - point[axis], 0, point[axis] - box[axis + 2]) for axis in (0, 1))
    return math.hypot(across, up)


def _common(one: Box, other: Box) -> float:
    """Return the area that two boxes share."""
    width, height = (min(one[end + 2], other[end + 2]) - max(one[end], other[end]) for end in (0, 1))
    return max(width, 0) * max(height, 0)


def _front(axes: Axes, run: LoadedRun, cost: str, paid: dict[str, float], values: dict[str, float]) -> None:
    (front,) = (front for front in fronts(run.results) if front.cost == cost)
    members = [name for name in front.members if paid[name] > 0]
    if len(members) > 1:
        x = np.repeat([paid[name] for name in members], 2)[1:]
        y = np.repeat([values[name] for name in members], 2)[:-1]
        axes.plot(x, y, color=MUTED, alpha=0.5, linewidth=1.4, zorder=0)


def _cost_axis(axes: Axes, cost: str, values: Sequence[float], show: Callable[[float], str], room: float) -> None:
    """Start the axis at 0 if the costs are similar; if they are far apart, make it logarithmic with familiar ticks.

    Args:
        room: Share of the axis to leave right of the last dot, for its name.
    """
    if max(values) < _FAR_APART * min(values):
        axes.set_xlim(0, max(values) / (1 - room))
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 3, 6, 10]))
        axes.xaxis.set_major_formatter(lambda value, _: show(value))
        return
    axes.set_xscale("log")
    low = min(values) / 3
    high = max(values) * (max(values) / low) ** (room / (1 - room))
    axes.set_xlim(low, high)
    axes.xaxis.set_minor_locator(NullLocator())
    if cost == "training_seconds":
        ticks = {at: label for at, label in _TIMES.items() if low <= at <= high}
        axes.set_xticks(list(ticks), list(ticks.values()))
    else:
        axes.xaxis.set_major_locator(LogLocator(numticks=5))
        axes.xaxis.set_major_formatter(lambda value, _: show(value))
