"""Every metric, one row each. To add one, add its row here; its function goes into `predictions.py`, `losses.py` or
`answers.py`."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Any

from bakeoff.evaluation.bins import CALIBRATION_BINS
from bakeoff.evaluation.metrics.base import Metric, MetricProtocol, PairedComparison, lazy
from bakeoff.evaluation.metrics.differences import Amount, Difference, LogRatio, Points

_PREDICTIONS = "bakeoff.evaluation.metrics.predictions"
_MULTILABEL = "bakeoff.evaluation.metrics.multilabel"
_LOSSES = "bakeoff.evaluation.metrics.losses"
_ANSWERS = "bakeoff.evaluation.metrics.answers"

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
    needs_probabilities=False,
)


def _row(
    target: str,
    name: str,
    title: str,
    meaning: str,
    difference: Difference,
    *,
    higher: bool = True,
    module: str = _PREDICTIONS,
    **more: Any,
) -> Metric:
    """Return the row of a metric whose functions are the methods of an object in `predictions.py` or another module."""
    return Metric(
        name=name,
        title=title,
        task="classification",
        meaning=meaning,
        higher_is_better=higher,
        interval_meaning="bootstrap over {unit}s.",
        paired=PairedComparison(lazy(f"{module}:{target}.compare"), difference),
        value=lazy(f"{module}:{target}.value"),
        interval=lazy(f"{module}:{target}.interval"),
        units=lazy(f"{module}:{target}.units"),
        **{"bounds": (0.0, 1.0), **more},
    )


COST = _row(
    "COST",
    "cost",
    "cost per text",
    "Mean cost of the predicted labels, by the costs of mistakes in the config. Each label is the one of least "
    "expected cost by the calibrated probabilities (Elkan 2001), not the most probable one.",
    Amount(higher_is_better=False),
    higher=False,
    bounds=(0.0, math.inf),
    settings=lazy(f"{_PREDICTIONS}:described_costs"),
    needs_probabilities=False,
)

MACRO_F1 = _row(
    "MACRO_F1",
    "macro_f1",
    "macro-F1",
    "F1 (the harmonic mean of precision and recall) of each class, averaged so that a rare class weighs as much as a "
    "frequent one.",
    Points(),
    module=_MULTILABEL,
    labels="both",
    meaning_for_several="F1 (the harmonic mean of precision and recall) of each label, averaged so that a rare label "
    "weighs as much as a frequent one. Labels that neither occur nor are predicted do not count.",
)

LOSS = _row(
    "LOSS",
    "loss",
    "loss",
    "Cross-entropy in nats per text (log loss): minus the logarithm of the probability given to the true label. It "
    "punishes confident mistakes; always answering one half gives 0.69 with two classes.",
    Amount(higher_is_better=False),
    higher=False,
    bounds=(0.0, math.inf),
    module=_MULTILABEL,
    labels="both",
    meaning_for_several="Binary cross-entropy in nats per label of a text: minus the logarithm of the probability "
    "given to the truth, that it has the label or that it has not. Always answering one half gives 0.69.",
)

MICRO_F1 = _row(
    "MICRO_F1",
    "micro_f1",
    "micro-F1",
    "F1 (the harmonic mean of precision and recall) of the decisions on all labels of all texts together: a frequent "
    "label weighs more than a rare one.",
    Points(),
    module=_MULTILABEL,
    labels="several",
)

SAMPLES_F1 = _row(
    "SAMPLES_F1",
    "samples_f1",
    "samples-F1",
    "F1 of the labels of each text, averaged over the texts; 1 for a text without labels that is given none.",
    Points(),
    module=_MULTILABEL,
    labels="several",
)

SUBSET_ACCURACY = replace(
    _row(
        "SUBSET_ACCURACY",
        "subset_accuracy",
        "subset accuracy",
        "Share of texts for which exactly the right labels are predicted, no more and no fewer.",
        Points(),
        module=_MULTILABEL,
        labels="several",
    ),
    interval_meaning="Wilson score interval of a proportion.",
    paired=PairedComparison(lazy(f"{_MULTILABEL}:SUBSET_ACCURACY.compare"), Points(), test="McNemar"),
)

MEAN_AVERAGE_PRECISION = _row(
    "MEAN_AVERAGE_PRECISION",
    "mean_average_precision",
    "mean average precision",
    "Area under the precision-recall curve of each label that occurs, averaged so that a rare label weighs as much as "
    "a frequent one (mAP). No threshold is involved.",
    Points(),
    module=_MULTILABEL,
    labels="several",
    fewest_labels=1,
)

ABSOLUTE_ERROR = _row(
    "ABSOLUTE_ERROR",
    "mean_absolute_error",
    "mean absolute error",
    "Classes between the predicted label and the true one, on average, in the order of the labels.",
    Amount(higher_is_better=False),
    higher=False,
    bounds=(0.0, math.inf),
    needs_probabilities=False,
)

QUADRATIC_KAPPA = _row(
    "QUADRATIC_KAPPA",
    "quadratic_kappa",
    "quadratic kappa",
    "Cohen's kappa with quadratic weights: agreement beyond what the frequencies of the labels give by chance, where a "
    "mistake counts by the square of the classes between. 1 is perfect, 0 chance.",
    Amount(higher_is_better=True),
    bounds=(-1.0, 1.0),
    needs_probabilities=False,
)

WEIGHTED_F1 = _row(
    "WEIGHTED_F1",
    "weighted_f1",
    "weighted F1",
    "F1 of each class, averaged so that a class weighs as many texts as have its label.",
    Points(),
    main=False,
    module=_MULTILABEL,
    labels="both",
)

BALANCED_ACCURACY = _row(
    "BALANCED_ACCURACY",
    "balanced_accuracy",
    "balanced accuracy",
    "Recall of each class, averaged so that a rare class weighs as much as a frequent one.",
    Points(),
    main=False,
)

MATTHEWS = _row(
    "MATTHEWS",
    "matthews",
    "Matthews correlation",
    "Correlation of labels and predictions (MCC), which is high only if all classes are recognized. 1 is perfect, 0 "
    "chance.",
    Amount(higher_is_better=True),
    bounds=(-1.0, 1.0),
    main=False,
)

AVERAGE_PRECISION = _row(
    "AVERAGE_PRECISION",
    "average_precision",
    "average precision",
    "Area under the precision-recall curve (PR-AUC) of each class against all others, averaged so that a rare class "
    "weighs as much as a frequent one. No threshold is involved.",
    Points(),
    main=False,
    fewest_labels=2,
)

TOP_ACCURACY = _row(
    "TOP_ACCURACY",
    "top_3_accuracy",
    "top-3 accuracy",
    "Share of texts whose label is among the three most probable ones; only with more than three labels.",
    Points(),
    main=False,
)

BRIER = _row(
    "BRIER",
    "brier",
    "Brier score",
    "Mean squared distance of the probabilities from the truth; with two classes, of the probability of one of them. "
    "It is lower the surer the right answers and the better calibrated the others.",
    Amount(higher_is_better=False),
    higher=False,
    bounds=(0.0, 2.0),
    main=False,
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
    value=lazy(f"{_MULTILABEL}:expected_calibration_error"),
    interval=lazy(f"{_MULTILABEL}:expected_calibration_error_interval"),
    labels="both",
    meaning_for_several="Expected calibration error of each label, averaged over the labels (classwise ECE, Kull et "
    "al. 2019): texts are binned by the probability of the label; the distance between a bin's mean probability and "
    "its share of texts that have the label, averaged over the texts.",
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
    # Infinite where no blanks separate words, as in Chinese: a word is then a whole line. The others stay defined.
    value=lambda loss: loss.word_perplexity if loss.word_perplexity < math.inf else None,
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


def _answer_metric(name: str, title: str, meaning: str, interval: str, interval_meaning: str) -> Metric:
    """Return a metric that is the mean of one value for every generated answer."""
    return Metric(
        name=name,
        title=title,
        task="language-model",
        meaning=meaning,
        higher_is_better=True,
        value=partial(lazy(f"{_ANSWERS}:mean"), name),
        interval=partial(lazy(f"{_ANSWERS}:{interval}"), name),
        interval_meaning=interval_meaning,
        units=partial(lazy(f"{_ANSWERS}:units"), name),
        paired=PairedComparison(
            partial(lazy(f"{_ANSWERS}:compare"), name), Points(), "McNemar" if name == "exact_match" else "bootstrap"
        ),
        protocols=(GREEDY,),
        of_answers=True,
        bounds=(0.0, 1.0),
    )


GREEDY = MetricProtocol(
    "greedy",
    "",
    "The most probable token is taken each time, until the end-of-text token, the most new tokens, or, where no "
    "training answer has a line break (or blank line), the first one.",
)

EXACT_MATCH = _answer_metric(
    "exact_match",
    "exact match",
    "Share of answers that are the reference, in the normalization of SQuAD: case, punctuation, articles and white "
    "space do not count.",
    "share_interval",
    "Wilson score interval of a proportion.",
)

TOKEN_F1 = _answer_metric(
    "token_f1",
    "token F1",
    "Harmonic mean of the share of an answer's words that are in the reference, and of the reference's words that are "
    "in the answer, in the normalization of SQuAD; averaged over the answers.",
    "mean_interval",
    "bootstrap over {unit}s.",
)

ROUGE_L = _answer_metric(
    "rouge_l",
    "ROUGE-L",
    "F-measure of the longest common subsequence of words (rouge-score, without stemming), averaged over the answers.",
    "mean_interval",
    "bootstrap over {unit}s.",
)

CHRF = _answer_metric(
    "chrf",
    "chrF",
    "F-score of character n-grams, n from 1 to 6, recall counting twice as much as precision (sacrebleu's, of single "
    "sentences, divided by 100), averaged over the answers. It needs no words, and so works in any language.",
    "mean_interval",
    "bootstrap over {unit}s.",
)

ROWS = (
    COST,
    ACCURACY,
    MICRO_F1,
    MACRO_F1,
    SAMPLES_F1,
    SUBSET_ACCURACY,
    MEAN_AVERAGE_PRECISION,
    ABSOLUTE_ERROR,
    QUADRATIC_KAPPA,
    LOSS,
    ROC_AUC,
    CALIBRATION_ERROR,
    WEIGHTED_F1,
    BALANCED_ACCURACY,
    MATTHEWS,
    AVERAGE_PRECISION,
    TOP_ACCURACY,
    BRIER,
    PERPLEXITY,
    WORD_PERPLEXITY,
    BYTE_PERPLEXITY,
    BITS_PER_BYTE,
    EXACT_MATCH,
    TOKEN_F1,
    ROUGE_L,
    CHRF,
)
"""In the order of the tables."""
