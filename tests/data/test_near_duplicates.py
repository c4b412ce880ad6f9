"""Near-duplicates: the same groups as by brute force, and no false positives."""

from __future__ import annotations

from dataclasses import astuple
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakeoff.data import near_duplicates
from bakeoff.data.near_duplicates import find_near_duplicates

REVIEW = (
    "The camera never rests in this long winter story and yet nobody gets lost, because the young hero follows one "
    "plain wish from the first scene to the last, and the music knows when to be silent"
)
SENTENCE = " Bring somebody who likes snow."


def together(texts: list[str]) -> set[frozenset[int]]:
    """Return the groups of two and more that are duplicates."""
    group = find_near_duplicates(texts).group
    groups = {frozenset(np.flatnonzero(group == id).tolist()) for id in group}
    return {members for members in groups if len(members) > 1}


def brute_force(texts: list[str]) -> tuple[dict[tuple[int, int], float], set[frozenset[int]]]:
    """Return all pairs with a Jaccard similarity of at least 0.8, and their groups, by the definition."""
    sets = [set(pairwise(text.split())) for text in texts]
    pairs = {}
    group = {number: {number} for number in range(len(texts))}
    for first, second in combinations(range(len(texts)), 2):
        shared, either = len(sets[first] & sets[second]), len(sets[first] | sets[second])
        if 5 * shared >= 4 * either:
            pairs[first, second] = shared / either
            merged = group[first] | group[second]
            group.update(dict.fromkeys(merged, merged))
    return pairs, {frozenset(members) for members in group.values() if len(members) > 1}


@st.composite
def collections_of_texts(draw: st.DrawFn) -> list[str]:
    """Draw a few texts of 10 to 40 words, and others that differ from one of them in up to six places."""
    words = st.sampled_from("abcdefghijklmnopqrst" if draw(st.booleans()) else "abcde")
    texts = draw(st.lists(st.lists(words, min_size=10, max_size=40), min_size=1, max_size=4))
    for _ in range(draw(st.integers(0, 12))):
        changed = list(draw(st.sampled_from(texts)))
        for _ in range(draw(st.integers(0, 6))):
            changed[draw(st.integers(0, len(changed) - 1))] = draw(words)
        texts.append(changed + draw(st.lists(words, max_size=3)))
    return [" ".join(text) for text in texts]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(collections_of_texts())
def test_the_groups_are_those_of_brute_force(texts):
    pairs, groups = brute_force(texts)

    duplicates = find_near_duplicates(texts)

    assert together(texts) == groups
    assert duplicates.complete
    for first, second, similarity in zip(duplicates.first, duplicates.second, duplicates.similarity, strict=True):
        assert similarity == pytest.approx(pairs[first, second])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(collections_of_texts())
def test_many_texts_are_compared_in_parts_as_all_at_once(texts):
    whole = find_near_duplicates(texts)

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "_WORDS_AT_ONCE": 16,
            "_PRODUCTS_AT_ONCE": 10,
            "_PAIRS_AT_ONCE": 3,
            "_LARGEST": 1000,
        }.items():
            patch.setattr(near_duplicates, name, value)
        parts = find_near_duplicates(texts)

    np.testing.assert_equal(astuple(parts), astuple(whole))


@pytest.mark.parametrize(
    "other",
    [
        REVIEW.replace("winter", "summer"),
        REVIEW + SENTENCE,
        SENTENCE.strip() + " " + REVIEW,
        REVIEW.replace(" and yet", "<br /><br />and yet"),
        REVIEW.upper().replace(" ", "\n "),
        REVIEW.replace(",", " ,") + "!!!",
    ],
)
def test_small_changes_of_a_review(other):
    assert together([REVIEW, "Something else altogether " * 5, other]) == {frozenset({0, 2})}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("this is a good film", "this is a bad film"),
        ("this is a good film", "this is not a good film"),
        ("I did like it", "I did like it not"),
        ("a b c d e f g h i", "a b c d e f g h i j"),
        ("Great :)", "Great :("),
        (":)", ":("),
        ("of course not", "not of course"),
        ("好看", "不好看"),
        (REVIEW, " ".join(reversed(REVIEW.split()))),
        (
            REVIEW,
            REVIEW.replace("winter", "summer").replace("wish", "hope").replace("music", "score").replace("to", "2"),
        ),
    ],
)
def test_short_or_other_texts_are_not_alike(first, second):
    assert together([first, second]) == set()


def test_short_texts_are_alike_when_only_case_and_spaces_differ():
    assert together(["A fine film.", "a dull film.", "a FINE film .", "A fine film"]) == {frozenset({0, 2})}


def test_scripts_without_spaces_are_compared_by_character():
    text = "这部电影的故事很简单但是演员的表演非常出色音乐也很好听值得再看一遍"

    assert together([text, text + "。再见", text.replace("简单", "复杂"), text[::-1]]) == {frozenset({0, 1, 2})}


def test_a_chain_of_changes_is_one_group():
    words = REVIEW.split()
    chain = [" ".join([f"new{n}" for n in range(number)] + words[number:]) for number in range(0, 30, 2)]

    assert together(chain) == {frozenset(range(15))}


def test_many_copies_of_one_letter_are_one_group(monkeypatch):
    """Not all pairs are compared then, and the result says so."""
    monkeypatch.setattr(near_duplicates, "LARGEST_BUCKET", 20)
    letters = [f"Dear customer {number}, {REVIEW}" for number in range(100)]

    duplicates = find_near_duplicates([*letters, "Quite another text of ten words or more than that."])

    assert len(set(duplicates.group[:100])) == 1
    assert duplicates.group[100] != duplicates.group[0]
    assert len(duplicates.first) < 1000
    assert not duplicates.complete


@pytest.mark.parametrize("texts", [[], [""], ["one"], ["...", "!?"], [REVIEW]])
def test_little_or_nothing(texts):
    duplicates = find_near_duplicates(texts)

    assert len(duplicates.group) == len(texts)
    assert len(set(duplicates.group)) == len(texts)
    assert len(duplicates.first) == 0
