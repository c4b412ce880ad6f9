"""Plots of a run: the verdict's intervals, and learning curves."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bakeoff.evaluation.metrics import metric_name
from bakeoff.evaluation.time_limit import comparable_losses
from bakeoff.evaluation.wording import duration, either, level
from bakeoff.report.drawing import MUTED, SERIES, STYLE, TEXT, WIDTH, Plot, add_legend, file_name
from bakeoff.report.loaded import LoadedContestant, LoadedRun
from bakeoff.report.safe_text import one_line
from bakeoff.runs.results import StepLine

_MOST_POINTS = 240


def interval_plot(run: LoadedRun) -> Plot:
    """Plot the deciding metric of every contestant with its interval."""
    deciding = run.primary_metric
    metrics = [result.metrics[0] for result in run.results]
    with mpl.rc_context(STYLE):
        plot = Figure(figsize=(WIDTH, 0.75 + 0.36 * len(metrics)), layout="constrained")
        axes = plot.add_subplot()
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        for row, (result, metric) in enumerate(zip(run.results, metrics, strict=True)):
            color = SERIES[0] if result.name == run.verdict.best else MUTED
            if metric.low is not None and metric.high is not None:
                axes.plot([metric.low, metric.high], [row, row], color=color, linewidth=2.4, solid_capstyle="round")
            axes.plot([metric.value], [row], "o", color=color, markersize=6.5)
        axes.set_yticks(range(len(metrics)), [one_line(result.name) for result in run.results], color=TEXT)
        axes.set_ylim(len(metrics) - 0.5, -0.5)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        better = "higher is better" if deciding.higher_is_better else "lower is better"
        axes.set_xlabel(f"{metric_name(deciding.name)}, {level(deciding.confidence)} interval ({better})")
    words = "; ".join(f"{result.name} {result.metrics[0].value:.4g}" for result in run.results)
    return Plot(plot, "intervals", f"{metric_name(deciding.name)} of every contestant with its interval: {words}.")


def learning_curves(contestant: LoadedContestant) -> list[Plot]:
    """Plot a contestant's loss by step, and its accuracy if there is one."""
    lines = contestant.epochs
    if not lines:
        return []
    kept = max((index for index, line in enumerate(lines) if line.best), default=None)
    steps = [line.step for line in lines]
    plots = []
    with mpl.rc_context(STYLE):
        plot, axes = _axes(f"{contestant.name}: loss")
        if contestant.steps:
            axes.plot(*_thinned(contestant.steps), color=SERIES[1], alpha=0.45, linewidth=1, label="training, by step")
        _curve(axes, steps, [line.train_loss for line in lines], SERIES[1], "training")
        _curve(axes, steps, [line.validation_loss for line in lines], SERIES[0], "validation")
        _mark(axes, steps, [line.validation_loss for line in lines], kept)
        plots.append(Plot(plot, f"loss-{file_name(contestant.name)}", _course(contestant, "loss")))
        if any(line.validation_accuracy is not None for line in lines):
            measure = lines[0].measure
            plot, axes = _axes(f"{contestant.name}: {measure}")
            if measure == "accuracy":
                _curve(axes, steps, [line.train_accuracy for line in lines], SERIES[1], "training")
            _curve(axes, steps, [line.validation_accuracy for line in lines], SERIES[0], "validation")
            _mark(axes, steps, [line.validation_accuracy for line in lines], kept)
            plots.append(Plot(plot, f"{measure.lower()}-{file_name(contestant.name)}", _course(contestant, measure)))
    return plots


def validation_curves(run: LoadedRun) -> list[Plot]:
    """Plot the validation loss of all trained contestants by tokens and by time; [] if there are no two."""
    trained = [contestant for contestant in run.contestants if contestant.epochs]
    if len(trained) < 2 or not comparable_losses([entry.result for entry in trained]):
        return []
    ends = "; ".join(f"{entry.name} ends at {entry.epochs[-1].validation_loss:.4f}" for entry in trained)
    unit = f"training {either(entry.result.token_unit for entry in trained)}"
    plots = []
    with mpl.rc_context(STYLE):
        for by, label in (("tokens", unit), ("seconds", "training time")):
            plot, axes = _axes(f"Validation loss by {label}", label)
            if by == "seconds":
                axes.xaxis.set_major_formatter(lambda value, _: duration(value))
            for number, contestant in enumerate(trained):
                spent = [getattr(line, by) for line in contestant.epochs]
                losses = [line.validation_loss for line in contestant.epochs]
                _curve(axes, spent, losses, SERIES[number % len(SERIES)], one_line(contestant.name))
            add_legend(axes)
            plots.append(Plot(plot, f"validation-{by}", f"Validation loss by {label}: {ends}."))
    return plots


def _axes(title: str, x_label: str = "optimizer step") -> tuple[Figure, Axes]:
    plot = Figure(figsize=(WIDTH, 3.1), layout="constrained")
    axes = plot.add_subplot()
    axes.set_title(one_line(title), fontweight="bold")
    axes.set_xlabel(x_label)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    return plot, axes


def _curve(axes: Axes, x: Sequence[float], y: Sequence[float | None], color: str, label: str) -> None:
    values = [float("nan") if value is None else value for value in y]
    if not np.isnan(values).all():
        axes.plot(x, values, "-o", color=color, markersize=4, label=label)


def _mark(axes: Axes, x: Sequence[int], y: Sequence[float | None], kept: int | None) -> None:
    """Draw a ring around the evaluation whose weights were kept, and the legend."""
    value = None if kept is None else y[kept]
    if kept is not None and value is not None:
        axes.plot([x[kept]], [value], "o", color=SERIES[0], markersize=10, fillstyle="none", label="kept")
    add_legend(axes)


def _thinned(lines: Sequence[StepLine]) -> tuple[list[float], list[float]]:
    """Return steps and losses, averaged in groups if there are too many to draw."""
    groups = np.array_split(np.array([(line.step, line.loss) for line in lines]), min(len(lines), _MOST_POINTS))
    means = np.array([group.mean(axis=0) for group in groups])
    return means[:, 0].tolist(), means[:, 1].tolist()


def _course(contestant: LoadedContestant, what: str) -> str:
    first, last = contestant.epochs[0], contestant.epochs[-1]
    if what == "loss":
        ends = f"from {first.validation_loss:.4f} to {last.validation_loss:.4f}"
    else:
        ends = f"from {first.validation_accuracy or 0:.4f} to {last.validation_accuracy or 0:.4f}"
    return f"{contestant.name}: {what} by optimizer step; on the validation split {ends}. The table has every value."
