"""report.html: one file that opens anywhere, without network access or scripts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from markupsafe import Markup

from bakeoff.report import classifier_plots, cost_plots, plots, search_view
from bakeoff.report.contents import contents
from bakeoff.report.highlighting import pieces
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.rendering import html_environment


def render_html(run: LoadedRun) -> str:
    """Return the whole page."""
    return (
        html_environment()
        .get_template("report.html")
        .render(
            contents(run),
            pieces=pieces,
            interval_plot=Markup(plots.interval_plot(run)),
            cost_plot=_plots([cost_plots.cost_plot(run, "training_seconds")]),
            other_cost_plots=_plots(
                cost_plots.cost_plot(run, cost) for cost in ("peak_memory_bytes", "trainable_parameters", "money")
            ),
            curves=_curves(run),
            search_plots=_search_plots(run),
            reliability_plots=_plots(map(classifier_plots.reliability_plot, run.contestants, itertools.count())),
            coverage_plot=_plots([classifier_plots.coverage_plot(run)]),
        )
    )


def _plots(svgs: Iterable[str | None]) -> list[Markup]:
    """Mark the SVGs as safe to print: matplotlib has escaped the names in them."""
    return [Markup(svg) for svg in svgs if svg is not None]


def _search_plots(run: LoadedRun) -> list[Markup]:
    plots_of_all: list[str | None] = []
    for number, result in enumerate(run.results):
        if result.search is not None:
            plots_of_all.append(search_view.importance_plot(result.name, result.search, number))
            plots_of_all.append(search_view.parallel_plot(result.name, result.search, number))
    return _plots(plots_of_all)


def _curves(run: LoadedRun) -> list[Markup]:
    of_one = [
        plot for number, contestant in enumerate(run.contestants) for plot in plots.learning_curves(contestant, number)
    ]
    return _plots([*plots.validation_curves(run), *of_one])
