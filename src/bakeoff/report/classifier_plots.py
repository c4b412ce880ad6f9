"""Plots of classifiers: reliability, and accuracy against coverage."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from bakeoff.evaluation.wording import number, percent
from bakeoff.report.drawing import MUTED, SERIES, STYLE, WIDTH, add_legend, as_svg
from bakeoff.report.loaded import LoadedContestant, LoadedRun
from bakeoff.report.safe_text import one_line
from bakeoff.runs.results import ReliabilityBin

_LARGEST_DOT = 130.0  # points squared: all texts in one bin


def reliability_plot(contestant: LoadedContestant, position: int) -> str | None:
    """How often the label is right against how probable it was said to be, before and after calibration, as an SVG.

    Args:
        position: Among the contestants, to keep the names inside apart.

    Returns:
        None where nothing was calibrated.
    """
    found = contestant.result.calibration
    if found is None:
        return None
    with mpl.rc_context(STYLE):
        plot = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        axes = plot.add_subplot()
        axes.set_title(one_line(contestant.name), fontweight="bold")
        lowest = min(each.low for each in [*found.bins, *found.bins_before])
        axes.plot([lowest, 1], [lowest, 1], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="perfect")
        if found.temperature != 1:
            _bins(axes, found.bins_before, SERIES[1], "before calibration")
        _bins(axes, found.bins, SERIES[0], "calibrated" if found.temperature != 1 else "left as it was")
        axes.set_xlim(lowest - 0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        _shares(axes, "probability of the predicted label", "share that is right")
        add_legend(axes)
    errors = [number(figure.value) for figure in contestant.result.metrics if figure.name == "calibration_error"]
    course = f"{errors[-1]} before and {errors[0]} after" if len(errors) > 1 else "".join(errors)
    words = (
        f"{contestant.name}: share of right answers by probability of the predicted label; calibration error {course}."
    )
    return as_svg(plot, f"reliability-{position}", words)


def _bins(axes: Axes, bins: Sequence[ReliabilityBin], color: str, label: str) -> None:
    """Dots as large as their bin has texts, joined by a line."""
    x, y = [each.confidence for each in bins], [each.accuracy for each in bins]
    texts = np.array([each.texts for each in bins])
    axes.plot(x, y, "-", color=color, linewidth=1.4, label=label)
    axes.scatter(x, y, s=np.maximum(_LARGEST_DOT * texts / texts.sum(), 6), color=color, zorder=3)


def coverage_plot(run: LoadedRun) -> str | None:
    """Accuracy of the surest answers against the share of texts that is answered, a line a contestant, as an SVG.

    Returns:
        None where no contestant can tell a sure answer from an unsure one.
    """
    curves = [
        (result.name, found.curve)
        for result in run.results
        if (found := result.selective_prediction) is not None and len(found.curve) > 1
    ]
    if not curves:
        return None
    with mpl.rc_context(STYLE):
        plot = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        axes = plot.add_subplot()
        for position, (name, curve) in enumerate(curves):
            color = SERIES[position % len(SERIES)]
            coverage = [point.coverage for point in curve]
            axes.plot(coverage, [point.accuracy.value for point in curve], color=color, label=one_line(name))
            if len(curves) <= 3:  # more bands would hide each other
                ends = [(point.accuracy.low, point.accuracy.high) for point in curve]
                lows, highs = zip(*ends, strict=True)
                axes.fill_between(coverage, lows, highs, color=color, alpha=0.12, linewidth=0)
        axes.set_xlim(0, 1.02)
        _shares(axes, "share of texts that is answered, the surest first", "share of answers that is right")
        add_legend(axes)
    words = "; ".join(
        f"{name} from {percent(curve[0].accuracy.value)} of the surest to {percent(curve[-1].accuracy.value)} of all"
        for name, curve in curves
    )
    return as_svg(plot, "coverage", f"Share of right answers by share of answered texts: {words}.")


def _shares(axes: Axes, x_label: str, y_label: str) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
