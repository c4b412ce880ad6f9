"""Tables about classifiers as rows of text: classes, calibration, thresholds, label issues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.evaluation.wording import count, interval, level, number, percent
from bakeoff.report.loaded import LoadedRun
from bakeoff.runs.results import ClassScore, Estimate, Sample

LISTED_LABEL_ISSUES = 20

CLASS_TITLES = ["Class", "Precision", "Recall", "F1", "Texts"]
LABEL_TITLES = ["Label", "Precision", "Recall", "F1", "Average precision", "Calibration error", "Threshold", "Texts"]
CALIBRATION_TITLES = ["Contestant", "Temperature", "Error before", "after", "by chance", "Loss before", "after"]


def class_rows(classes: Sequence[ClassScore]) -> list[list[tuple[str, str]]]:
    """Return a row per class: (value, interval) for each column of `CLASS_TITLES`."""
    return [
        [
            (score.label, ""),
            *(with_interval(estimate) for estimate in (score.precision, score.recall, score.f1)),
            (count(score.texts), ""),
        ]
        for score in classes
    ]


def label_rows(labels: Sequence[ClassScore]) -> list[list[tuple[str, str]]]:
    """Return a row per label, where a text can have several: (value, interval) for each column of `LABEL_TITLES`."""
    return [
        [
            (score.label, ""),
            *map(with_interval, (score.precision, score.recall, score.f1, score.average_precision)),
            (_three(score.calibration_error), "" if score.temperature in (None, 1) else f"T {score.temperature:.2f}"),
            (_three(score.threshold), ""),
            (count(score.texts), f"{count(score.predicted)} predicted"),
        ]
        for score in labels
    ]


def label_f1_titles(run: LoadedRun) -> list[str]:
    """Return the columns of `label_f1_rows`."""
    return ["F1 by label", "Texts", *(result.name for result in run.results)]


def label_f1_rows(run: LoadedRun) -> list[list[str]]:
    """Return a row per label, the most frequent first: its F1 by contestant; nothing where a text has one label."""
    results = [result for result in run.results if result.multilabel]
    labels = sorted(results[0].classes, key=lambda score: -score.texts) if results else []
    by_name = [{score.label: score for score in result.classes} for result in results]
    return [
        [
            score.label,
            count(score.texts),
            *(with_interval(scores[score.label].f1)[0] if score.label in scores else "–" for scores in by_name),
        ]
        for score in labels
    ]


def _three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def with_interval(estimate: Estimate | None) -> tuple[str, str]:
    """Return an estimate and its interval as they read in a table."""
    if estimate is None:
        return "–", ""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}", ""
    return f"{estimate.value:.3f}", f"{estimate.low:.3f} to {estimate.high:.3f}"


def calibration_rows(run: LoadedRun) -> list[list[tuple[str, str]]]:
    """Return a row per calibrated contestant: (value, interval) for each column of `CALIBRATION_TITLES`.

    With several seeds, all of it is of the first one, whose temperature it is. Means of errors have no interval.
    """
    rows = []
    for result in run.results:
        calibration, loss = result.calibration, result.metric("loss")
        errors = [metric for metric in result.metrics if metric.name == "calibration_error"]
        if calibration is None or len(errors) < 2 or loss is None:
            continue
        after, before = errors
        rows.append(
            [
                (result.name, ""),
                (
                    f"{calibration.temperature:.2f}",
                    f"{'median; ' * result.multilabel}from {count(calibration.validation_texts)} texts",
                ),
                (number(before.of_first_seed), interval(before)),
                (number(after.of_first_seed), interval(after)),
                (number(calibration.chance), ""),
                (number(calibration.loss_before), ""),
                (number(loss.of_first_seed), ""),
            ]
        )
    return rows


def first_seed_note(run: LoadedRun) -> str:
    """Say whose numbers stand in tables of single trainings; "" where there is one seed."""
    several = any(result.seeds for result in run.results)
    return "Of contestants with several seeds, these are the numbers of the first one." * several


def threshold_titles(run: LoadedRun) -> list[str]:
    """Return the columns of `threshold_rows`."""
    confidence = f"{level(run.primary_metric.confidence)} interval"
    return ["Contestant", "Target accuracy", "Threshold", "Coverage", "Accuracy", confidence]


def threshold_rows(run: LoadedRun) -> list[list[str]]:
    """Return a row per contestant and target accuracy. Leaves out contestants that give every text one confidence."""
    rows = []
    for result in run.results:
        selective = result.selective_prediction
        if selective is None or len(selective.curve) < 2:
            continue
        for choice in selective.choices:
            cells = [result.name, percent(choice.wanted, 0)]
            if choice.threshold is None:
                rows.append([*cells, "not reached", "–", "–", "–"])
                continue
            accuracy, ends = "–", "–"
            if choice.accuracy is not None:
                accuracy = percent(choice.accuracy.value)
                ends = f"{percent(choice.accuracy.low or 0)} to {percent(choice.accuracy.high or 0)}"
            rows.append([*cells, f"{choice.threshold:.4f}", percent(choice.coverage), accuracy, ends])
    return rows


@dataclass(frozen=True)
class LabelIssue:
    """A test text whose given label may be wrong."""

    sample: Sample  # given label, suggested label, and the highest probability that a contestant gave the latter
    contestants: list[str]  # those that suggest the same label


def label_issue_list(run: LoadedRun) -> list[LabelIssue]:
    """Return the label issues that most contestants agree on, by falling probability of the suggested label."""
    surest: dict[tuple[str, str], Sample] = {}
    for contestant in run.contestants:
        for sample in contestant.samples:
            if sample.kind == "label_issue" and sample.document is not None and sample.predicted is not None:
                key = (sample.document, sample.predicted)
                if key not in surest or (sample.probability or 0) > (surest[key].probability or 0):
                    surest[key] = sample
    issues = [
        LabelIssue(
            sample,
            [contestant.name for contestant in run.contestants if contestant.suggested_labels.get(document) == label],
        )
        for (document, label), sample in surest.items()
    ]
    issues.sort(key=lambda issue: (-len(issue.contestants), -(issue.sample.probability or 0)))
    return issues[:LISTED_LABEL_ISSUES]


def label_issue_counts(run: LoadedRun) -> str:
    """Return a sentence that counts the label issues of each contestant, and those they agree on; "" if none."""
    numbers = [(result.name, result.label_issues) for result in run.results if result.label_issues]
    if not numbers:
        return ""
    votes = Counter(
        (document, label) for contestant in run.contestants for document, label in contestant.suggested_labels.items()
    )
    agreed = sum(times > 1 for times in votes.values())
    texts = run.results[0].metrics[0].documents
    issues = ", ".join(f"{name} {count(issues)}" for name, issues in numbers)
    shared = f"; {count(agreed)} suggested by more than one contestant" if len(numbers) > 1 else ""
    return f"Label issues in {count(texts)} test texts: {issues}{shared}."
