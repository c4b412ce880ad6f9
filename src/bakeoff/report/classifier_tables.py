"""Tables about classifiers as plain rows of text: classes, calibration, thresholds, suspected labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.judge.wording import count, level, number, percent
from bakeoff.report.loaded import LoadedRun
from bakeoff.runs.results import ClassScore, ContestantResult, Estimate, Figure, Sample

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
        errors = [figure for figure in result.figures if figure.name == "calibration_error"]
        loss = result.figure("loss")
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


def _ends(figure: Figure) -> str:
    return "" if figure.low is None or figure.high is None else f"{number(figure.low)} to {number(figure.high)}"


def threshold_titles(run: LoadedRun) -> list[str]:
    interval = f"{level(run.deciding_figure.confidence)} interval"
    return ["Contestant", "Wanted right", "Threshold", "Texts answered", "Answers right", interval]


def threshold_rows(run: LoadedRun) -> list[list[str]]:
    """For each contestant that knows sure from unsure, and each wanted accuracy: the threshold and what it gave."""
    rows = []
    for result in run.results:
        if result.abstaining is None or len(result.abstaining.curve) < 2:
            continue
        for choice in result.abstaining.choices:
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
class Suspect:
    """A test text whose given label may be wrong."""

    sample: Sample  # its given label, the likelier one, and the surest contestant's probability of that
    contestants: list[str]  # those that suspect it and would give it the same label


def suspect_list(run: LoadedRun) -> list[Suspect]:
    """The most suspicious texts: those on which most contestants agree, and of these the ones they are surest about."""
    surest: dict[tuple[str, str], Sample] = {}
    for contestant in run.contestants:
        for sample in contestant.samples:
            if sample.kind == "suspect" and sample.document is not None and sample.predicted is not None:
                key = (sample.document, sample.predicted)
                if key not in surest or (sample.probability or 0) > (surest[key].probability or 0):
                    surest[key] = sample
    found = [
        Suspect(sample, [entry.name for entry in run.contestants if entry.suspected.get(document) == label])
        for (document, label), sample in surest.items()
    ]
    found.sort(key=lambda suspect: (-len(suspect.contestants), -(suspect.sample.probability or 0)))
    return found[:LISTED_SUSPECTS]


def suspect_counts(run: LoadedRun) -> str:
    """How many labels each contestant suspects, and how many several of them do, as a sentence; "" where none does."""
    numbers = [(result.name, result.suspected_labels) for result in run.results if result.suspected_labels]
    if not numbers:
        return ""
    votes = Counter((document, label) for entry in run.contestants for document, label in entry.suspected.items())
    agreed = sum(times > 1 for times in votes.values())
    texts = _judged_texts(run.results)
    words = ", ".join(f"{name} {count(found)}" for name, found in numbers)
    together = f"; {count(agreed)} of them by more than one contestant" if len(numbers) > 1 else ""
    return f"Suspected among {count(texts)} test texts: {words}{together}."


def _judged_texts(results: Sequence[ContestantResult]) -> int:
    return results[0].figures[0].documents
