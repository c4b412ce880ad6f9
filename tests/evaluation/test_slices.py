"""Slices on which contestants fail: rarely one by chance, and always one that is planted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from bakeoff.evaluation.intervals import mcnemar
from bakeoff.evaluation.pairing import answers
from bakeoff.evaluation.slices import Answered, find_leads, find_slices, slice_sentences
from bakeoff.runs.findings import Slices, TextTraits
from tests.evaluation.test_verdict import classified

TEXTS = 400


def traits(random: np.random.Generator, more: int = 8, texts: int = TEXTS) -> TextTraits:
    """A table with columns of 2 to 12 values, a rare one among them."""
    columns: dict[str, list[str | None]] = {
        f"column {number}": [f"v{value}" for value in random.integers(2 + number, size=texts)] for number in range(more)
    }
    columns["rare"] = ["rare" if row < 30 else None for row in random.permutation(texts)]
    documents = [f"t{row}" for row in range(texts)]
    return TextTraits(documents=documents, texts=[f"text {row}" for row in range(texts)], traits=columns)


def found(of: TextTraits, **right: np.ndarray) -> Slices:
    slices = find_slices(of, [(name, classified(each)) for name, each in right.items()])
    assert slices is not None
    return slices


def test_without_a_weak_slice_one_is_reported_in_at_most_5_of_100_bake_offs() -> None:
    random = np.random.default_rng(3)
    weak, leads = [], []
    for _ in range(120):
        of = traits(random)
        easy = random.random(TEXTS)
        one, other = (random.random(TEXTS) < 0.5 + 0.4 * easy for _ in range(2))
        weak.append(bool(found(of, one=one, other=other).weak))
        pair = [("one", classified(one)), ("other", classified(other))]
        leads.append(bool(find_leads(found(of, one=one), of, pair).leads))
    # With an error rate of 5 % there are more than 11 of 120 in 2 of 100 simulations.
    assert sum(weak) <= 11, sum(weak)
    assert sum(leads) <= 11, sum(leads)
    assert sum(weak) > 0


def test_planted_slices_are_found() -> None:
    random = np.random.default_rng(5)
    hits = 0
    for _ in range(40):
        of = traits(random)
        rare = np.array([value == "rare" for value in of.traits["rare"]])
        right = random.random(TEXTS) < np.where(rare, 0.5, 0.9)
        weak = found(of, one=right).weak
        hits += any((each.trait, each.value) == ("rare", "rare") for each in weak)
        assert all(each.accuracy < each.elsewhere for each in weak)
    assert hits >= 36


def test_the_numbers_of_a_weak_slice_are_those_of_scipy() -> None:
    random = np.random.default_rng(1)
    of = traits(random, more=2)
    rare = np.array([value == "rare" for value in of.traits["rare"]])
    right = np.where(rare, np.arange(TEXTS) % 2 == 0, np.arange(TEXTS) % 10 != 0)
    slices = found(of, one=right)

    (weak,) = slices.weak
    wrong = ~right
    table = [[(wrong & rare).sum(), (right & rare).sum()], [(wrong & ~rare).sum(), (right & ~rare).sum()]]
    assert weak.p_value == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue)
    assert weak.corrected_p_value == pytest.approx(slices.slices * weak.p_value)
    assert slices.slices == 2 + 3 + 1
    assert (weak.texts, weak.accuracy, weak.elsewhere) == (30, right[rare].mean(), right[~rare].mean())
    assert [int(each.document[1:]) for each in weak.examples] == np.flatnonzero(wrong & rare)[:3].tolist()
    assert {each.predicted for each in weak.examples} == {"b"}
    (sentence,) = slice_sentences(slices)
    assert sentence.startswith("one fails most where rare is rare: accuracy ")
    assert "(6 slices looked at" not in sentence
    assert "6 slices looked at, by column 0, column 1 and rare" in sentence


def test_the_order_of_the_scores_does_not_matter() -> None:
    random = np.random.default_rng(1)
    of = traits(random)
    right = np.array([value != "rare" for value in of.traits["rare"]])
    scores = classified(right)
    shuffled = scores.take(pa.array(random.permutation(TEXTS)))
    assert find_slices(of, [("one", scores)]) == find_slices(of, [("one", shuffled)])


def test_where_each_of_two_is_better() -> None:
    random = np.random.default_rng(2)
    of = traits(random, more=2)
    rare = np.array([value == "rare" for value in of.traits["rare"]])
    one = np.where(rare, False, True)
    other = np.where(rare, True, random.random(TEXTS) < 0.7)
    slices = find_leads(found(of, one=one), of, [("one", classified(one)), ("other", classified(other))])

    first = slices.leads[0]
    assert (first.better, first.worse, first.value, first.accuracy, first.other_accuracy) == (
        "other",
        "one",
        "rare",
        1.0,
        0.0,
    )
    assert first.p_value == pytest.approx(mcnemar(one[rare], other[rare]))
    assert {lead.better for lead in slices.leads[1:]} == {"one"}
    assert (
        "other is better than one where rare is rare: accuracy 1.0000 against 0.0000 on 30"
        in slice_sentences(slices)[1]
    )


def test_nothing_found_is_said_and_few_texts_have_no_slices() -> None:
    random = np.random.default_rng(2)
    slices = found(traits(random, more=1), one=np.ones(TEXTS, dtype=bool))
    (sentence,) = slice_sentences(slices)
    assert sentence.startswith("one is on no slice of the test texts weaker than chance can explain (3 slices looked")
    few = traits(random, texts=39)
    assert find_slices(few, [("one", classified(np.ones(39, dtype=bool)))]) is None


def test_labels_are_compared_once_and_not_for_every_slice() -> None:
    for answered in (Answered("a", ["x", "y"], ["x", "x"]), answers(classified(np.array([True, False])))):
        assert answered.right.tolist() == [True, False]
        assert answered.right is answered.right
