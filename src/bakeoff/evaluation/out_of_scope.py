"""Texts that belong to no class: a threshold that tells them apart by confidence, and how well that works.

The confidence is the largest calibrated probability (Hendrycks and Gimpel 2017, "A baseline for detecting misclassified
and out-of-distribution examples in neural networks"), which every method has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.evaluation.intervals import Floats, holm, resampled_interval, resampled_p_value
from bakeoff.evaluation.roc import roc_auc
from bakeoff.evaluation.wording import level, listed, p_value, percent
from bakeoff.runs.results import (
    ContestantResult,
    Estimate,
    OutOfScope,
    OutOfScopeComparison,
    OutOfScopeDifference,
    RocPoint,
)

Bools = npt.NDArray[np.bool_]

COMPARED = ("auroc", "recall", "in_scope_accuracy", "joint_accuracy")
_POINTS = 100
_NUMBERS_PER_CHUNK = 1_000_000


def choose_threshold(in_scope: npt.ArrayLike, right: npt.ArrayLike, out_of_scope: npt.ArrayLike) -> float:
    """Return the confidence below which a text is taken for out of scope.

    It has the highest sum of two shares: of the texts of the classes that are answered and answered right, and of the
    other texts that are refused. Each kind weighs one half, however many texts there are of it. Of equal thresholds the
    lowest is chosen, halfway between two confidences; it refuses the fewest.

    Args:
        in_scope: Confidence in texts of the classes, of the validation split, shape (texts,).
        right: True where the predicted label is the true one, shape (texts,).
        out_of_scope: Confidence in texts that belong to no class, shape (other texts,).
    """
    inside, outside = np.asarray(in_scope, dtype=np.float64), np.sort(np.asarray(out_of_scope, dtype=np.float64))
    order = np.argsort(inside)
    ranked, hits = inside[order], np.append(0, np.cumsum(np.asarray(right, dtype=bool)[order]))
    levels = np.unique(np.concatenate([ranked, outside]))
    # Accuracy and recall, if all texts of a lower confidence than each level are refused.
    accuracy = (hits[-1] - hits[np.searchsorted(ranked, levels)]) / len(ranked)
    gained = accuracy + np.searchsorted(outside, levels) / len(outside)
    best = int(gained.argmax())
    return 0.0 if best == 0 else float((levels[best - 1] + levels[best]) / 2)


def scores_table(
    names: Sequence[str],
    labels: Sequence[str],
    predicted: Sequence[str],
    confidence: Floats,
    threshold: float,
    out_of_scope: str,
) -> pa.Table:
    """Return what out_of_scope.parquet holds: a row for each test text, those of no class included.

    Args:
        out_of_scope: The label of those.
    """
    return pa.table(
        {
            "document": list(names),
            "label": list(labels),
            "nearest": list(predicted),  # the label it has unless it is refused
            "confidence": confidence,
            "refused": confidence < threshold,
            "out_of_scope": [label == out_of_scope for label in labels],
        }
    )


def measure(
    table: pa.Table, label: str, threshold: float, chosen_on: int, *, confidence: float, resamples: int, seed: int
) -> OutOfScope:
    """Return how well a contestant tells the test texts apart that belong to no class.

    Intervals are bootstrapped: texts of either kind are drawn with replacement, as many as there are.

    Args:
        table: As `scores_table` returns it.
        chosen_on: Texts of no class that chose the threshold.
    """
    texts = _Texts.of(table)
    drawn, values = _resampled(texts, resamples, seed), _values(texts)
    units = min(texts.inside.size, texts.outside.size)

    def estimate(measure: str) -> Estimate | None:
        value, spread = values[measure], drawn[measure]
        if np.isnan(value):
            return None
        spread = spread[~np.isnan(spread)]
        if units < 2 or not spread.size:
            return Estimate(value=value)
        low, high = resampled_interval(spread, units, confidence)
        return Estimate(value=value, low=max(low, 0.0), high=min(high, 1.0))

    estimates = {name: estimate(name) for name in (*COMPARED, "precision")}
    return OutOfScope.model_validate(
        {
            "label": label,
            "threshold": threshold,
            "choosing_texts": chosen_on,
            "texts": int(texts.outside.size),
            "in_scope_texts": int(texts.inside.size),
            "in_scope_refused": float(texts.inside_refused.mean()),
            "roc": _roc(texts),
            **estimates,
        }
    )


@dataclass(frozen=True)
class _Texts:
    """Test texts: first the columns of those of the classes, then of the others."""

    names: list[str]  # of all
    inside: Floats  # confidence in texts of the classes, shape (texts,)
    right: Bools  # of these, answered, and answered right
    inside_refused: Bools
    outside: Floats  # confidence in texts of no class, shape (other texts,)
    outside_refused: Bools

    @classmethod
    def of(cls, table: pa.Table) -> _Texts:
        out, refused = table["out_of_scope"].to_numpy(), table["refused"].to_numpy()
        confidence = table["confidence"].to_numpy()
        right = np.asarray(table["label"].to_pylist()) == np.asarray(table["nearest"].to_pylist())
        return cls(
            table["document"].to_pylist(),
            confidence[~out],
            (right & ~refused)[~out],
            refused[~out],
            confidence[out],
            refused[out],
        )


def _values(texts: _Texts) -> dict[str, float]:
    inside, outside = np.arange(texts.inside.size)[None], np.arange(texts.outside.size)[None]
    values = {name: float(drawn[0]) for name, drawn in _measures(texts, inside, outside).items()}
    labels = np.repeat([True, False], [texts.inside.size, texts.outside.size])
    area = roc_auc(labels, np.concatenate([texts.inside, texts.outside]), 0.95)
    assert area is not None  # both kinds have texts
    return {**values, "auroc": area.value}


def _measures(texts: _Texts, inside: npt.NDArray[np.integer], outside: npt.NDArray[np.integer]) -> dict[str, Floats]:
    """Return measures of drawn texts, shape (resamples,), from their rows, shape (resamples, texts of a kind)."""
    right = texts.right[inside].sum(axis=1)
    false, found = texts.inside_refused[inside].sum(axis=1), texts.outside_refused[outside].sum(axis=1)
    with np.errstate(invalid="ignore"):  # not a number where nothing was refused
        precision = found / (found + false)
    return {
        "recall": found / texts.outside.size,
        "precision": precision,
        "in_scope_accuracy": right / texts.inside.size,
        "joint_accuracy": (right + found) / (texts.inside.size + texts.outside.size),
    }


def _resampled(texts: _Texts, resamples: int, seed: int) -> dict[str, Floats]:
    """Return each measure in every resample; the same resamples for every contestant with the same texts."""
    levels = np.unique(np.concatenate([texts.inside, texts.outside]))
    inside, outside = (np.searchsorted(levels, values) for values in (texts.inside, texts.outside))
    parts: dict[str, list[Floats]] = {}
    random = np.random.default_rng(seed)
    at_once = max(1, _NUMBERS_PER_CHUNK // (inside.size + outside.size))
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        first = random.integers(inside.size, size=(size, inside.size), dtype=np.int32)
        second = random.integers(outside.size, size=(size, outside.size), dtype=np.int32)
        drawn = _measures(texts, first, second)
        drawn["auroc"] = _areas(inside[first], outside[second], len(levels))
        for name, values in drawn.items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def _areas(above: npt.NDArray[np.integer], below: npt.NDArray[np.integer], levels: int) -> Floats:
    """Return the area under the ROC curve of each resample, from the levels of its texts' confidences."""
    resamples = len(above)
    offsets = (np.arange(resamples) * levels)[:, None]

    def counts(drawn: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        return np.bincount((drawn + offsets).ravel(), minlength=resamples * levels).reshape(resamples, levels)

    higher, lower = counts(above), counts(below)
    wins = (higher * (np.cumsum(lower, axis=1) - lower / 2)).sum(axis=1)  # a tie counts half
    return np.asarray(wins / (above.shape[1] * below.shape[1]), dtype=np.float64)


def _roc(texts: _Texts) -> list[RocPoint]:
    """Return at most about 100 points of the curve: shares of both kinds that are refused, for rising thresholds."""
    levels = np.unique(np.concatenate([texts.inside, texts.outside]))
    levels = np.append(levels[np.unique(np.linspace(0, len(levels) - 1, _POINTS).astype(int))], np.inf)
    inside, outside = np.sort(texts.inside), np.sort(texts.outside)
    wrongly = np.searchsorted(inside, levels) / inside.size
    rightly = np.searchsorted(outside, levels) / outside.size
    return [RocPoint(in_scope=float(x), out_of_scope=float(y)) for x, y in zip(wrongly, rightly, strict=True)]


def compare_out_of_scope(
    best: str, tables: Mapping[str, pa.Table], *, confidence: float, resamples: int, seed: int
) -> list[OutOfScopeComparison]:
    """Compare a contestant with all others on the same texts, which are drawn for both alike.

    The p-values of each measure are corrected for the number of comparisons (Holm 1979).

    Args:
        tables: As `scores_table` returns them, by contestant.

    Raises:
        ValueError: two contestants were not evaluated on the same texts.
    """
    if best not in tables:
        return []
    texts = {name: _Texts.of(table) for name, table in tables.items()}
    if any(each.names != texts[best].names for each in texts.values()):
        raise ValueError("the contestants were not evaluated on the same out-of-scope texts")
    units = min(texts[best].inside.size, texts[best].outside.size)
    others = [name for name in tables if name != best]
    if units < 2 or not others:
        return []
    drawn = {name: _resampled(each, resamples, seed) for name, each in texts.items()}
    values = {name: _values(each) for name, each in texts.items()}
    differences: dict[str, dict[str, OutOfScopeDifference]] = {other: {} for other in others}
    for measure in COMPARED:
        spreads = [drawn[best][measure] - drawn[other][measure] for other in others]
        p_values = [resampled_p_value(spread, units) for spread in spreads]
        for other, spread, p, corrected in zip(others, spreads, p_values, holm(p_values), strict=True):
            low, high = resampled_interval(spread, units, confidence)
            differences[other][measure] = OutOfScopeDifference(
                value=values[best][measure] - values[other][measure],
                low=low,
                high=high,
                p_value=p,
                corrected_p_value=corrected,
                distinguishable=not low <= 0 <= high and corrected < 1 - confidence,
            )
    return [OutOfScopeComparison(first=best, second=other, differences=differences[other]) for other in others]


def out_of_scope_sentences(
    results: Sequence[ContestantResult], comparisons: Sequence[OutOfScopeComparison], confidence: float
) -> list[str]:
    """Say who tells the texts of no class apart best, and by how much.

    Args:
        comparisons: Of the contestant with the largest area under the ROC curve with the others.
    """
    judged = [(result, result.out_of_scope) for result in results if result.out_of_scope]
    if not judged:
        return []
    result, best = max(judged, key=lambda pair: pair[1].auroc.value)
    said = (
        f"Out of scope ('{best.label}', {best.texts:,} texts): {result.name} tells them apart "
        f"{'best' if len(judged) > 1 else 'so'}: AUROC {_shown(best.auroc, lambda value: f'{value:.3f}')}. At its "
        f"threshold it refuses {_shown(best.recall, percent)} of them, answers "
        f"{_shown(best.in_scope_accuracy, percent)} of the other texts right, and is right about "
        f"{_shown(best.joint_accuracy, percent)} of all ({level(confidence)} intervals)."
    )
    words = [said]
    for pair in comparisons:
        gap = pair.differences["auroc"]
        words.append(
            f"Out of scope: the AUROC of {pair.first} is {gap.value:.3f} higher than that of {pair.second} "
            f"({level(confidence)} interval {gap.low:.3f} to {gap.high:.3f}, corrected p "
            f"{p_value(gap.corrected_p_value)})"
            + ("." if gap.distinguishable else ": no more than chance can explain.")
        )
    if missing := [other.name for other in results if other.out_of_scope is None]:
        words.append(f"{listed(missing)} could not be asked about these texts.")
    return words


def _shown(estimate: Estimate, show: Callable[[float], str]) -> str:
    if estimate.low is None or estimate.high is None:
        return show(estimate.value)
    return f"{show(estimate.value)} ({show(estimate.low)} to {show(estimate.high)})"


def leader(results: Sequence[ContestantResult]) -> str | None:
    """Return the contestant with the largest area under the ROC curve; None where nothing was measured."""
    judged = [(result.name, result.out_of_scope) for result in results if result.out_of_scope]
    return max(judged, key=lambda pair: pair[1].auroc.value)[0] if judged else None
