"""Several seeds: means, spreads and paired differences, by hand and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score

from bakeoff.evaluation.intervals import crossed_interval
from bakeoff.evaluation.metrics import get_metric
from bakeoff.evaluation.metrics.predictions import MACRO_F1, MATTHEWS, Counted
from bakeoff.evaluation.repeats import average, compare_over_seeds
from bakeoff.evaluation.verdict import decide
from bakeoff.runs.results import ContestantResult, Verdict
from tests.evaluation.test_verdict import DRAWS, classified, modelled, result

RANDOM = np.random.default_rng(4)


def with_seeds(name: str, rights: list[np.ndarray], **more: object) -> tuple[ContestantResult, list[pa.Table]]:
    """A classifier trained once for each of `rights`: which texts it got right."""
    results = [
        result(name, right.mean(), documents=len(right), **{**more, "seed": 12 + k}) for k, right in enumerate(rights)
    ]
    tables = [classified(right) for right in rights]
    return average(results, tables, confidence=0.95), tables


def test_three_seeds_by_hand() -> None:
    rights = [np.arange(10) < number for number in (6, 7, 8)]
    found, _ = with_seeds("lstm", rights)

    (accuracy,) = found.metrics
    assert accuracy.value == pytest.approx(0.7)
    assert accuracy.by_seed == [0.6, 0.7, 0.8]
    assert accuracy.deviation == pytest.approx(0.1)
    assert accuracy.low is not None
    assert accuracy.high is not None
    assert 0 <= accuracy.low < 0.6 < 0.8 < accuracy.high <= 1
    assert found.seeds == [12, 13, 14]


def test_times_are_means_and_memory_is_the_largest() -> None:
    runs = [result("lstm", 0.5, seconds=seconds, documents=2) for seconds in (10.0, 20.0)]
    runs[1].training.peak_memory_bytes = 5 * 10**8
    found = average(runs, [classified(np.array([True, False]))] * 2, confidence=0.95)

    assert (found.training.seconds, found.training.peak_memory_bytes) == (15.0, 5 * 10**8)


def test_money_is_a_mean_too() -> None:
    usage = {"requests": 10, "input_tokens": 100, "output_tokens": 20}
    runs = [result("p", 0.5, documents=2, usage={**usage, "money": money}) for money in (0.1, 0.3)]
    found = average(runs, [classified(np.array([True, False]))] * 2, confidence=0.95)

    assert found.usage is not None
    assert (found.usage.requests, found.usage.money) == (10, pytest.approx(0.2))
    assert "what was asked" in found.notes[-1]


def test_perplexities_are_averaged_as_losses() -> None:
    losses = [np.full(8, 2.0), np.full(8, 3.0)]
    runs = [result("lora", math.exp(loss.mean()), task="language-model", documents=8) for loss in losses]
    found = average(runs, [modelled(loss) for loss in losses], confidence=0.95)

    assert found.metrics[0].value == pytest.approx(math.exp(2.5))
    low, high = found.metrics[0].low, found.metrics[0].high
    assert low is not None
    assert high is not None
    assert math.log(low) + math.log(high) == pytest.approx(5.0)  # around 2.5 on the scale of losses


def test_a_metric_that_a_seed_lacks_is_left_out() -> None:
    runs = [result("lora", math.exp(2), task="language-model", documents=8) for _ in range(2)]
    perplexity, names = runs[0].metrics[0], ("word_perplexity", "bits_per_byte")
    words, bits = (perplexity.model_copy(update={"name": name}) for name in names)
    runs[0].metrics, runs[1].metrics = [perplexity, words, bits], [perplexity, bits]
    found = average(runs, [modelled(np.full(8, 2.0))] * 2, confidence=0.95)

    assert [metric.name for metric in found.metrics] == ["perplexity", "bits_per_byte"]


def decided(contestants: list[tuple[ContestantResult, list[pa.Table]]]) -> Verdict:
    return decide(
        [result for result, _ in contestants], {result.name: tables for result, tables in contestants}, **DRAWS
    )


def test_the_difference_is_paired_by_seed_and_by_text() -> None:
    hard = RANDOM.random(400) < 0.3
    good = [~hard | (RANDOM.random(400) < 0.5) for _ in range(3)]
    bad = [~hard & (RANDOM.random(400) < 0.95) for _ in range(3)]
    verdict = decided([with_seeds("good", good), with_seeds("bad", bad)])

    (comparison,) = verdict.comparisons
    expected = [a.mean() - b.mean() for a, b in zip(good, bad, strict=True)]
    assert comparison.by_seed == pytest.approx(expected)
    assert comparison.difference == pytest.approx(np.mean(expected))
    assert comparison.distinguishable
    assert comparison.test == "Student"
    assert comparison.p_value < 0.05
    assert ", the mean of 3 seeds, on 400 test texts " in verdict.summary[0]
    said = " ".join(verdict.details)
    assert "ahead with 3 of 3 seeds): more than chance in the choice of texts and seeds" in said


def test_a_lead_that_comes_and_goes_with_the_seed_is_chance() -> None:
    texts = np.arange(5000)
    swinging = [texts < 3500, texts < 2500, texts < 3400]  # 0.7, 0.5, 0.68 against a steady 0.6
    steady = [texts < 3000] * 3
    verdict = decided([with_seeds("swinging", swinging), with_seeds("steady", steady)])

    assert verdict.best == "swinging"
    assert not verdict.comparisons[0].distinguishable
    assert "ahead with 2 of 3 seeds): within chance" in " ".join(verdict.details)
    single = decided(
        [(result("swinging", 0.7), [classified(swinging[0])]), (result("steady", 0.6), [classified(steady[0])])]
    )
    assert single.comparisons[0].distinguishable  # what one seed alone would have said


def test_a_contestant_that_needs_no_seed_stands_against_every_seed_of_the_other() -> None:
    rights = [np.arange(100) < number for number in (70, 74)]
    fixed = np.arange(100) < 60
    verdict = decided([with_seeds("lstm", rights), (result("linear", 0.6), [classified(fixed)])])

    assert verdict.comparisons[0].by_seed == pytest.approx([0.10, 0.14])
    assert any("lstm trained with 2 seeds (12 to 13), linear once" in sentence for sentence in verdict.sentences)


def test_different_numbers_of_seeds_are_refused() -> None:
    two, three = with_seeds("a", [np.arange(9) < 5] * 2), with_seeds("b", [np.arange(9) < 6] * 3)
    with pytest.raises(ValueError, match="same number of seeds"):
        compare_over_seeds(three[0], two[0], three[1], two[1], confidence=0.95)


@given(st.integers(2, 4), st.integers(20, 60), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_units_of_macro_f1_are_its_value_and_spread(classes: int, texts: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=texts)
    guesses = np.where(random.random(texts) < 0.7, labels, random.integers(classes, size=texts))
    table = pa.table(
        {"document": [f"{i:04d}" for i in range(texts)], "label": labels.astype(str), "predicted": guesses.astype(str)}
    )
    macro_f1 = get_metric("macro_f1")
    assert macro_f1.units is not None

    units = macro_f1.units(table, macro_f1.name)

    whole = f1_score(labels, guesses, average="macro")
    assert units.values.mean() == pytest.approx(whole, abs=1e-3)
    # A part is what the metric changes by when a text weighs a little more.
    little, weights = 1e-6, np.ones(texts)
    weights[0] += little
    more = f1_score(labels, guesses, average="macro", sample_weight=weights)
    assert (units.values[0] - whole) / texts == pytest.approx((more - whole) / little, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("metric", [MACRO_F1, MATTHEWS], ids=["macro-F1", "MCC"])
def test_the_influence_of_many_classes_is_computed_in_parts(metric: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(20, size=300)
    guesses = np.where(random.random(300) < 0.5, labels, random.integers(20, size=300))
    table = pa.table(
        {"document": [f"{i:04d}" for i in range(300)], "label": labels.astype(str), "predicted": guesses.astype(str)}
    )
    whole, numbers = metric.units(table, "").values, []

    def counted(counts: np.ndarray) -> np.ndarray:
        numbers.append(counts.size)
        return metric.of_counts(counts)

    monkeypatch.setattr("bakeoff.evaluation.intervals._NUMBERS_PER_CHUNK", 7 * 20**2)
    in_parts = Counted(counted).units(table, "").values

    assert max(numbers) == 7 * 20**2
    assert np.array_equal(in_parts, whole)


def test_with_equal_units_of_equal_weight_only_the_seeds_count() -> None:
    by_seed = np.array([0.1, 0.3, 0.2])
    found = crossed_interval(np.tile(by_seed[:, None], (1, 50)), np.ones(50), confidence=0.9)
    assert found == pytest.approx(stats.t.interval(0.9, 2, 0.2, by_seed.std(ddof=1) / math.sqrt(3)))


def test_with_equal_seeds_only_the_units_count() -> None:
    values = RANDOM.normal(size=40)
    found = crossed_interval(np.tile(values, (3, 1)), np.ones(40), confidence=0.95)
    assert found == pytest.approx(stats.t.interval(0.95, 39, values.mean(), stats.sem(values)))


def test_nothing_that_varies_is_a_point_and_one_unit_is_nothing() -> None:
    assert crossed_interval(np.full((3, 4), 2.0), np.ones(4), confidence=0.95) == (2.0, 2.0)
    assert crossed_interval(np.ones((3, 2)), [1, 0], confidence=0.95) is None
