"""Out-of-scope texts: the threshold by brute force, measures and resamples against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, precision_score, recall_score, roc_auc_score

from bakeoff.evaluation import out_of_scope
from bakeoff.evaluation.out_of_scope import choose_threshold, compare_out_of_scope, measure, scores_table

RANDOM = np.random.default_rng(3)


def table(shift: float = 1.0, inside: int = 120, outside: int = 40, threshold: float = 0.6, seed: int = 1):
    random = np.random.default_rng(seed)
    # Rounded, so that there are ties.
    confidence = np.round(1 / (1 + np.exp(-random.normal([shift] * inside + [0] * outside))), 2)
    labels = [*random.choice(["a", "b"], inside), *["none"] * outside]
    nearest = [label if random.random() < 0.8 and label != "none" else "a" for label in labels]
    return scores_table(list(map(str, range(len(labels)))), labels, nearest, confidence, threshold, "none")


def measured(scores, resamples: int = 300):
    return measure(scores, "none", 0.6, 9, confidence=0.95, resamples=resamples, seed=5)


def test_measures_are_those_of_scikit_learn():
    scores = table()
    found, frame = measured(scores), scores.to_pandas()
    final = frame["nearest"].where(~frame["refused"], "none")
    inside = ~frame["out_of_scope"]
    assert found.auroc.value == pytest.approx(roc_auc_score(inside, frame["confidence"]))
    assert found.recall.value == pytest.approx(recall_score(frame["out_of_scope"], frame["refused"]))
    assert found.precision is not None
    assert found.precision.value == pytest.approx(precision_score(frame["out_of_scope"], frame["refused"]))
    assert found.joint_accuracy.value == pytest.approx(accuracy_score(frame["label"], final))
    assert found.in_scope_accuracy.value == pytest.approx(accuracy_score(frame["label"][inside], final[inside]))
    assert found.in_scope_refused == pytest.approx(frame["refused"][inside].mean())
    assert (found.texts, found.in_scope_texts, found.choosing_texts) == (40, 120, 9)


def test_intervals_hold_the_value_and_narrow_with_more_texts():
    few, many = measured(table()), measured(table(inside=1200, outside=400))
    for name in ("auroc", "recall", "precision", "in_scope_accuracy", "joint_accuracy"):
        small, large = getattr(few, name), getattr(many, name)
        assert small.low < small.value < small.high
        assert large.high - large.low < small.high - small.low


def test_the_areas_of_resamples_are_those_of_scikit_learn():
    above, below = RANDOM.integers(6, size=(3, 8)), RANDOM.integers(6, size=(3, 5))
    truth = [1] * 8 + [0] * 5
    expected = [roc_auc_score(truth, [*one, *other]) for one, other in zip(above, below, strict=True)]
    assert out_of_scope._areas(above, below, 6) == pytest.approx(expected)


@pytest.mark.parametrize("decimals", [1, 6])
def test_no_threshold_is_better_than_the_chosen_one(decimals):
    inside, outside = np.round(RANDOM.random(60), decimals), np.round(RANDOM.random(20) * 0.7, decimals)
    right = RANDOM.random(60) < 0.7

    def gained(threshold: float) -> float:
        return (right & (inside >= threshold)).mean() + (outside < threshold).mean()

    tried = np.unique([0, *inside, *outside, 1.01])
    chosen = choose_threshold(inside, right, outside)
    assert gained(chosen) == pytest.approx(max(map(gained, tried)))
    assert not np.isin(chosen, [*inside, *outside])


def test_nothing_is_refused_where_confidence_tells_nothing():
    assert choose_threshold([0.5, 0.5], [True, True], [0.5, 0.5]) == 0
    assert choose_threshold([0.2, 0.3], [True, True], [0.8, 0.9]) == 0


def test_nothing_refused_has_no_precision():
    found = measured(table(threshold=0.0))
    assert found.precision is None
    assert found.recall.value == 0


def test_contestants_are_compared_on_the_same_draws():
    tables = {"one": table(3.0), "same": table(3.0), "worse": table(0.5)}
    same, worse = compare_out_of_scope("one", tables, confidence=0.95, resamples=300, seed=1)
    gap = same.differences["auroc"]
    assert (gap.value, gap.low, gap.high, gap.distinguishable) == (0, 0, 0, False)
    gap = worse.differences["auroc"]
    assert gap.value == pytest.approx(measured(tables["one"]).auroc.value - measured(tables["worse"]).auroc.value)
    assert gap.low > 0
    assert gap.distinguishable
    assert gap.p_value <= gap.corrected_p_value


def test_other_texts_cannot_be_compared():
    with pytest.raises(ValueError, match="same"):
        compare_out_of_scope("one", {"one": table(), "other": table(outside=39)}, confidence=0.95, resamples=10, seed=1)
