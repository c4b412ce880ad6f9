"""Plots of classifiers: reliability, and accuracy against coverage."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bakeoff.evaluation.wording import number, percent
from bakeoff.report.drawing import MUTED, SERIES, STYLE, WIDTH, Plot, add_legend, file_name, percent_axes
from bakeoff.report.loaded import LoadedContestant, LoadedRun
from bakeoff.report.safe_text import one_line
from bakeoff.runs.results import ReliabilityBin

_PREDICTED = "probability of the predicted label"
_LARGEST_DOT = 130.0  # points squared: all texts in one bin


def reliability_plot(contestant: LoadedContestant) -> Plot | None:
    """Plot accuracy against confidence, before and after calibration (a reliability diagram).

    Returns:
        None if the contestant was not calibrated.
    """
    calibration = contestant.result.calibration
    if calibration is None:
        return None
    with mpl.rc_context(STYLE):
        plot = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        axes = plot.add_subplot()
        axes.set_title(one_line(contestant.name), fontweight="bold")
        lowest = min(part.low for part in [*calibration.bins, *calibration.bins_before])
        axes.plot([lowest, 1], [lowest, 1], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="perfect")
        if calibration.temperature != 1:
            _bins(axes, calibration.bins_before, SERIES[1], "before calibration")
        _bins(axes, calibration.bins, SERIES[0], "calibrated" if calibration.temperature != 1 else "unchanged")
        axes.set_xlim(lowest - 0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        several = contestant.result.multilabel
        given, share = ("probability of a label", "share of texts") if several else (_PREDICTED, "accuracy")
        percent_axes(axes, given, share)
        add_legend(axes)
    metrics = contestant.result.metrics
    errors = [number(metric.of_first_seed) for metric in metrics if metric.name == "calibration_error"]
    change = f"{errors[-1]} before and {errors[0]} after" if len(errors) > 1 else "".join(errors)
    words = f"{contestant.name}: {share} by {given}; calibration error {change}."
    return Plot(plot, f"reliability-{file_name(contestant.name)}", words)


def _bins(axes: Axes, bins: Sequence[ReliabilityBin], color: str, label: str) -> None:
    """Draw a dot per bin, its area by the number of texts, joined by a line."""
    x, y = [part.confidence for part in bins], [part.accuracy for part in bins]
    texts = np.array([part.texts for part in bins])
    axes.plot(x, y, "-", color=color, linewidth=1.4, label=label)
    axes.scatter(x, y, s=np.maximum(_LARGEST_DOT * texts / texts.sum(), 6), color=color, zorder=3)


def coverage_plot(run: LoadedRun) -> Plot | None:
    """Plot accuracy against coverage, one line per contestant.

    Returns:
        None if every contestant gives all texts one confidence.
    """
    curves = [
        (result.name, result.selective_prediction.curve)
        for result in run.results
        if result.selective_prediction is not None and len(result.selective_prediction.curve) > 1
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
            if len(curves) <= 3:  # more bands would hide one another
                ends = [(point.accuracy.low, point.accuracy.high) for point in curve]
                lows, highs = zip(*ends, strict=True)
                axes.fill_between(coverage, lows, highs, color=color, alpha=0.12, linewidth=0)
        axes.set_xlim(0, 1.02)
        percent_axes(axes, "coverage (share of texts, most confident first)", "accuracy")
        add_legend(axes)
    words = "; ".join(
        f"{name} from {percent(curve[0].accuracy.value)} at the lowest coverage to "
        f"{percent(curve[-1].accuracy.value)} at full coverage"
        for name, curve in curves
    )
    return Plot(plot, "coverage", f"Accuracy by coverage: {words}.")
