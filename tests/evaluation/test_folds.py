"""Intervals of a cross-validation: their width, and that they hold the truth about models of other rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB

from bakeoff.evaluation.folds import larger_p_value, widening, wider_level
from bakeoff.evaluation.intervals import (
    crossed_interval,
    crossed_p_value,
    paired_bootstrap_ratio,
    wilson,
)


def test_the_variance_is_that_of_nadeau_and_bengio() -> None:
    folds, tested, trained = 5, 1 / 5, 4 / 5
    assert widening(folds) ** 2 / folds == pytest.approx(1 / folds + tested / trained)
    assert (widening(0), wider_level(0.95, 0)) == (1, 0.95)


@pytest.mark.parametrize("folds", [2, 5, 10])
def test_intervals_become_wider_by_that(folds: int) -> None:
    narrow, wide = (wilson(50_000, 100_000, level) for level in (0.95, wider_level(0.95, folds)))
    assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(widening(folds), rel=1e-3)


def test_a_difference_at_the_end_of_its_interval_has_the_p_value_of_its_level() -> None:
    z = widening(5) * stats.norm.isf(0.025)
    assert larger_p_value(2 * stats.norm.sf(z), 5) == pytest.approx(0.05)
    assert larger_p_value(0.3, 0) == pytest.approx(0.3)
    assert larger_p_value(0.0, 5) == 0


def test_of_seeds_and_texts_the_part_of_the_texts_is_widened() -> None:
    random = np.random.default_rng(2)
    texts, seeds = random.normal(size=(1, 50)), random.normal(size=(4, 1))
    one = np.ones(50)
    for values, factor in ((np.repeat(texts, 4, axis=0), 3.0), (np.repeat(seeds, 50, axis=1), 1.0)):
        narrow, wide = (crossed_interval(values, one, confidence=0.95, widening=each) for each in (1.0, 3.0))
        assert narrow is not None
        assert wide is not None
        assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(factor)
    assert crossed_p_value(texts + seeds, one, widening=3.0) > crossed_p_value(texts + seeds, one)


def test_the_widened_interval_holds_the_truth_about_models_of_other_rows() -> None:
    """Two classifiers on 60 rows drawn again and again; the truth is the mean over all draws, on fresh rows."""
    random = np.random.default_rng(7)
    means = np.linspace(0, 0.5, 12)

    def draw(rows: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(rows) % 2
        return random.normal(size=(rows, 12)) + labels[:, None] * means, labels

    fresh, fresh_labels = draw(2000)
    truths, narrow, wide = [], [], []
    for _ in range(100):
        values, labels = draw(60)
        differences = np.zeros(60)
        for train, test in StratifiedKFold(5).split(values, labels):
            both = [model().fit(values[train], labels[train]) for model in (GaussianNB, LinearDiscriminantAnalysis)]
            first, second = (model.predict(values[test]) == labels[test] for model in both)
            differences[test] = first.astype(float) - second
            truths.append(both[0].score(fresh, fresh_labels) - both[1].score(fresh, fresh_labels))
        for found, level in ((narrow, 0.95), (wide, wider_level(0.95, 5))):
            interval = paired_bootstrap_ratio(
                differences, np.zeros(60), np.ones(60), confidence=level, resamples=500, seed=1
            )
            assert interval is not None
            found.append(interval[0])
    truth = np.mean(truths)
    narrow_coverage, coverage = (np.mean([low <= truth <= high for low, high in ends]) for ends in (narrow, wide))
    assert narrow_coverage < 0.94 < 0.95 <= coverage, (narrow_coverage, coverage)
