"""Tokens are a language model's units: words, subwords or characters.

**Measured:** the same small transformer, trained on the same text (read equally often, so that it sees more tokens of
the shorter units), with characters, subwords and words as its units; and bakeoff's `lstm` as a classifier of the
packaged sentences with each of the three. Losses are in bits per byte of the test text, which do not depend on the
unit. A unit that is not in the vocabulary also costs the bits of spelling it, byte by byte by their frequency:
otherwise the vocabulary that knows least would look best.

**Rule:** the statement holds if, with every unit, the language model beats one that only knows how frequent its units
are (paired by document, by an interval), and the classifier beats the share of the larger class, by an interval. It
depends if only some of these six are so, and does not hold if none is. Which unit is best is in the tables and
decides nothing.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import bakeoff
from experiments.shared import Gap, Result, SizeName, Table, Verdict, new_figure, paired_gap, plot_gaps
from experiments.small_transformer import CONTEXT, document_losses, train
from experiments.texts import (
    UNITS,
    UNKNOWN,
    Unit,
    beginnings,
    bits,
    build_encoder,
    first_characters,
    unigram_losses,
    wikitext,
)

ROWS = 8


@dataclass(frozen=True)
class Size:
    characters: int  # of training text
    read: int  # characters that the language model reads
    test_documents: int
    test_characters: int  # of each document, from its beginning
    seeds: tuple[int, ...]
    sentences: int
    epochs: int
    subwords: int = 1000


SIZES: dict[SizeName, Size] = {
    "tiny": Size(10_000, 2_000, 4, 500, (12,), 60, 1, 300),
    "quick": Size(300_000, 300_000, 60, 1500, (12,), 3000, 2),
    "full": Size(1_000_000, 1_000_000, 100, 5000, (12, 13, 14), 10_662, 3),
}


@dataclass(frozen=True)
class Modeling:
    """A language model on one unit."""

    vocabulary: int
    unknown: float  # share of the test text's tokens
    bytes_per_token: float
    nats: np.ndarray  # of every seed and test document, with spelling
    context_free: np.ndarray  # the same of a model that only knows frequencies, by document
    seconds: float


@dataclass(frozen=True)
class Classifying:
    """A classifier on one unit."""

    accuracy: float
    low: float
    high: float
    seconds: float


def decide(gains: Mapping[Unit, Gap], classifiers: Mapping[Unit, Classifying], majority: float) -> tuple[Verdict, str]:
    """Apply the rule.

    Args:
        gains: Loss of the language model minus that without context, in nats per byte.
        majority: Accuracy of always answering the larger class.
    """
    learned = [gains[unit].below for unit in UNITS] + [classifiers[unit].low > majority for unit in UNITS]
    said = "; ".join(
        f"{unit}: {bits(gains[unit].value):+.2f} bits per byte against frequencies alone, accuracy "
        f"{classifiers[unit].accuracy:.3f}"
        for unit in UNITS
    )
    said = said[0].upper() + said[1:] + f" (the larger class: {majority:.3f})."
    return ("holds" if all(learned) else "depends" if any(learned) else "does not hold"), said


def model_text(unit: Unit, size: Size) -> Modeling:
    """Train the language model on one unit and score the test documents."""
    training, test = wikitext()
    training = first_characters(training, size.characters)
    test = beginnings(test, size.test_documents, size.test_characters)
    encoder = build_encoder(unit, training, size.subwords)
    ids = [encoder.encode(text)[0] for text in training]
    encoded = [encoder.encode(text) for text in test]
    test_ids, spelled = [numbers for numbers, _ in encoded], np.array([nats for _, nats in encoded])
    tokens = sum(map(len, ids)) * size.read / sum(map(len, training))
    steps = max(1, round(tokens / (ROWS * CONTEXT)))
    started = time.perf_counter()
    models = [train(encoder.vocabulary, ids, "added", steps=steps, seed=seed, rows=ROWS) for seed in size.seeds]
    seconds = (time.perf_counter() - started) / len(size.seeds)
    alone = unigram_losses(ids, encoder.vocabulary)
    test_tokens = sum(len(numbers) - 1 for numbers in test_ids)
    return Modeling(
        encoder.vocabulary,
        sum(numbers.count(UNKNOWN) for numbers in test_ids) / test_tokens,
        sum(len(text.encode()) for text in test) / test_tokens,
        np.array([document_losses(model, test_ids) + spelled for model in models]),
        np.array([alone[numbers[1:]].sum() for numbers in test_ids]) + spelled,
        seconds,
    )


def classify(size: Size) -> tuple[dict[Unit, Classifying], float]:
    """Let bakeoff's `lstm` compete with itself on three units; return the answers and the majority's accuracy."""
    contestants: dict[str, Any] = {unit: {"method": "lstm", "vocabulary": {"units": unit}} for unit in UNITS}
    config = {
        "task": "classification",
        "data": {"table": "sentence-polarity", "rows": size.sentences},
        "budget": {"epochs": size.epochs},
        "contestants": {"majority": {}, **contestants},
        "seed": 12,
    }
    with tempfile.TemporaryDirectory() as folder:
        results = bakeoff.run(config, Path(folder) / "run").results
    accuracies = {result.name: result.metrics[0] for result in results}
    seconds = {result.name: result.training.seconds for result in results}
    found: dict[Unit, Classifying] = {}
    for unit in UNITS:
        metric = accuracies[unit]
        assert metric.low is not None
        assert metric.high is not None
        found[unit] = Classifying(metric.value, metric.low, metric.high, seconds[unit])
    return found, accuracies["majority"].value


def run(name: SizeName) -> Result:
    size = SIZES[name]
    _, test = wikitext()
    test = beginnings(test, size.test_documents, size.test_characters)
    weights = np.array([len(text.encode()) for text in test])
    found = {unit: model_text(unit, size) for unit in UNITS}
    gains = {
        unit: paired_gap(one.nats, np.broadcast_to(one.context_free, one.nats.shape), weights)
        for unit, one in found.items()
    }
    against = {
        f"{unit} - subwords": paired_gap(one.nats / math.log(2), found["subwords"].nats / math.log(2), weights)
        for unit, one in found.items()
        if unit != "subwords"
    }
    classifiers, majority = classify(size)
    verdict, reason = decide(gains, classifiers, majority)

    rows = [
        [
            unit,
            f"{one.vocabulary:,}",
            f"{one.unknown:.2%}",
            f"{one.bytes_per_token:.2f}",
            f"{bits(float(one.nats.sum(axis=1).mean() / weights.sum())):.3f}",
            f"{bits(float(one.context_free.sum() / weights.sum())):.3f}",
            f"{one.seconds:.1f}",
        ]
        for unit, one in found.items()
    ]
    answers = [
        [unit, f"{one.accuracy:.4f}", f"{one.low:.4f} to {one.high:.4f}", f"{one.seconds:.1f}"]
        for unit, one in classifiers.items()
    ]
    figure, axes = new_figure()
    plot_gaps(axes[0], against, "bits per byte")
    return Result(
        verdict,
        reason,
        [
            Table(
                f"Language models, {len(weights)} test documents, {len(size.seeds)} seed{'s' * (len(size.seeds) > 1)}",
                ["unit", "vocabulary", "unknown", "bytes per token", "bits per byte", "frequencies alone", "seconds"],
                rows,
            ),
            Table(
                "Differences in bits per byte", ["units", "difference"], [[k, str(gap)] for k, gap in against.items()]
            ),
            Table("Classifiers", ["unit", "accuracy", "95% interval", "seconds"], answers),
        ],
        figure,
        "Differences of the language models in bits per byte, with 95% intervals.",
    )
