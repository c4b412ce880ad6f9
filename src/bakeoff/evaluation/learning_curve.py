"""Learning curves: the deciding metric by training rows, where contestants overtake, and what more rows would bring."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.evaluation.comparisons import compare, corrected
from bakeoff.evaluation.crossings import interval_of_place, places
from bakeoff.evaluation.metrics import Draws, Metric, get_metric, metric_name
from bakeoff.evaluation.power_law import TYPICAL_NOISE, extrapolate
from bakeoff.evaluation.wording import count, level, listed, number
from bakeoff.runs.findings import Crossing, Forecast, LearningCurve, LearningCurveLine, LearningCurvePoint
from bakeoff.runs.results import Comparison, ContestantResult

FEWEST_ROWS = 5
"""Training rows per class from which a point counts for a forecast: below, a curve has not taken its shape yet."""


@dataclass(frozen=True)
class Sized:
    """A contestant that was trained on some of the training rows, or on all of them."""

    rows: int
    result: ContestantResult  # the mean where there are several seeds
    scores: Sequence[pa.Table]  # scores.parquet, one per seed


def learning_curve(
    ranked: Sequence[ContestantResult],
    sized: Mapping[str, Sequence[Sized]],
    comparisons: Sequence[Comparison],
    draws: Draws,
) -> LearningCurve | None:
    """Return the curves of all contestants, where the best overtakes others, and forecasts for twice the rows.

    The best is compared with the others on the same test texts at every size; these p-values are corrected for their
    number (Holm 1979), apart from those of the verdict.

    Args:
        ranked: The contestants, best first.
        sized: Their trainings by ascending rows, the last one on all.
        comparisons: Those of the verdict, on all rows.

    Returns:
        None where nothing was trained on a part of the rows.
    """
    if max(map(len, sized.values()), default=0) < 2:
        return None
    best, *others = ranked
    lines = [_line(sized[result.name], draws.confidence) for result in ranked]
    pairs = [
        (mine.rows, compared)
        for other in others
        for mine, its in _both(sized[best.name][:-1], sized[other.name][:-1])
        if (compared := compare(mine.result, its.result, {best.name: mine.scores, other.name: its.scores}, draws))
    ]
    all_rows = sized[best.name][-1].rows
    told = corrected([compared for _, compared in pairs], draws.confidence)
    by_other: dict[str, list[tuple[int, Comparison]]] = {other.name: [] for other in others}
    for (rows, _), compared in zip(pairs, told, strict=True):
        by_other[compared.worse].append((rows, compared))
    for compared in comparisons:
        by_other[compared.worse].append((all_rows, compared))
    sign = 1 if best.metrics[0].higher_is_better else -1
    crossings = [
        _with_interval(crossing, _both(sized[best.name], sized[name]), draws)
        for name, points in by_other.items()
        if (crossing := _crossing(points, sign))
    ]
    found = LearningCurve(metric=best.metrics[0].name, lines=lines, crossings=crossings)
    alike = [name for name, points in by_other.items() if not all(pair.distinguishable for _, pair in points)]
    common = {each.rows for each in sized[best.name]}
    for points in by_other.values():
        common &= {rows for rows, _ in points}
    return found.model_copy(update={"sentences": _sentences(found, best, common, alike, draws.confidence)})


def _both(mine: Sequence[Sized], its: Sequence[Sized]) -> list[tuple[Sized, Sized]]:
    """Return the sizes that both contestants have a result for."""
    by_rows = {each.rows: each for each in its}
    return [(each, by_rows[each.rows]) for each in mine if each.rows in by_rows]


def _line(sized: Sequence[Sized], confidence: float) -> LearningCurveLine:
    points = []
    for each in sized:
        metric = each.result.metrics[0]
        seconds = each.result.training.seconds
        points.append(
            LearningCurvePoint(rows=each.rows, value=metric.value, low=metric.low, high=metric.high, seconds=seconds)
        )
    forecast = _forecast(sized, confidence)
    name = sized[-1].result.name
    if isinstance(forecast, Forecast):
        return LearningCurveLine(name=name, points=points, forecast=forecast)
    return LearningCurveLine(name=name, points=points, no_forecast=forecast)


def _forecast(sized: Sequence[Sized], confidence: float) -> Forecast | str:
    """Return what twice the rows would bring, or why that is not known."""
    last = sized[-1]
    deciding = last.result.metrics[0]
    metric = get_metric(deciding.name)
    if len(sized) < 2:
        return "it has no result with fewer rows"
    if all(each.result is last.result for each in sized):
        return "it does not learn from training rows"
    classes = len(last.result.classes)
    used = [each for each in sized if each.rows >= FEWEST_ROWS * classes]
    if len(used) < 2:
        return f"fewer than two sizes have {FEWEST_ROWS} rows per class"
    if metric.units is None:
        return f"{metric.title} is no mean over texts"
    values = _values(metric, used)
    texts = values.shape[1]
    sign = -1 if deciding.higher_is_better else 1
    perfect = metric.bounds[1] if deciding.higher_is_better else metric.bounds[0]
    errors = [sign * (each.result.metrics[0].value - perfect) for each in used]
    if texts < 2:
        return "there is only one test text"
    if not math.isfinite(perfect):
        return f"{metric.title} has no best value"
    if min(errors) <= 0:
        return "a result is perfect already"
    found = extrapolate(
        [each.rows for each in used],
        errors,
        np.cov(values) / texts,
        float(np.var(values[-1] - values[-2], ddof=1)) / texts,
        2 * last.rows,
        confidence=confidence,
    )

    def ends(interval: tuple[float, float]) -> tuple[float, float]:
        low, high = sorted(perfect + sign * end for end in interval)
        return max(low, metric.bounds[0]), min(high, metric.bounds[1])

    value = perfect + sign * max(found.error, 0.0)
    low, high = ends(found.interval)
    measured_low, measured_high = ends(found.measured)
    return Forecast(
        rows=2 * last.rows,
        value=value,
        low=low,
        high=high,
        confidence=confidence,
        change=value - deciding.value,
        change_low=measured_low - deciding.value,
        change_high=measured_high - deciding.value,
    )


def _values(metric: Metric, sized: Sequence[Sized]) -> npt.NDArray[np.float64]:
    """Return the value of each text at each size, a mean over seeds, shape (sizes, texts)."""
    assert metric.units is not None
    protocol = sized[0].result.metrics[0].protocol
    return np.stack(
        [np.mean([metric.units(table, protocol).values for table in each.scores], axis=0) for each in sized]
    )


def _crossing(points: Sequence[tuple[int, Comparison]], sign: int) -> Crossing | None:
    """Return where the best overtakes another contestant, or None if it leads at every size.

    Args:
        points: By ascending rows, the best one minus the other one.
        sign: 1 where higher values are better, else -1.
    """
    leads = [sign * compared.difference for _, compared in points]
    behind = max((index for index, lead in enumerate(leads) if lead < 0), default=None)
    if behind is None or behind == len(points) - 1:
        return None
    last, first = points[behind][1], points[behind + 1][1]
    (rows,) = places([size for size, _ in points], leads)
    told = [(size, sign * compared.difference > 0) for size, compared in points if compared.distinguishable]
    return Crossing(
        below=last.worse,
        above=first.better,
        rows=round(rows),
        told_below=[size for size, ahead in told if not ahead],
        told_above=[size for size, ahead in told if ahead],
    )


def _with_interval(crossing: Crossing, both: Sequence[tuple[Sized, Sized]], draws: Draws) -> Crossing:
    """Add where else the lines may cross: with other test texts, and other trainings of as many rows.

    Args:
        both: The best and the other contestant by ascending rows.
    """
    deciding = both[0][0].result.metrics[0]
    metric = get_metric(deciding.name)
    if metric.units is None:
        return crossing
    sign = 1 if deciding.higher_is_better else -1
    mine, its = ([pair[index] for pair in both] for index in (0, 1))
    leads = sign * (_values(metric, mine) - _values(metric, its))
    trainings = [_training_variance(one, metric, mine) + _training_variance(other, metric, its) for one, other in both]
    covariance = np.cov(leads) / leads.shape[1] + np.diag(trainings)
    rows = [each.rows for each in mine]
    found = interval_of_place(rows, leads.mean(axis=1), covariance, draws)
    return crossing.model_copy(update={"interval": found})


def _training_variance(sized: Sized, metric: Metric, line: Sequence[Sized]) -> float:
    """Return the variance of a metric from one training on as many rows to another, as it usually is."""
    deciding = sized.result.metrics[0]
    perfect = metric.bounds[1 if deciding.higher_is_better else 0]
    if not math.isfinite(perfect) or all(each.result is line[-1].result for each in line):
        return 0.0  # no telling, or it does not learn
    return (TYPICAL_NOISE * (deciding.value - perfect)) ** 2 / max(sized.rows, 1) / len(sized.scores)


def _sentences(
    curve: LearningCurve, best: ContestantResult, common: Set[int], alike: Sequence[str], confidence: float
) -> list[str]:
    """Put the crossings and the forecast of the best contestant into words.

    Args:
        common: The training rows with which it was compared with all others.
        alike: The contestants that it is not told apart from at some size.
    """
    sizes = [point.rows for point in curve.lines[0].points]
    words = [_overtaken(crossing, sizes, confidence) for crossing in curve.crossings if crossing.told_below]
    vague = [crossing.below for crossing in curve.crossings if not crossing.told_below]
    if vague:
        was, are = ("was", "is") if len(vague) == 1 else ("were", "are")
        words.append(
            f"{listed(vague)} {was} ahead of {best.name} with fewer training rows, but {are} not told apart from it "
            f"there: {'that' if len(vague) == 1 else 'each'} may be chance."
        )
    if len(curve.lines) > 1 and not curve.crossings and len(common) > 1:
        but = f", though it is not told apart from {listed(list(alike))} at each of them" if alike else ""
        numbers = listed([count(rows) for rows in sorted(common)])
        every = f"every number of training rows ({numbers})" if common == set(sizes) else f"{numbers} training rows"
        words.append(f"{best.name} leads with {every}{but}.")
    return words + [forecast_sentence(line, curve.metric) for line in curve.lines[:1]]


def _overtaken(crossing: Crossing, sizes: Sequence[int], confidence: float) -> str:
    """Say where the best overtakes another contestant that was told apart from it as better."""
    all_rows = sizes[-1]
    last = max(crossing.told_below)
    about = f"about {count(_rounded(crossing.rows))}"
    ends = _ends(crossing, sizes, confidence)
    again = [rows for rows in crossing.told_above if rows > last]
    if all_rows in again:
        first = min(again)
        return (
            f"Below {about} training rows {crossing.below} leads {crossing.above}, above it {crossing.above}: they are "
            f"told apart at {count(last)} rows and again at {count(first)}, in between the lines cross{ends}."
        )
    if again:
        return (
            f"With {count(last)} training rows {crossing.below} leads {crossing.above}, with {count(again[-1])} "
            f"{crossing.above} leads; the lines cross at {about}{ends}. With {count(all_rows)} they are not told apart."
        )
    return (
        f"With {count(last)} training rows {crossing.below} leads {crossing.above}; the lines cross at {about}{ends}, "
        f"and above they are not told apart."
    )


def _ends(crossing: Crossing, sizes: Sequence[int], confidence: float) -> str:
    """Return the interval of a crossing in brackets, or nothing where it is not known."""
    if crossing.interval is None:
        return ""
    low, high = crossing.interval
    first = f"less than {count(sizes[0])}" if low is None else count(_rounded(low))
    last = f"more than {count(sizes[-1])}" if high is None else count(_rounded(high))
    return f" ({level(confidence)} interval {first} to {last})"


def forecast_sentence(line: LearningCurveLine, metric: str) -> str:
    """Say what twice the labels would bring, or why that is not known."""
    if (forecast := line.forecast) is None:
        return f"What more labels would bring {line.name} is not known: {line.no_forecast}."
    paired = get_metric(metric).paired
    assert paired is not None
    low, high = (paired.difference.change(end) for end in (forecast.change_low, forecast.change_high))
    ends = f"{level(forecast.confidence)} interval {number(forecast.low)} to {number(forecast.high)}"
    gains = f"a change of {paired.difference.change(forecast.change)} ({low} to {high} on the same texts)"
    doubt = ", which may be nothing" if forecast.change_low <= 0 <= forecast.change_high else ""
    return (
        f"With twice the labels ({count(forecast.rows)} training rows), {line.name} can be expected to reach "
        f"{metric_name(metric)} {number(forecast.value)} ({ends}): {gains}{doubt}."
    )


def _rounded(rows: int) -> int:
    """Round to two digits."""
    digits = max(0, math.floor(math.log10(max(rows, 1))) - 1)
    return round(rows, -digits)
