"""All plots of a run, in the groups in which a report shows them, and as files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from bakeoff.report import classifier_plots, cost_plots, curve_view, out_of_scope_view, plots, search_view
from bakeoff.report.drawing import Plot, own_name
from bakeoff.report.loaded import LoadedRun
from bakeoff.runs.writing import write_bytes

_KINDS = ("svg", "png", "pdf")


@dataclass(frozen=True)
class Figures:
    """The plots of a run by the place where they are shown."""

    intervals: list[Plot]
    cost: list[Plot]
    other_costs: list[Plot]
    learning_curve: list[Plot]
    curves: list[Plot]
    searches: list[Plot]
    reliability: list[Plot]
    coverage: list[Plot]
    out_of_scope: list[Plot]

    @property
    def all(self) -> list[Plot]:
        """All plots in the order of the report."""
        groups = (getattr(self, group.name) for group in fields(self))
        return [plot for group in groups for plot in group]


def figures(run: LoadedRun) -> Figures:
    """Draw all plots of a run."""
    taken: set[str] = set()

    def drawn(group: Iterable[Plot | None]) -> list[Plot]:
        return [replace(plot, name=own_name(plot.name, taken)) for plot in group if plot is not None]

    return Figures(
        intervals=drawn([plots.interval_plot(run)]),
        cost=drawn([cost_plots.cost_plot(run, "training_seconds")]),
        other_costs=drawn(
            cost_plots.cost_plot(run, cost) for cost in ("peak_memory_bytes", "trainable_parameters", "money")
        ),
        learning_curve=drawn([curve_view.curve_plot(run)]),
        curves=drawn(
            [*plots.validation_curves(run), *(plot for one in run.contestants for plot in plots.learning_curves(one))]
        ),
        searches=drawn(
            draw(result.name, result.search)
            for result in run.results
            if result.search is not None
            for draw in (search_view.importance_plot, search_view.parallel_plot)
        ),
        reliability=drawn(map(classifier_plots.reliability_plot, run.contestants)),
        coverage=drawn([classifier_plots.coverage_plot(run)]),
        out_of_scope=drawn([out_of_scope_view.roc_plot(run)]),
    )


def write_figures(run: LoadedRun, folder: Path) -> list[Path]:
    """Write every plot as SVG, PNG and PDF into a folder; return the files.

    Raises:
        UserError: a file cannot be written.
    """
    files = []
    for plot in figures(run.best_first).all:
        for kind in _KINDS:
            files.append(folder / f"{plot.name}.{kind}")
            write_bytes(files[-1], plot.file(kind))
    return files
