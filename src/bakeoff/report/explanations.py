"""What each metric means and how it was measured, in a sentence or two."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.evaluation.wording import count, level, metric_name
from bakeoff.lm.protocols.registry import PROTOCOLS
from bakeoff.report.loaded import LoadedRun
from bakeoff.runs.results import MetricValue

_MEANINGS = {
    "accuracy": "Share of texts whose most probable label is the true one.",
    "macro_f1": "F1 (harmonic mean of precision and recall) of each class, averaged so that a rare class weighs as "
    "much as a frequent one.",
    "loss": "Cross-entropy in nats per text: minus the logarithm of the probability given to the true label. It "
    "punishes confident mistakes; always saying one half gives 0.69 with two classes.",
    "calibration_error": "Expected calibration error: texts are put into bins by the probability of their predicted "
    "label; the distance between the mean probability and the share of right answers of a bin, averaged over the "
    "texts. At 0, of the answers given with 80 % exactly 80 % are right.",
    "roc_auc": "Chance that a text of one class gets a higher probability of it than a text of the other class; 0.5 is "
    "guessing. No threshold is involved.",
    "perplexity": "exp of the mean loss per token: the model is as unsure as if it chose among so many equally likely "
    "tokens. It compares models with the same tokenizer only.",
    "word_perplexity": "exp of the summed loss divided by the words of the text, so that models with different "
    "tokenizers compare.",
    "byte_perplexity": "exp of the summed loss divided by the bytes of the text in UTF-8; compares across tokenizers.",
    "bits_per_byte": "The summed loss in bits, divided by the bytes of the text in UTF-8: the size to which the model "
    "could compress it. It compares across tokenizers.",
}

_PROTOCOLS = {
    **{name: protocol.meaning for name, protocol in PROTOCOLS.items()},
    "ece": "Of the probabilities that are evaluated and predicted: calibrated where the contestant was trained.",
    "uncalibrated": "Of the probabilities as the model gives them, before temperature scaling.",
}

_INTERVALS = {
    "accuracy": "Wilson's interval of a share.",
    "macro_f1": "bootstrap over texts.",
    "loss": "bootstrap over texts.",
    "calibration_error": "bootstrap over texts, reflected; from 0 where chance alone would show as much.",
    "roc_auc": "DeLong's variance, on the logit scale.",
}


@dataclass(frozen=True)
class Explanation:
    """How one line of the comparison table came about."""

    title: str  # e.g. `Perplexity`
    protocol: str  # as recorded, e.g. `window(context=1024, stride=512)`; empty where it only repeats the name
    sentences: list[str]


def protocol_of(metric: MetricValue) -> str:
    """The recorded protocol, or nothing where it only repeats the metric's name."""
    return "" if metric.protocol == metric.name else metric.protocol


def title_of(metric: MetricValue) -> str:
    name = metric_name(metric.name)
    return name[0].upper() + name[1:]


def explain(metric: MetricValue) -> Explanation:
    """The meaning of a metric, its protocol, what it was measured on, and its interval."""
    sentences = [_MEANINGS[metric.name]] if metric.name in _MEANINGS else []
    name = metric.protocol.split("(", 1)[0]
    if name in _PROTOCOLS:
        sentences.append(_PROTOCOLS[name])
    plural = "" if metric.documents == 1 else "s"
    unit = "text" if metric.interval_unit == "text" else "document"
    sentences.append(f"Measured on {count(metric.documents)} {unit}{plural} of the {metric.split} side.")
    if metric.low is not None:
        how = _INTERVALS.get(metric.name, f"bootstrap over {metric.interval_unit}s.")
        sentences.append(f"{level(metric.confidence)} interval: {how}")
    version = f", version {metric.protocol_version}" if metric.protocol_version != 1 else ""
    return Explanation(title_of(metric), protocol_of(metric) + version, sentences)


def explanations(run: LoadedRun) -> list[Explanation]:
    """One for each metric and protocol of the run, in the order of the tables."""
    found: dict[tuple[str, str], Explanation] = {}
    for result in run.results:
        for metric in result.metrics:
            found.setdefault((metric.name, metric.protocol), explain(metric))
    repeated = {(each.name, each.protocol): each for result in run.results for each in result.metrics if each.by_seed}
    for key, metric in repeated.items():
        has_interval = "and an interval over seeds and texts or documents, Student's t after Satterthwaite"
        found[key].sentences.append(
            f"With several seeds: the mean over them{', ' + has_interval if metric.low is not None else ''}."
        )
    return list(found.values())
