"""The searches for settings in a report: the best trials, the importance of each setting, and all trials as lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bakeoff.evaluation.wording import duration
from bakeoff.report.drawing import MUTED, SERIES, STYLE, WIDTH, Plot, file_name
from bakeoff.report.safe_text import one_line
from bakeoff.runs.results import Search, Trial

_LISTED = 10
_FEWEST_FOR_LINES = 4


def trial_titles(search: Search) -> list[str]:
    """Return the column titles of `trial_rows`."""
    return ["Trial", f"Validation {search.metric}", *search.trials[0].settings, "Training time", ""]


def trial_rows(search: Search) -> list[list[str]]:
    """Return a row of text for each of the best trials, and the first one, which had the settings of the config."""
    best = _ranked(search)[:_LISTED]
    first = search.trials[0]
    return [_row(search, trial) for trial in [*best, *([first] if first not in best else [])]]


def importance_plot(name: str, search: Search) -> Plot | None:
    """Plot the importance of each setting; None where too few trials ended to tell."""
    shares = sorted(search.importance.items(), key=lambda item: item[1])
    if not shares:
        return None
    with mpl.rc_context(STYLE):
        plot = Figure(figsize=(WIDTH, 0.8 + 0.27 * len(shares)), layout="constrained")
        axes = plot.add_subplot()
        axes.grid(visible=False)
        axes.barh([setting for setting, _ in shares], [share for _, share in shares], color=SERIES[0], height=0.6)
        axes.set_xlabel(f"share of the variance of validation {search.metric}")
        axes.set_title(f"{one_line(name)}: importance of each setting")
    words = ", ".join(f"{setting} {share:.2f}" for setting, share in reversed(shares))
    return Plot(plot, f"importance-{file_name(name)}", f"Importance of the settings of {name}: {words}.")


def parallel_plot(name: str, search: Search) -> Plot | None:
    """Plot every trial as a line through its settings to its result; the best one is dark."""
    trials = [trial for trial in search.trials if trial.value is not None]
    if len(trials) < _FEWEST_FOR_LINES:
        return None
    settings = list(search.trials[0].settings)
    axes_of = {setting: _heights([trial.used[setting] for trial in trials]) for setting in settings}
    results, result_ends = _heights([trial.value for trial in trials])
    with mpl.rc_context(STYLE):
        plot = Figure(figsize=(WIDTH, 3.0), layout="constrained")
        axes = plot.add_subplot()
        places = range(len(settings) + 1)
        for place, trial in enumerate(trials):
            line = [*(axes_of[setting][0][place] for setting in settings), results[place]]
            is_best = trial.number == search.best
            axes.plot(
                places,
                line,
                color=SERIES[0] if is_best else MUTED,
                alpha=1.0 if is_best else 0.35,
                linewidth=2.2 if is_best else 1.0,
                zorder=2 if is_best else 1,
            )
        ends = [axes_of[setting][1] for setting in settings] + [result_ends]
        for place, (low, high) in enumerate(ends):
            axes.axvline(place, color=MUTED, linewidth=0.7, zorder=0)
            axes.annotate(high, (place, 1), (0, 6), textcoords="offset points", ha="center", fontsize=7, color=MUTED)
            axes.annotate(low, (place, 0), (0, -13), textcoords="offset points", ha="center", fontsize=7, color=MUTED)
        axes.set_ylim(-0.02, 1.02)
        axes.spines["bottom"].set_visible(False)
        axes.grid(visible=False)
        axes.set_yticks([])
        names = [setting.replace("_", "\n") for setting in settings]
        axes.set_xticks(list(places), [*names, f"validation\n{search.metric}"], fontsize=7)
        axes.tick_params(axis="x", length=0, pad=14)
        axes.set_title(f"{one_line(name)}: all trials", pad=20)
    return Plot(
        plot, f"trials-{file_name(name)}", f"Settings and results of {len(trials)} trials of {name}; see the table."
    )


def _ranked(search: Search) -> list[Trial]:
    finished = [trial for trial in search.trials if trial.state == "finished" and trial.value is not None]
    return sorted(finished, key=lambda trial: -(trial.value or 0) if search.higher_is_better else trial.value or 0)


def _row(search: Search, trial: Trial) -> list[str]:
    settings = [_shown(value) for value in trial.used.values()]
    remarks = ["kept"] * (trial.number == search.best) + ["as in the config"] * (trial.number == 1)
    return [str(trial.number), _shown(trial.value), *settings, duration(trial.training.seconds), ", ".join(remarks)]


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else one_line(str(value))


def _heights(values: Sequence[Any]) -> tuple[list[float], tuple[str, str]]:
    """Return a height from 0 to 1 for each value, and the values at both ends; numbers over two decades are logged."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        low, high = min(values), max(values)
        scaled = [float(value) for value in values]
        if low > 0 and high / low > 10:
            scaled = [math.log(value) for value in values]
    else:
        order = sorted({str(value) for value in values})
        scaled = [float(order.index(str(value))) for value in values]
        low, high = order[0], order[-1]
    bottom, width = min(scaled), max(scaled) - min(scaled)
    return [(value - bottom) / width if width else 0.5 for value in scaled], (_shown(low), _shown(high))
