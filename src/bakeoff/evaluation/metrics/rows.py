"""Every metric, one row each. To add one, add its row here; its function goes into `predictions.py` or `losses.py`."""

from __future__ import annotations

from operator import attrgetter

from bakeoff.evaluation.bins import CALIBRATION_BINS
from bakeoff.evaluation.metrics.base import Metric, MetricProtocol, PairedComparison, lazy
from bakeoff.evaluation.metrics.differences import LogRatio, Points

_PREDICTIONS = "bakeoff.evaluation.metrics.predictions"
_LOSSES = "bakeoff.evaluation.metrics.losses"

ACCURACY = Metric(
    name="accuracy",
    title="accuracy",
    task="classification",
    meaning="Share of texts whose most probable label is the true one.",
    higher_is_better=True,
    value=lazy(f"{_PREDICTIONS}:accuracy"),
    interval=lazy(f"{_PREDICTIONS}:accuracy_interval"),
    interval_meaning="Wilson score interval of a proportion.",
    units=lazy(f"{_PREDICTIONS}:accuracy_units"),
    paired=PairedComparison(lazy(f"{_PREDICTIONS}:compare_accuracy"), Points(), test="McNemar"),
    bounds=(0.0, 1.0),
)

MACRO_F1 = Metric(
    name="macro_f1",
    title="macro-F1",
    task="classification",
    meaning="F1 (the harmonic mean of precision and recall) of each class, averaged so that a rare class weighs as "
    "much as a frequent one.",
    higher_is_better=True,
    value=lazy(f"{_PREDICTIONS}:macro_f1"),
    interval=lazy(f"{_PREDICTIONS}:macro_f1_interval"),
    interval_meaning="bootstrap over {unit}s.",
    units=lazy(f"{_PREDICTIONS}:macro_f1_units"),
    paired=PairedComparison(lazy(f"{_PREDICTIONS}:compare_macro_f1"), Points()),
    bounds=(0.0, 1.0),
)

LOSS = Metric(
    name="loss",
    title="loss",
    task="classification",
    meaning="Cross-entropy in nats per text: minus the logarithm of the probability given to the true label. It "
    "punishes confident mistakes; always answering one half gives 0.69 with two classes.",
    higher_is_better=False,
    value=lazy(f"{_PREDICTIONS}:loss"),
    interval=lazy(f"{_PREDICTIONS}:loss_interval"),
    interval_meaning="bootstrap over {unit}s.",
    units=lazy(f"{_PREDICTIONS}:loss_units"),
    unpaired_because="A verdict is about labels; a few confident mistakes can decide a mean loss.",
)

ROC_AUC = Metric(
    name="roc_auc",
    title="ROC-AUC",
    task="classification",
    meaning="Chance that a text of one class gets a higher probability of that class than a text of the other; 0.5 is "
    "guessing. No threshold is involved.",
    higher_is_better=True,
    value=lazy(f"{_PREDICTIONS}:area_under_roc"),
    interval=lazy(f"{_PREDICTIONS}:area_under_roc_interval"),
    interval_meaning="DeLong's variance, on the logit scale.",
    unpaired_because="It is defined for two classes only.",
    bounds=(0.0, 1.0),
)

CALIBRATION_ERROR = Metric(
    name="calibration_error",
    title="calibration error",
    task="classification",
    meaning="Expected calibration error: texts are binned by the probability of their predicted label; the distance "
    "between a bin's mean probability and its share of right answers, averaged over the texts. At 0, exactly 80% of "
    "the answers given with 80% are right.",
    higher_is_better=False,
    value=lazy(f"{_PREDICTIONS}:expected_calibration_error"),
    interval=lazy(f"{_PREDICTIONS}:expected_calibration_error_interval"),
    interval_meaning="bootstrap over {unit}s, reflected; from 0 where chance alone would show as much.",
    unpaired_because="It is no mean over texts, and chance can only make it larger: small differences mean little.",
    protocols=(
        MetricProtocol(
            "ece",
            f"(bins={CALIBRATION_BINS})",
            "Of the probabilities that are evaluated and predicted: calibrated where the contestant was trained.",
        ),
        MetricProtocol(
            "uncalibrated",
            f"(bins={CALIBRATION_BINS})",
            "Of the model's own probabilities, before temperature scaling.",
            uncalibrated=True,
        ),
    ),
)

PERPLEXITY = Metric(
    name="perplexity",
    title="perplexity",
    task="language-model",
    meaning="exp of the mean loss per token: the model is as unsure as if it chose among that many equally likely "
    "tokens. It compares models with the same tokenizer only.",
    higher_is_better=False,
    value=attrgetter("perplexity"),
    interval=lazy(f"{_LOSSES}:perplexity_interval"),
    interval_meaning="bootstrap over {unit}s.",
    units=lazy("bakeoff.evaluation.pairing:loss_units"),
    paired=PairedComparison(lazy(f"{_LOSSES}:compare_losses"), LogRatio()),
    logarithmic=True,
)

_SAME_AS_PERPLEXITY = "It is the same loss as the perplexity, divided by another count."

WORD_PERPLEXITY = Metric(
    name="word_perplexity",
    title="word perplexity",
    task="language-model",
    meaning="exp of the summed loss divided by the words of the text, so that models with different tokenizers "
    "compare.",
    higher_is_better=False,
    value=attrgetter("word_perplexity"),
    needs_whole_text=True,
    unpaired_because=_SAME_AS_PERPLEXITY,
    logarithmic=True,
)

BYTE_PERPLEXITY = Metric(
    name="byte_perplexity",
    title="byte perplexity",
    task="language-model",
    meaning="exp of the summed loss divided by the bytes of the text in UTF-8; compares across tokenizers.",
    higher_is_better=False,
    value=attrgetter("byte_perplexity"),
    needs_whole_text=True,
    unpaired_because=_SAME_AS_PERPLEXITY,
    logarithmic=True,
)

BITS_PER_BYTE = Metric(
    name="bits_per_byte",
    title="bits per byte",
    task="language-model",
    meaning="The summed loss in bits, divided by the bytes of the text in UTF-8: the size to which the model could "
    "compress it. It compares across tokenizers.",
    higher_is_better=False,
    value=attrgetter("bits_per_byte"),
    needs_whole_text=True,
    unpaired_because=_SAME_AS_PERPLEXITY,
)

ROWS = (
    ACCURACY,
    MACRO_F1,
    LOSS,
    ROC_AUC,
    CALIBRATION_ERROR,
    PERPLEXITY,
    WORD_PERPLEXITY,
    BYTE_PERPLEXITY,
    BITS_PER_BYTE,
)
"""In the order of the tables."""
