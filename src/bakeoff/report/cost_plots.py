"""Plots of quality against cost, with the Pareto front."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from bakeoff.evaluation.metrics import metric_name
from bakeoff.evaluation.pareto import COSTS, fronts
from bakeoff.evaluation.wording import duration, money, parameters, size
from bakeoff.report.drawing import MUTED, SERIES, STYLE, TEXT, WIDTH, Plot, file_name
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.safe_text import one_line

_FAR_APART = 6  # ratio of costs from which the axis is logarithmic
_NAME_ABOVE, _NAME_HEIGHT, _LETTER_WIDTH = 4, 11, 6  # points: above the dot, between two lines, of a letter
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
        _cost_axis(axes, cost, costly, show)
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
    """Write each name beside its dot; where dots are close to each other, one name below the other."""
    plot.draw_without_rendering()  # determines the layout and thus the distances
    point_size = plot.dpi / 72  # pixels
    middle = statistics.median(value for value, _ in points.values())
    written: list[tuple[float, float, float]] = []  # of earlier names: left and right end, and height, in pixels
    for name, point in sorted(points.items(), key=lambda item: -item[1][1]):
        x, y = axes.transData.transform(point)
        height = y + _NAME_ABOVE * point_size
        beside, side = (-8, "right") if point[0] > middle else (8, "left")
        end = x + beside * point_size
        width = len(one_line(name)) * _LETTER_WIDTH * point_size
        left, right = (end, end + width) if side == "left" else (end - width, end)
        for other_left, other_right, taken in written:
            if left < other_right and other_left < right:
                height = min(height, taken - _NAME_HEIGHT * point_size)
        written.append((left, right, height))
        offset = (beside, (height - y) / point_size)
        axes.annotate(one_line(name), point, offset, textcoords="offset points", color=TEXT, ha=side)


def _front(axes: Axes, run: LoadedRun, cost: str, paid: dict[str, float], values: dict[str, float]) -> None:
    (front,) = (front for front in fronts(run.results) if front.cost == cost)
    members = [name for name in front.members if paid[name] > 0]
    if len(members) > 1:
        x, y = [paid[name] for name in members], [values[name] for name in members]
        axes.plot(x, y, color=MUTED, alpha=0.5, linewidth=1.4, drawstyle="steps-post", zorder=0)


def _cost_axis(axes: Axes, cost: str, values: Sequence[float], show: Callable[[float], str]) -> None:
    """Start the axis at 0 if the costs are similar; if they are far apart, make it logarithmic with familiar ticks."""
    if max(values) < _FAR_APART * min(values):
        axes.set_xlim(0, 1.25 * max(values))
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 3, 6, 10]))
        axes.xaxis.set_major_formatter(lambda value, _: show(value))
        return
    axes.set_xscale("log")
    low, high = min(values) / 3, max(values) * 6
    axes.set_xlim(low, high)
    axes.xaxis.set_minor_locator(NullLocator())
    if cost == "training_seconds":
        ticks = {at: label for at, label in _TIMES.items() if low <= at <= high}
        axes.set_xticks(list(ticks), list(ticks.values()))
    else:
        axes.xaxis.set_major_locator(LogLocator(numticks=5))
        axes.xaxis.set_major_formatter(lambda value, _: show(value))
