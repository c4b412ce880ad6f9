"""Confidence intervals and paired comparisons. `docs/explanation/statistics.md` explains the choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

# Resamples are drawn in chunks of about this many numbers (32 MB), whatever the number of units.
_NUMBERS_PER_CHUNK = 4_000_000

# A spread of at most this share of the mean is rounding: the units differ alike.
_ALIKE = 1e-12


def wilson(successes: int, total: int, confidence: float) -> Interval:
    """Return the interval of a share of successes (Wilson 1927), such as an accuracy. It never leaves [0, 1].

    Raises:
        ValueError: `total` is 0, or `successes` is not between 0 and `total`.
    """
    if total < 1:
        raise ValueError("an interval of a share needs at least one case")
    interval = stats.binomtest(successes, total).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap_ratio(
    numerators: npt.ArrayLike, denominators: npt.ArrayLike, *, confidence: float, resamples: int, seed: int
) -> Interval | None:
    """Return a bootstrap interval of sum(numerators) / sum(denominators) (Efron 1979, percentiles of Hesterberg 2015).

    Units are drawn with replacement, so tokens inside a unit may depend on each other. With losses in nats over
    predicted tokens this is the interval of the loss per token; exp of both ends is that of the perplexity.

    Args:
        numerators: One number per unit, shape (units,).
        denominators: The units' weights, at least 0, shape (units,). Units of weight 0 are left out.

    Returns:
        Both ends, or None where fewer than two units have weight: one unit says nothing about the spread.
    """
    above = np.asarray(numerators, dtype=np.float64)
    resampled = _resampled_ratios(above, np.asarray(denominators, dtype=np.float64), resamples, seed)
    return None if resampled is None else resampled_interval(*resampled, confidence)


def paired_bootstrap_ratio(
    numerators_a: npt.ArrayLike,
    numerators_b: npt.ArrayLike,
    denominators: npt.ArrayLike,
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> tuple[Interval, float] | None:
    """Return the interval of the difference of two ratios, a minus b, measured on the same units, and its p-value.

    Both values of a unit are drawn together (Koehn 2004), so its difficulty for both cancels out.
    Arguments as in `bootstrap_ratio`; None where fewer than two units have weight.
    """
    difference = np.asarray(numerators_a, dtype=np.float64) - np.asarray(numerators_b, dtype=np.float64)
    resampled = _resampled_ratios(difference, np.asarray(denominators, dtype=np.float64), resamples, seed)
    return None if resampled is None else (resampled_interval(*resampled, confidence), resampled_p_value(*resampled))


def crossed_interval(
    values: npt.ArrayLike, weights: npt.ArrayLike, *, confidence: float, widening: float = 1.0
) -> Interval | None:
    """Return the interval of a mean over seeds and units, both of them sampled: Student's t of Satterthwaite (1946).

    The variance of the mean is the sum of the contributions of seeds and units, each estimated from its own means; the
    degrees of freedom are mostly those of the larger contribution. The interval holds whichever that is, unlike a
    bootstrap over seeds, which is too narrow for a few of them (Sellam et al. 2022 have one for dozens).

    Args:
        values: One number (or paired difference) per seed and unit, shape (seeds, units), at least two seeds.
        weights: The units' weights, at least 0, shape (units,). The metric is sum(values) / sum(weights), by seed.
        widening: Multiplies the standard deviation that comes from the units.

    Returns:
        Both ends, or None where fewer than two units have weight.
    """
    found = _crossed(values, weights, widening)
    if found is None:
        return None
    center, deviation, freedom = found
    half = float(stats.t.isf((1 - confidence) / 2, freedom) * deviation) if deviation else 0.0
    return center - half, center + half


def crossed_p_value(values: npt.ArrayLike, weights: npt.ArrayLike, *, widening: float = 1.0) -> float:
    """Return the two-sided p-value that the mean of `crossed_interval` is 0: its interval of level 1 - p ends at 0.

    Arguments as there, at least two units with weight.
    """
    found = _crossed(values, weights, widening)
    if found is None:
        raise ValueError("a p-value needs at least two units")
    center, deviation, freedom = found
    if deviation <= _ALIKE * abs(center):
        return _sign_test(int((np.asarray(weights) > 0).sum())) if center else 1.0
    return float(2 * stats.t.sf(abs(center) / deviation, freedom))


def _crossed(values: npt.ArrayLike, weights: npt.ArrayLike, widening: float) -> tuple[float, float, float] | None:
    """Return the mean, its standard deviation and its degrees of freedom."""
    below = np.asarray(weights, dtype=np.float64)
    above = np.asarray(values, dtype=np.float64)[:, below > 0]
    below = below[below > 0]
    seeds, units = above.shape
    if units < 2:
        return None
    by_seed = above.sum(axis=1) / below.sum()
    center = float(by_seed.mean())
    deviations = (above.mean(axis=0) - center * below) / below.mean()  # of a ratio, to first order
    parts = np.array([by_seed.var(ddof=1) / seeds, widening**2 * deviations.var(ddof=1) / units])
    if not parts.any():
        return center, 0.0, 1.0
    freedom = parts.sum() ** 2 / (parts**2 / [seeds - 1, units - 1]).sum()
    return center, math.sqrt(parts.sum()), float(freedom)


def bootstrap_metric(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    metric: Callable[[npt.NDArray[np.int64]], Floats],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> Interval:
    """Return a bootstrap interval of a metric that is a function of the confusion matrix, such as macro-F1.

    Drawing n texts with replacement changes only the counts of the confusion matrix, so the counts are drawn directly
    from the multinomial distribution: the same result, without the texts.

    Args:
        labels, predictions: Class indices from 0, shape (texts,).
        metric: Takes confusion matrices of shape (resamples, classes, classes), true classes in rows, and returns
            one value each, e.g. `bakeoff.evaluation.classification.macro_f1_of_counts`.

    Raises:
        ValueError: There are no texts, or the lengths differ.
    """
    rows, columns = np.asarray(labels, dtype=np.int64), np.asarray(predictions, dtype=np.int64)
    if rows.shape != columns.shape or rows.size == 0:
        raise ValueError("labels and predictions must have the same length, at least 1")
    classes = int(max(rows.max(), columns.max())) + 1
    cells, counts = np.unique(rows * classes + columns, return_counts=True)
    random = np.random.default_rng(seed)
    values = []
    for size in chunks(resamples, classes * classes):
        drawn = np.zeros((size, classes * classes), dtype=np.int64)
        drawn[:, cells] = random.multinomial(rows.size, counts / rows.size, size=size)
        values.append(metric(drawn.reshape(size, classes, classes)))
    return resampled_interval(np.concatenate(values), rows.size, confidence)


def paired_bootstrap_metric(
    labels: npt.ArrayLike,
    predictions_a: npt.ArrayLike,
    predictions_b: npt.ArrayLike,
    metric: Callable[[npt.NDArray[np.int64]], Floats],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> tuple[Interval, float] | None:
    """Return the interval of the difference of a metric of two classifiers, a minus b, on the same texts, and its p.

    Triples of true label and both predictions are drawn, so both confusion matrices come from the same texts.
    Arguments as in `bootstrap_metric`; None where there are fewer than two texts.
    """
    rows, a, b = (np.asarray(column, dtype=np.int64) for column in (labels, predictions_a, predictions_b))
    if not rows.shape == a.shape == b.shape:
        raise ValueError("labels and predictions must have the same length")
    if rows.size < 2:
        return None
    classes = int(max(rows.max(), a.max(), b.max())) + 1
    triples, counts = np.unique(np.stack([rows, a, b]), axis=1, return_counts=True)
    random = np.random.default_rng(seed)
    values = []
    for size in chunks(resamples, 2 * classes * classes + counts.size):
        drawn = random.multinomial(rows.size, counts / rows.size, size=size)
        matrices = np.zeros((2, size, classes, classes), dtype=np.int64)
        for (label, guess_a, guess_b), times in zip(triples.T, drawn.T, strict=True):
            matrices[0, :, label, guess_a] += times
            matrices[1, :, label, guess_b] += times
        values.append(metric(matrices[0]) - metric(matrices[1]))
    differences = np.concatenate(values)
    return resampled_interval(differences, rows.size, confidence), resampled_p_value(differences, rows.size)


def bootstrap_sums(
    columns: npt.NDArray[np.bool_],
    metric: Callable[[Floats], Floats],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> Interval:
    """Return a bootstrap interval of a metric that is a function of counts of texts, such as the F1 of several labels.

    Args:
        columns: Whether each text is counted in each column, shape (texts, columns), at least one text.
        metric: Takes sums over texts, shape (resamples, columns), and returns one value each.
    """
    return resampled_interval(_resampled_metric(columns, metric, resamples, seed), len(columns), confidence)


def paired_bootstrap_sums(
    columns: npt.NDArray[np.bool_],
    difference: Callable[[Floats], Floats],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> tuple[Interval, float] | None:
    """Return the interval of a difference of two such metrics on the same texts, and its p-value.

    Arguments as in `bootstrap_sums`, with the columns of both contestants; None where there are fewer than two texts.
    """
    texts = len(columns)
    if texts < 2:
        return None
    values = _resampled_metric(columns, difference, resamples, seed)
    return resampled_interval(values, texts, confidence), resampled_p_value(values, texts)


def _resampled_metric(
    columns: npt.NDArray[np.bool_], metric: Callable[[Floats], Floats], resamples: int, seed: int
) -> Floats:
    from scipy.sparse import csr_matrix  # here, because only several labels need it

    # Texts that count alike are drawn together.
    _, first, times = np.unique(np.packbits(columns, axis=1), axis=0, return_index=True, return_counts=True)
    kinds = csr_matrix(columns[first].T.astype(np.float64))
    return np.concatenate([metric((kinds @ counts.T).T) for counts in resample_counts(times, resamples, seed)])


def mcnemar(correct_a: npt.ArrayLike, correct_b: npt.ArrayLike) -> float:
    """Return the exact two-sided p-value of McNemar's test (1947) that a and b are right equally often.

    Only texts that exactly one of the two gets right count; without a difference each gets half of them.

    Args:
        correct_a, correct_b: True where a text was classified correctly, shape (texts,), the same texts in both.
    """
    a, b = np.asarray(correct_a, dtype=bool), np.asarray(correct_b, dtype=bool)
    if a.shape != b.shape:
        raise ValueError("a paired test needs the same texts for both classifiers")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    if only_a + only_b == 0:
        return 1.0
    return float(stats.binomtest(only_a, only_a + only_b, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the same order (Holm 1979).

    Whatever depends on whatever, the chance that any true null hypothesis has a corrected p-value below 0.05 is at most
    0.05.
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = highest
    return corrected


def _resampled_ratios(numerators: Floats, denominators: Floats, resamples: int, seed: int) -> tuple[Floats, int] | None:
    """Return the ratio in every resample, and the number of units; None where fewer than two have weight."""
    if numerators.shape != denominators.shape or numerators.ndim != 1:
        raise ValueError("numerators and denominators must be two lists of the same length")
    if (denominators < 0).any():
        raise ValueError("weights of units must not be negative")
    weighing = denominators > 0
    above, below = numerators[weighing], denominators[weighing]
    units = above.size
    if units < 2:
        return None
    ratios = [above[drawn].sum(axis=1) / below[drawn].sum(axis=1) for drawn in resampled_rows(units, resamples, seed)]
    return np.concatenate(ratios), units


def resampled_rows(units: int, resamples: int, seed: int) -> Iterator[npt.NDArray[np.int32]]:
    """Yield row indices drawn with replacement, in chunks of shape (some of the resamples, units)."""
    random = np.random.default_rng(seed)
    for size in chunks(resamples, units):
        yield random.integers(units, size=(size, units), dtype=np.int32)


def resample_counts(times: npt.ArrayLike, resamples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield how often each kind of unit is drawn, in chunks of shape (some of the resamples, kinds).

    Args:
        times: How many units there are of each kind, shape (kinds,); as many are drawn in every resample.
    """
    kinds = np.asarray(times, dtype=np.int64)
    random = np.random.default_rng(seed)
    for size in chunks(resamples, kinds.size):
        yield random.multinomial(kinds.sum(), kinds / kinds.sum(), size=size)


def chunks(resamples: int, numbers_per_resample: int) -> Iterator[int]:
    """Yield chunk sizes that add up to `resamples`, so that a chunk takes little memory."""
    at_once = max(1, _NUMBERS_PER_CHUNK // numbers_per_resample)
    for start in range(0, resamples, at_once):
        yield min(at_once, resamples - start)


def resampled_interval(values: Floats, units: int, confidence: float) -> Interval:
    """Return the ends of the interval among resampled values.

    The plain percentiles are too narrow for few units, as a normal interval without Student's t would be. The tail is
    shrunk by what Student's t and the missing n / (n - 1) ask for (Hesterberg 2015, "expanded percentile interval").
    """
    tail = float(stats.norm.sf(_expansion(units) * stats.t.isf((1 - confidence) / 2, max(units - 1, 1))))
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def resampled_p_value(differences: Floats, units: int) -> float:
    """Return the two-sided p-value that belongs to `resampled_interval`: the interval of level 1 - p ends at 0.

    Where no resample reaches 0, their number says little about p, and a normal distribution of them says more. Where
    all are equal, there is no spread to learn from: two units that differ alike would be certainty.
    """
    beyond = int(min((differences <= 0).sum(), (differences >= 0).sum()))
    tail = (beyond + 1) / (differences.size + 1)  # Davison and Hinkley 1997
    if beyond == 0:
        center, spread = abs(float(differences.mean())), float(differences.std())
        if spread <= _ALIKE * center:
            return _sign_test(units)
        tail = min(tail, float(stats.norm.sf(center / spread)))
    return min(1.0, 2 * float(stats.t.sf(stats.norm.isf(tail) / _expansion(units), max(units - 1, 1))))


def _sign_test(units: int) -> float:
    """Return the two-sided p-value of units that all differ in the same direction."""
    return 0.5 ** (units - 1)


def _expansion(units: int) -> float:
    return math.sqrt(units / (units - 1)) if units > 1 else 1.0
