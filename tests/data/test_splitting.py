"""Properties of the random split for any rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data.splitting import carve, folded


def split(keys: list[int], labels: list[int], seed: int, validation: int, test: int):
    random = np.random.default_rng(seed)
    taken, rest = carve(range(len(keys)), test, np.array(keys), labels, random, leave=2)
    second, train = carve(rest, validation, np.array(keys), labels, random, leave=1)
    return train, second, taken


labels_of_rows = st.lists(st.integers(0, 3), min_size=40, max_size=200)


@given(labels_of_rows, st.integers(0, 99), st.floats(0.1, 0.4), st.floats(0.1, 0.4))
def test_different_texts_give_exact_sizes_and_even_shares(labels, seed, validation, test):
    counts = Counter(labels)
    labels = [label for label in labels if counts[label] >= 3]
    wanted = {name: round(share * len(labels)) for name, share in (("validation", validation), ("test", test))}
    keys = list(range(len(labels)))

    train, second, third = split(keys, labels, seed, **wanted)

    assert sorted(train + second + third) == list(range(len(labels)))
    counts = Counter(labels)
    if min(counts.values(), default=0) * min(validation, test) >= 1:
        assert (len(second), len(third)) == (wanted["validation"], wanted["test"])
        for part in (second, third):
            for label, count in Counter(labels[row] for row in part).items():
                assert abs(count - counts[label] * len(part) / len(labels)) < len(counts)
    for part in (train, second, third):
        assert {labels[row] for row in part} == set(labels)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), min_size=60, max_size=200), st.integers(0, 99))
def test_identical_texts_stay_in_one_split(rows, seed):
    keys = [number for number, _ in rows]
    labels = [label for _, label in rows]

    parts = split(keys, labels, seed, validation=len(rows) // 10, test=len(rows) // 5)

    texts = [{keys[row] for row in part} for part in parts]
    assert not texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2]
    assert sorted(row for part in parts for row in part) == list(range(len(rows)))


def test_a_few_repetitions_do_not_change_the_sizes():
    """418 of IMDB's 50,000 reviews are copies; its splits have the exact sizes anyway."""
    keys = [*range(4958), *range(42)]
    labels = [number % 2 for number in range(4958)] + [number % 2 for number in range(42)]

    for seed in range(5):
        train, validation, test = split(keys, labels, seed, validation=500, test=1000)

        assert (len(train), len(validation), len(test)) == (3500, 500, 1000)


def test_copies_are_spread_over_all_splits():
    keys = [number // 2 for number in range(400)]

    train, validation, test = split(keys, [0] * 400, 1, validation=40, test=80)

    assert (len(train), len(validation), len(test)) == (280, 40, 80)


def test_texts_that_all_occur_often_still_reach_every_split():
    """Seven texts of each class, six copies of each: a tenth of the rows has no room for a text and its copies."""
    keys = [7 * label + number % 7 for label in (0, 1) for number in range(42)]
    labels = [label for label in (0, 1) for _ in range(42)]

    parts = split(keys, labels, 12, validation=8, test=16)

    for part in parts:
        assert {labels[row] for row in part} == {0, 1}
    assert sum(len({keys[row] for row in part}) for part in parts) == 14


def test_the_seed_determines_the_split():
    keys, labels = list(range(300)), [number % 3 for number in range(300)]

    assert split(keys, labels, 1, 30, 60) == split(keys, labels, 1, 30, 60)
    assert split(keys, labels, 1, 30, 60) != split(keys, labels, 2, 30, 60)


def test_only_white_space_is_folded():
    assert folded(" A  fine\n\tfilm ") == folded("A fine film") != folded("a fine film")
