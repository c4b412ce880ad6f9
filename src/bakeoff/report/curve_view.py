"""The learning curves of classifiers: a plot of the deciding metric by training rows, and a table."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from bakeoff.evaluation.metrics import get_metric, metric_name
from bakeoff.evaluation.wording import count, level, number
from bakeoff.report.drawing import SERIES, STYLE, WIDTH, Plot, add_legend
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.safe_text import one_line
from bakeoff.runs.findings import LearningCurve, LearningCurveLine, LearningCurvePoint

_APART = (
    1.025  # ratio between the places of two contestants at one size, so that their intervals do not hide each other
)
_DASHED = (0, (2, 2))


def curve_titles(curve: LearningCurve) -> list[str]:
    """Return the columns of `curve_rows`."""
    forecasts = [line.forecast for line in curve.lines if line.forecast]
    ahead = [f"{count(forecasts[0].rows)} rows, expected", "Change"] if forecasts else []
    return ["Contestant", *(f"{count(rows)} rows" for rows in _sizes(curve)), *ahead]


def curve_rows(curve: LearningCurve) -> list[list[tuple[str, str]]]:
    """Return a row for each contestant: the deciding metric at each size with its interval, and the forecast."""
    expected = any(line.forecast for line in curve.lines)
    return [
        [(line.name, ""), *_measured(line, _sizes(curve)), *(_expected(line, curve.metric) if expected else [])]
        for line in curve.lines
    ]


def _measured(line: LearningCurveLine, sizes: list[int]) -> list[tuple[str, str]]:
    by_rows = {point.rows: point for point in line.points}
    return [(number(by_rows[rows].value), _ends(by_rows[rows])) if rows in by_rows else ("–", "") for rows in sizes]


def _expected(line: LearningCurveLine, metric: str) -> list[tuple[str, str]]:
    if (forecast := line.forecast) is None:
        return [("–", line.no_forecast), ("–", "")]
    paired = get_metric(metric).paired
    assert paired is not None
    change = paired.difference.change
    return [
        (number(forecast.value), f"{number(forecast.low)} to {number(forecast.high)}"),
        (change(forecast.change), f"{change(forecast.change_low)} to {change(forecast.change_high)}"),
    ]


def _ends(point: LearningCurvePoint) -> str:
    low, high = point.low, point.high
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"


def _sizes(curve: LearningCurve) -> list[int]:
    return sorted({point.rows for line in curve.lines for point in line.points})


def curve_plot(run: LoadedRun) -> Plot | None:
    """Plot the deciding metric by training rows with its intervals, and dashed what twice the rows may bring.

    Returns:
        None where no learning curve was asked for.
    """
    if (curve := run.verdict.learning_curve) is None:
        return None
    title, confidence = metric_name(curve.metric), run.primary_metric.confidence
    sizes = _sizes(curve)
    with mpl.rc_context(STYLE):
        plot = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        axes = plot.add_subplot()
        axes.set_xscale("log")
        names = [result.name for result in run.results]
        for place, line in enumerate(curve.lines):
            color = SERIES[names.index(line.name) % len(SERIES)]
            apart = _APART ** (place - (len(curve.lines) - 1) / 2)
            rows, values = [apart * point.rows for point in line.points], [point.value for point in line.points]
            axes.plot(rows, values, "-o", color=color, markersize=4, label=one_line(line.name))
            for at, point in zip(rows, line.points, strict=True):
                if point.low is not None and point.high is not None:
                    axes.plot([at, at], [point.low, point.high], color=color, linewidth=1.2)
            if forecast := line.forecast:
                at = apart * forecast.rows
                axes.plot([rows[-1], at], [values[-1], forecast.value], color=color, linewidth=1.2, linestyle=_DASHED)
                axes.plot([at, at], [forecast.low, forecast.high], color=color, linewidth=1.2, linestyle=_DASHED)
                axes.plot([at], [forecast.value], "o", color=color, markersize=4, fillstyle="none")
        ahead = {line.forecast.rows for line in curve.lines if line.forecast}
        ticks = sorted({*sizes, *ahead})
        axes.set_xticks(ticks, [count(rows) for rows in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel(f"training rows; {level(confidence)} intervals; dashed: expected")
        axes.set_title(f"{title} by training rows", fontsize=9)
        add_legend(axes)
    words = "; ".join(
        f"{line.name} from {line.points[0].value:.4g} with {count(line.points[0].rows)} rows to "
        f"{line.points[-1].value:.4g} with {count(line.points[-1].rows)}"
        for line in curve.lines
    )
    return Plot(plot, "learning-curve", f"{title} by training rows: {words}.")
