"""Label issues: planted ones are found, and clean labels are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from bakeoff.evaluation.label_issues import label_issues


def planted(classes: int, share: float, skill: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Given labels, a classifier's probabilities, and which labels were changed."""
    random = np.random.default_rng(1)
    true = random.integers(classes, size=2000)
    logits = random.normal(0, 1, size=(2000, classes))
    logits[np.arange(2000), true] += skill
    changed = random.random(2000) < share
    given = np.where(changed, (true + random.integers(1, classes, size=2000)) % classes, true)
    return given, softmax(logits, axis=1), changed


@pytest.mark.parametrize("classes", [2, 5])
def test_planted_errors_are_found_and_stand_first(classes: int) -> None:
    given, probabilities, changed = planted(classes, share=0.05, skill=3)
    suspects = label_issues(given, probabilities).texts
    assert changed[suspects].mean() > 0.7  # 0.05 of all texts
    assert changed[suspects].sum() > 0.5 * changed.sum()
    half = len(suspects) // 2
    assert changed[suspects[:half]].mean() > changed[suspects[half:]].mean()


def test_the_rule_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.7, 0.3, 0.0], [0.1, 0.7, 0.2], [0.2, 0.8, 0.0], [0.5, 0.4, 0.1]])
    given = [0, 0, 0, 1, 1]
    # Thresholds: class 0 (0.9 + 0.7 + 0.1) / 3 = 0.567, class 1 (0.8 + 0.4) / 2 = 0.6; class 2 has none.
    issues = label_issues(given, probabilities)
    assert issues.texts.tolist() == [2]  # text 4 leans to class 0, but not as much as texts of class 0 do
    assert issues.suggestions.tolist() == [1]


def test_a_class_without_texts_is_never_suggested() -> None:
    given, probabilities, _ = planted(3, share=0.1, skill=3)
    kept = given != 2
    assert set(label_issues(given[kept], probabilities[kept]).suggestions.tolist()) == {0, 1}


def test_who_does_not_read_suspects_nobody() -> None:
    assert label_issues([0, 1] * 200, [[0.505, 0.495]] * 400).texts.size == 0
