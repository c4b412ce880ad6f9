"""Tables about classifiers as plain rows of text: classes, calibration, thresholds, suspected labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.evaluation.wording import count, level, number, percent
from bakeoff.report.loaded import LoadedRun
from bakeoff.runs.results import ClassScore, ContestantResult, Estimate, MetricValue, Sample

LISTED_SUSPECTS = 20

CLASS_TITLES = ["Class", "Precision", "Recall", "F1", "Texts"]


def class_rows(classes: Sequence[ClassScore]) -> list[list[tuple[str, str]]]:
    """A row a class: value and interval of each column of `CLASS_TITLES`."""
    return [
        [
            (found.label, ""),
            *(_with_interval(estimate) for estimate in (found.precision, found.recall, found.f1)),
            (count(found.texts), ""),
        ]
        for found in classes
    ]


def _with_interval(estimate: Estimate | None) -> tuple[str, str]:
    if estimate is None:
        return "–", ""
    return f"{estimate.value:.3f}", f"{estimate.low or 0:.3f} to {estimate.high or 0:.3f}"


CALIBRATION_TITLES = [
    "Contestant",
    "Temperature",
    "Error before",
    "after",
    "by chance",
    "Loss before",
    "after",
]


def calibration_rows(run: LoadedRun) -> list[list[tuple[str, str]]]:
    """A row for each contestant that was calibrated: value and interval of each column of `CALIBRATION_TITLES`."""
    rows = []
    for result in run.results:
        found = result.calibration
        errors = [metric for metric in result.metrics if metric.name == "calibration_error"]
        loss = result.metric("loss")
        if found is None or len(errors) < 2 or loss is None:
            continue
        after, before = errors
        rows.append(
            [
                (result.name, ""),
                (f"{found.temperature:.2f}", f"from {count(found.validation_texts)} texts"),
                (number(before.value), _ends(before)),
                (number(after.value), _ends(after)),
                (number(found.chance), ""),
                (number(found.loss_before), ""),
                (number(loss.value), ""),
            ]
        )
    return rows


def _ends(metric: MetricValue) -> str:
    return "" if metric.low is None or metric.high is None else f"{number(metric.low)} to {number(metric.high)}"


def threshold_titles(run: LoadedRun) -> list[str]:
    interval = f"{level(run.primary_metric.confidence)} interval"
    return ["Contestant", "Wanted right", "Threshold", "Texts answered", "Answers right", interval]


def threshold_rows(run: LoadedRun) -> list[list[str]]:
    """For each contestant that knows sure from unsure, and each wanted accuracy: the threshold and what it gave."""
    rows = []
    for result in run.results:
        if result.selective_prediction is None or len(result.selective_prediction.curve) < 2:
            continue
        for choice in result.selective_prediction.choices:
            cells = [result.name, percent(choice.wanted, 0)]
            if choice.threshold is None:
                rows.append([*cells, "none reaches it", "–", "–", "–"])
                continue
            right, interval = "–", "–"
            if choice.accuracy is not None:
                right = percent(choice.accuracy.value)
                interval = f"{percent(choice.accuracy.low or 0)} to {percent(choice.accuracy.high or 0)}"
            rows.append([*cells, f"{choice.threshold:.4f}", percent(choice.coverage), right, interval])
    return rows


@dataclass(frozen=True)
class LabelIssue:
    """A test text whose given label may be wrong."""

    sample: Sample  # its given label, the likelier one, and the surest contestant's probability of that
    contestants: list[str]  # those that issue it and would give it the same label


def label_issue_list(run: LoadedRun) -> list[LabelIssue]:
    """The most suspicious texts: those on which most contestants agree, and of these the ones they are surest about."""
    surest: dict[tuple[str, str], Sample] = {}
    for contestant in run.contestants:
        for sample in contestant.samples:
            if sample.kind == "label_issue" and sample.document is not None and sample.predicted is not None:
                key = (sample.document, sample.predicted)
                if key not in surest or (sample.probability or 0) > (surest[key].probability or 0):
                    surest[key] = sample
    found = [
        LabelIssue(sample, [entry.name for entry in run.contestants if entry.suggested_labels.get(document) == label])
        for (document, label), sample in surest.items()
    ]
    found.sort(key=lambda issue: (-len(issue.contestants), -(issue.sample.probability or 0)))
    return found[:LISTED_SUSPECTS]


def label_issue_counts(run: LoadedRun) -> str:
    """How many labels each contestant label_issues, and how many several of them do, as a sentence; "" where none does."""
    numbers = [(result.name, result.label_issues) for result in run.results if result.label_issues]
    if not numbers:
        return ""
    votes = Counter(
        (document, label) for entry in run.contestants for document, label in entry.suggested_labels.items()
    )
    agreed = sum(times > 1 for times in votes.values())
    texts = _judged_texts(run.results)
    words = ", ".join(f"{name} {count(found)}" for name, found in numbers)
    together = f"; {count(agreed)} of them by more than one contestant" if len(numbers) > 1 else ""
    return f"Suspected among {count(texts)} test texts: {words}{together}."


def _judged_texts(results: Sequence[ContestantResult]) -> int:
    return results[0].metrics[0].documents
