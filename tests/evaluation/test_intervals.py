"""Intervals hold the truth as often as they say; oracles are simulations and textbook formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score

from bakeoff.evaluation.classification import macro_f1_of_counts
from bakeoff.evaluation.intervals import (
    bootstrap_metric,
    bootstrap_ratio,
    crossed_interval,
    crossed_p_value,
    holm,
    mcnemar,
    paired_bootstrap_metric,
    paired_bootstrap_ratio,
    wilson,
)

DRAWS = {"confidence": 0.95, "resamples": 500, "seed": 3}


@given(total=st.integers(1, 20_000), share=st.floats(0, 1), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_the_textbook_formula(total: int, share: float, confidence: float) -> None:
    successes = round(share * total)
    p, z = successes / total, stats.norm.ppf(0.5 + confidence / 2)
    center = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    low, high = wilson(successes, total, confidence)
    assert low == pytest.approx(center - half, abs=1e-9)
    assert high == pytest.approx(center + half, abs=1e-9)
    assert -1e-9 <= low <= p + 1e-9
    assert p - 1e-9 <= high <= 1 + 1e-9


def test_the_lab_s_test_set_is_known_to_two_thirds_of_a_point() -> None:
    low, high = wilson(8730, 10_000, 0.95)
    assert (high - low) / 2 == pytest.approx(0.0065, abs=0.0001)


def test_wilson_refuses_an_empty_sample() -> None:
    with pytest.raises(ValueError, match="at least one"):
        wilson(0, 0, 0.95)


@pytest.mark.parametrize(("documents", "at_least"), [(6, 0.87), (60, 0.91)])
def test_bootstrap_holds_the_true_ratio_as_often_as_it_says(documents: int, at_least: float) -> None:
    random = np.random.default_rng(0)
    held = 0
    for repeat in range(300):
        tokens = random.integers(500, 6000, size=documents)
        # Losses of a document's tokens go together: the documents differ more than chance would make them.
        nats = tokens * random.normal(3.0, 0.25, size=documents)
        low, high = bootstrap_ratio(nats, tokens, confidence=0.95, resamples=500, seed=repeat) or (0, 0)
        held += low <= 3.0 <= high
    assert at_least <= held / 300 <= 0.99


def test_bootstrap_of_equal_weights_is_the_normal_interval_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(5, 2, size=4000)
    interval = bootstrap_ratio(values, np.ones(4000), confidence=0.95, resamples=2000, seed=0)
    expected = stats.norm.interval(0.95, values.mean(), values.std() / math.sqrt(4000))
    assert interval == pytest.approx(expected, abs=0.006)


def test_pairing_sees_a_difference_that_two_intervals_hide() -> None:
    random = np.random.default_rng(2)
    tokens = random.integers(100, 300, size=40)
    hard = tokens * random.normal(3.0, 0.6, size=40)
    easy = hard - tokens * random.normal(0.05, 0.02, size=40)
    alone_hard, alone_easy = bootstrap_ratio(hard, tokens, **DRAWS), bootstrap_ratio(easy, tokens, **DRAWS)
    together, _ = paired_bootstrap_ratio(easy, hard, tokens, **DRAWS)
    assert alone_hard is not None
    assert alone_easy is not None
    assert together is not None
    assert alone_easy[1] > alone_hard[0]  # they overlap
    assert together[1] < 0  # and yet


weighted = st.lists(st.tuples(st.floats(0, 50), st.integers(1, 500)), min_size=2, max_size=30)


@given(units=weighted, zeros=st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_bootstrap_stays_between_the_units_and_ignores_empty_ones(units: list[tuple[float, int]], zeros: int) -> None:
    nats, tokens = np.array([loss * n for loss, n in units]), np.array([n for _, n in units])
    interval = bootstrap_ratio(nats, tokens, **DRAWS)
    assert interval is not None
    assert (nats / tokens).min() - 1e-9 <= interval[0] <= interval[1] <= (nats / tokens).max() + 1e-9
    padded = bootstrap_ratio(np.append(nats, [0] * zeros), np.append(tokens, [0] * zeros), **DRAWS)
    assert padded == interval


@given(units=weighted)
@settings(max_examples=30, deadline=None)
def test_a_paired_difference_changes_its_sign_with_the_order(units: list[tuple[float, int]]) -> None:
    a, tokens = np.array([loss for loss, _ in units]), np.array([n for _, n in units])
    b = a[::-1].copy()
    (forth, p), (back, same_p) = (paired_bootstrap_ratio(*pair, tokens, **DRAWS) for pair in ((a, b), (b, a)))
    assert forth is not None
    assert back is not None
    assert forth == pytest.approx((-back[1], -back[0]), abs=1e-9)
    assert p == pytest.approx(same_p, abs=1e-6)


def test_the_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    nats, tokens = np.arange(50.0), np.full(50, 10)
    whole = bootstrap_ratio(nats, tokens, **DRAWS)
    monkeypatch.setattr("bakeoff.evaluation.intervals._NUMBERS_PER_CHUNK", 64)
    assert bootstrap_ratio(nats, tokens, **DRAWS) == whole


@pytest.mark.parametrize("tokens", [[], [5], [5, 0, 0]])
def test_one_unit_says_nothing_about_the_spread(tokens: list[int]) -> None:
    assert bootstrap_ratio([7.0] * len(tokens), tokens, **DRAWS) is None


@pytest.mark.parametrize(("nats", "tokens"), [([1.0], [1, 2]), ([1.0, 2.0], [1, -1])])
def test_mismatched_or_negative_units_are_refused(nats: list[float], tokens: list[int]) -> None:
    with pytest.raises(ValueError, match=r"same length|must not be negative"):
        bootstrap_ratio(nats, tokens, **DRAWS)


def test_the_interval_of_macro_f1_is_that_of_resampled_texts() -> None:
    random = np.random.default_rng(4)
    labels = random.choice(3, size=400, p=[0.6, 0.3, 0.1])
    predictions = np.where(random.random(400) < 0.75, labels, random.integers(3, size=400))
    interval = bootstrap_metric(labels, predictions, macro_f1_of_counts, confidence=0.9, resamples=4000, seed=0)
    texts = random.integers(400, size=(500, 400))
    direct = [f1_score(labels[drawn], predictions[drawn], average="macro") for drawn in texts]
    assert interval == pytest.approx(tuple(np.quantile(direct, [0.05, 0.95])), abs=0.008)


def test_the_paired_interval_of_macro_f1_is_that_of_texts_resampled_for_both() -> None:
    random = np.random.default_rng(5)
    labels = random.choice(3, size=400, p=[0.6, 0.3, 0.1])
    a = np.where(random.random(400) < 0.8, labels, random.integers(3, size=400))
    b = np.where(random.random(400) < 0.9, a, random.integers(3, size=400))
    interval, p = paired_bootstrap_metric(labels, a, b, macro_f1_of_counts, confidence=0.9, resamples=4000, seed=0)
    turned, same_p = paired_bootstrap_metric(labels, b, a, macro_f1_of_counts, confidence=0.9, resamples=4000, seed=0)
    direct = []
    for drawn in random.integers(400, size=(300, 400)):
        scores = [f1_score(labels[drawn], predicted[drawn], average="macro") for predicted in (a, b)]
        direct.append(scores[0] - scores[1])
    assert interval == pytest.approx(tuple(np.quantile(direct, [0.05, 0.95])), abs=0.012)
    assert turned == pytest.approx((-interval[1], -interval[0]), abs=0.004)
    assert p == pytest.approx(same_p, abs=0.02)


def test_the_interval_of_level_1_minus_p_ends_at_0() -> None:
    random = np.random.default_rng(8)
    tokens, difference = random.integers(50, 90, size=30), 40 * random.normal(0.3, 1.0, size=30)
    arguments = {"resamples": 4000, "seed": 1}
    _, p = paired_bootstrap_ratio(difference, np.zeros(30), tokens, confidence=0.95, **arguments)
    wider, _ = paired_bootstrap_ratio(difference, np.zeros(30), tokens, confidence=1 - p / 1.5, **arguments)
    tighter, _ = paired_bootstrap_ratio(difference, np.zeros(30), tokens, confidence=1 - p * 1.5, **arguments)
    assert wider[0] < 0 < tighter[0]

    seeds = random.normal(0.3, 1.0, size=(3, 40))
    p = crossed_p_value(seeds, np.ones(40))
    low, high = crossed_interval(seeds, np.ones(40), confidence=1 - p)
    assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-9)


def test_the_p_value_of_the_bootstrap_is_close_to_that_of_students_t() -> None:
    random = np.random.default_rng(9)
    for shift in (0.0, 0.1, 0.3, 0.8):
        difference = random.normal(shift, 1.0, size=50)
        _, p = paired_bootstrap_ratio(difference, np.zeros(50), np.ones(50), confidence=0.95, resamples=4000, seed=2)
        assert p == pytest.approx(stats.ttest_1samp(difference, 0).pvalue, rel=0.25, abs=4e-3)


@pytest.mark.parametrize("units", [2, 5, 20])
def test_units_that_all_differ_alike_are_a_fair_coin(units: int) -> None:
    """There is no spread to learn from: as for McNemar, each unit could have favored the other one."""
    difference = np.full(units, 1 - 2 / 3)
    difference[0] = 1 / 3  # rounded in another way
    _, p = paired_bootstrap_ratio(difference, np.zeros(units), np.ones(units), **DRAWS)
    assert p == pytest.approx(mcnemar([True] * units, [False] * units))
    assert crossed_p_value([difference] * 3, np.ones(units)) == p


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_errs_in_a_family_no_more_often_than_it_says() -> None:
    random = np.random.default_rng(10)
    p_values = random.random((4000, 5))
    p_values[:, 0] /= 1000  # one null hypothesis is false
    errors = sum(min(holm(row)[1:]) < 0.05 for row in p_values.tolist())
    assert errors / 4000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)


def test_one_text_says_nothing_about_a_difference_of_macro_f1() -> None:
    assert paired_bootstrap_metric([0], [0], [1], macro_f1_of_counts, **DRAWS) is None


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_mcnemar_is_a_fair_coin_over_the_texts_they_disagree_on(pairs: list[tuple[bool, bool]]) -> None:
    a, b = zip(*pairs, strict=True)
    only_a, only_b = sum(x and not y for x, y in pairs), sum(y and not x for x, y in pairs)
    coins = only_a + only_b
    tail = sum(math.comb(coins, k) for k in range(min(only_a, only_b) + 1)) / 2**coins
    assert mcnemar(a, b) == pytest.approx(min(1.0, 2 * tail))
    assert mcnemar(a, b) == mcnemar(b, a)


def test_mcnemar_needs_the_same_texts() -> None:
    with pytest.raises(ValueError, match="same texts"):
        mcnemar([True], [True, False])


def expected_to_hold(held: int, simulations: int, nominal: float) -> bool:
    """Within what chance does to a simulation of an interval that is right: three standard deviations."""
    return abs(held / simulations - nominal) <= 3 * math.sqrt(nominal * (1 - nominal) / simulations)


@pytest.mark.parametrize(("share", "texts"), [(0.5, 100), (0.87, 400), (0.98, 1000)])
def test_wilson_holds_the_true_share_as_often_as_it_says(share: float, texts: int) -> None:
    """Exactly, not by simulation: every count that comes into question, weighed by its probability."""
    spread = 6 * math.sqrt(texts * share * (1 - share))
    counts = np.arange(max(0, math.floor(texts * share - spread)), min(texts, math.ceil(texts * share + spread)) + 1)
    ends = np.array([wilson(int(count), texts, 0.95) for count in counts])
    inside = (ends[:, 0] <= share) & (share <= ends[:, 1])
    assert 0.93 <= stats.binom.pmf(counts, texts, share)[inside].sum() <= 0.97


def test_mcnemar_sees_a_difference_where_there_is_none_no_more_often_than_it_says() -> None:
    random = np.random.default_rng(6)
    simulations, rejections = 800, 0
    for _ in range(simulations):
        hardness = random.random(300)  # of the texts, for both
        a, b = (random.random(300) < 0.5 + 0.5 * hardness for _ in range(2))
        rejections += mcnemar(a, b) < 0.05
    assert 0.01 <= rejections / simulations <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / simulations)  # exact tests err low


def test_the_paired_bootstrap_holds_the_true_difference_as_often_as_it_says() -> None:
    random = np.random.default_rng(7)
    simulations, held = 400, 0
    for repeat in range(simulations):
        tokens = random.integers(500, 6000, size=60)
        hardness = random.normal(3.0, 0.4, size=60)
        a, b = hardness + random.normal(0.1, 0.2, size=60), hardness
        found = paired_bootstrap_ratio(tokens * a, tokens * b, tokens, confidence=0.95, resamples=500, seed=repeat)
        assert found is not None
        ends, _ = found
        held += ends[0] <= 0.1 <= ends[1]
    assert expected_to_hold(held, simulations, 0.95)


@pytest.mark.parametrize(
    ("seeds", "of_seed", "of_document"), [(3, 0.0, 1.0), (3, 0.1, 1.0), (3, 0.3, 0.2), (5, 0.1, 1.0), (5, 0.3, 0.2)]
)
def test_the_interval_over_seeds_and_documents_holds_the_truth_whichever_varies_more(
    seeds: int, of_seed: float, of_document: float
) -> None:
    random = np.random.default_rng(8)
    simulations, held = 1000, 0
    for _ in range(simulations):
        tokens = random.integers(500, 6000, size=80)
        means = (
            0.1
            + random.normal(0, of_seed, size=(seeds, 1))
            + random.normal(0, of_document, size=80)
            + random.normal(0, 0.2, size=(seeds, 80))
        )
        ends = crossed_interval(tokens * means, tokens, confidence=0.95)
        assert ends is not None
        held += ends[0] <= 0.1 <= ends[1]
    assert 0.92 <= held / simulations <= 0.975
