"""How surely each contestant is among the best: against resampling texts one by one, and against a formula."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bakeoff.evaluation.metrics import Draws
from bakeoff.evaluation.ranks import ranks
from bakeoff.evaluation.verdict import ranking
from bakeoff.runs.findings import Rank
from tests.evaluation.test_repeats import with_seeds
from tests.evaluation.test_verdict import classified, modelled, result

DRAWS = Draws(0.95, 4000, 3)


def ranked(rights: dict[str, np.ndarray]) -> dict[str, Rank]:
    results = [result(name, right.mean(), documents=len(right)) for name, right in rights.items()]
    found = ranks(ranking(results), {name: [classified(right)] for name, right in rights.items()}, DRAWS)
    return {rank.name: rank for rank in found}


def test_two_contestants_by_the_formula_of_paired_differences() -> None:
    """Of 200 texts only 10 and 4 are told apart: the lead is normal with variance 14 (to first order)."""
    texts = np.arange(200)
    found = ranked({"a": texts >= 4, "b": texts < 190})
    lead = found["a"].among_best[0]
    assert lead == pytest.approx(stats.norm.cdf((6 + 0.5) / np.sqrt(14)), abs=0.02)
    assert (found["a"].rank, found["a"].low, found["a"].high, found["b"].rank) == (1, 1, 2, 2)
    assert found["a"].among_best[1] == 1.0


def test_ranks_are_those_of_texts_resampled_one_by_one_for_all_together() -> None:
    random = np.random.default_rng(0)
    hard = random.random(150)
    rights = {
        name: random.random(150) > hard * easy for name, easy in {"a": 0.6, "b": 0.65, "c": 0.8, "d": 1.4}.items()
    }
    found = ranked(rights)
    drawn = random.integers(150, size=(4000, 150))
    accuracies = np.stack([right[drawn].mean(axis=1) for right in rights.values()], axis=1)
    places = 1 + (accuracies[:, None, :] > accuracies[:, :, None] + 1e-9).sum(axis=2)
    for index, name in enumerate(rights):
        expected = [(places[:, index] <= best).mean() for best in (1, 2, 3)]
        assert found[name].among_best == pytest.approx(expected, abs=0.035)
    assert (found["d"].low, found["d"].high) == (4, 4)


def test_those_that_answer_alike_share_the_first_rank() -> None:
    right = np.arange(50) < 30
    found = ranked({"a": right, "same": right})
    assert [(rank.rank, rank.low, rank.high, rank.among_best) for rank in found.values()] == [(1, 1, 1, [1.0, 1.0])] * 2


def test_the_lowest_loss_is_first() -> None:
    base = np.random.default_rng(2).normal(3, 0.5, size=12)
    losses = {"before": base, "after": base - 0.1}
    results = [result(name, np.exp(loss.mean()), task="language-model") for name, loss in losses.items()]
    found = ranks(ranking(results), {name: [modelled(loss)] for name, loss in losses.items()}, DRAWS)
    assert [(rank.name, rank.low, rank.high) for rank in found] == [("after", 1, 1), ("before", 2, 2)]


def test_a_lead_that_hangs_on_one_seed_is_not_sure() -> None:
    texts = np.arange(5000)
    swinging, tables = with_seeds("swinging", [texts < 3500, texts < 2500, texts < 3400])
    steady = result("steady", 0.6)
    first, _ = ranks([swinging, steady], {"swinging": tables, "steady": [classified(texts < 3000)]}, DRAWS)
    assert 0.6 < first.among_best[0] < 0.97


def test_contestants_with_different_numbers_of_seeds_have_ranks() -> None:
    texts = np.arange(200)
    two, tables_of_two = with_seeds("two", [texts < 150, texts < 140])
    three, tables_of_three = with_seeds("three", [texts < 130, texts < 120, texts < 110])
    once = result("once", 0.95)
    found = ranks(
        [once, two, three], {"once": [classified(texts < 190)], "two": tables_of_two, "three": tables_of_three}, DRAWS
    )
    assert [(rank.name, rank.low, rank.high) for rank in found] == [("once", 1, 1), ("two", 2, 2), ("three", 3, 3)]
