"""Explain each metric and how it was measured, in a sentence or two."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.evaluation.folds import widening
from bakeoff.evaluation.metrics import METRICS, metric_name
from bakeoff.evaluation.pairing import protocol_name
from bakeoff.evaluation.wording import count, level
from bakeoff.lm.protocols.registry import EXAMPLES, PROTOCOLS
from bakeoff.report.loaded import LoadedRun
from bakeoff.runs.results import MetricValue


@dataclass(frozen=True)
class Explanation:
    """The origin of one line of the comparison table."""

    title: str  # e.g. `Perplexity`
    protocol: str  # as recorded, e.g. `window(context=1024, stride=512)`; empty where it only repeats the name
    sentences: list[str]


def protocol_of(metric: MetricValue) -> str:
    """Return the recorded protocol, or an empty string where it only repeats the metric's name."""
    return "" if metric.protocol == metric.name else metric.protocol


def title_of(metric: MetricValue) -> str:
    """Return the metric's title, capitalized: `Macro-F1`."""
    name = metric_name(metric.name)
    return name[0].upper() + name[1:]


def explain(metric: MetricValue, *, multilabel: bool = False) -> Explanation:
    """Say what a metric means, how and on what it was measured, and how its interval was computed.

    Args:
        multilabel: A text can have several labels.
    """
    row = METRICS.get(metric.name)  # None: written by another version of bakeoff
    sentences = [(multilabel and row.meaning_for_several) or row.meaning] if row else []
    meanings = {protocol.name: protocol.meaning for protocol in (*PROTOCOLS.values(), EXAMPLES)}
    meanings |= {protocol.name: protocol.meaning for protocol in (row.protocols if row else ())}
    name = protocol_name(metric.protocol)
    if name in meanings:
        sentences.append(meanings[name])
    plural = "" if metric.documents == 1 else "s"
    unit = row.counted if row else "document"
    where = f"{metric.folds} folds, each by a model of the others" if metric.folds else f"the {metric.split} split"
    sentences.append(f"Measured on {count(metric.documents)} {unit}{plural} of {where}.")
    if metric.low is not None:
        how = row.interval_meaning if row and row.interval_meaning else "bootstrap over {unit}s."
        if metric.by_seed:
            how = "Student's t over seeds and {unit}s, after Satterthwaite."
        sentences.append(f"{level(metric.confidence)} interval: {how.format(unit=metric.interval_unit)}")
        if metric.folds:
            what = f"what comes from the {metric.interval_unit}s" if metric.by_seed else "it"
            wider = f"{widening(metric.folds):.2f} times as wide"
            sentences.append(f"The training sets of the folds overlap: {what} is {wider} (Nadeau and Bengio 2003).")
    version = f", version {metric.protocol_version}" if metric.protocol_version != 1 else ""
    return Explanation(title_of(metric), protocol_of(metric) + version, sentences)


def explanations(run: LoadedRun) -> list[Explanation]:
    """Explain each metric and protocol of the run, in the order of the tables."""
    groups: dict[tuple[str, str], list[tuple[MetricValue, bool]]] = {}
    for result in run.results:
        for metric in result.metrics:
            groups.setdefault((metric.name, metric.protocol), []).append((metric, result.multilabel))
    found = []
    for group in groups.values():
        group.sort(key=lambda pair: bool(pair[0].by_seed))  # stable
        (first, multilabel), (last, _) = group[0], group[-1]
        found.append(explain(first, multilabel=multilabel))
        if last.by_seed:
            both = not first.by_seed and last.low is not None  # else the interval was just explained
            over = f", and an interval over seeds and {last.interval_unit}s (Student's t after Satterthwaite)"
            found[-1].sentences.append(f"With several seeds: their mean{over * both}.")
    return found
