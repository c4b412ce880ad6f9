"""How contestants tell texts apart that belong to no class: a table, and the ROC curve."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.figure import Figure

from bakeoff.evaluation.wording import count, level
from bakeoff.report.classifier_tables import first_seed_note, with_interval
from bakeoff.report.drawing import MUTED, SERIES, STYLE, WIDTH, Plot, add_legend, percent_axes
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.safe_text import one_line
from bakeoff.runs.results import OutOfScope

OUT_OF_SCOPE_TITLES = [
    "Contestant",
    "AUROC",
    "Threshold",
    "Recall",
    "Precision",
    "In-scope accuracy",
    "without threshold",
    "Joint accuracy",
]


def _judged(run: LoadedRun) -> list[tuple[str, OutOfScope, float]]:
    """Return name, measures, and the accuracy without a threshold of the contestants that have them.

    With several seeds, all of it is of the first one.
    """
    judged = []
    for result in run.results:
        accuracy = result.metric("accuracy")
        if result.out_of_scope is not None and accuracy is not None:
            judged.append((result.name, result.out_of_scope, accuracy.of_first_seed))
    return judged


def out_of_scope_rows(run: LoadedRun) -> list[list[tuple[str, str]]]:
    """Return a row per contestant: (value, interval) for each column of `OUT_OF_SCOPE_TITLES`."""
    return [
        [
            (name, ""),
            with_interval(found.auroc),
            (f"{found.threshold:.4f}", ""),
            with_interval(found.recall),
            with_interval(found.precision),
            with_interval(found.in_scope_accuracy),
            (f"{accuracy:.3f}", ""),
            with_interval(found.joint_accuracy),
        ]
        for name, found, accuracy in _judged(run)
    ]


def out_of_scope_note(run: LoadedRun) -> str:
    """Say what the columns mean, and on how many texts they were measured; "" where there is nothing to say."""
    judged = _judged(run)
    if not judged:
        return ""
    found = judged[0][1]
    return (
        f"The {count(found.texts)} test texts labeled “{found.label}” belong to no class. A text is refused where the "
        "largest probability is below the threshold, which was chosen on the validation texts and "
        f"{count(found.choosing_texts)} such ones: it has the highest sum of in-scope accuracy and recall. "
        "AUROC: chance that a text of the classes gets a higher confidence than one of these. Recall: share of these "
        "that are refused. Precision: share of the refused texts that are these. In-scope accuracy: share of the "
        f"{count(found.in_scope_texts)} other test texts that are answered, and answered right. Joint accuracy: share "
        f"of all test texts that are answered right or rightly refused. Intervals of {level(_confidence(run))}: "
        f"bootstrap over the texts of either kind. {first_seed_note(run)}"
    ).rstrip()


def roc_plot(run: LoadedRun) -> Plot | None:
    """Plot the share of out-of-scope texts that are refused against that of other texts, one line per contestant.

    A dot marks the threshold. Returns None where nothing was measured.
    """
    judged = _judged(run)
    if not judged:
        return None
    with mpl.rc_context(STYLE):
        plot = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        axes = plot.add_subplot()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="chance")
        for position, (name, found, _) in enumerate(judged):
            color = SERIES[position % len(SERIES)]
            x, y = [point.in_scope for point in found.roc], [point.out_of_scope for point in found.roc]
            axes.plot(x, y, color=color, label=one_line(name))
            axes.plot([found.in_scope_refused], [found.recall.value], "o", color=color, markersize=6.5)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        percent_axes(axes, "in-scope texts refused", "out-of-scope texts refused")
        add_legend(axes)
    words = "; ".join(f"{name} has an area of {found.auroc.value:.3f} under it" for name, found, _ in judged)
    return Plot(plot, "out-of-scope", f"ROC curve of out-of-scope texts: {words}.")


def _confidence(run: LoadedRun) -> float:
    return run.primary_metric.confidence
