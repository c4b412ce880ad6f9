"""Split rows at random: exact sizes, every class in every split, identical texts together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]
"""A number for every row, from 0. Rows with the same key stay together."""


def folded(text: str) -> str:
    """Normalize white space; texts that are equal afterwards count as identical."""
    # The space is the only white space that `isprintable` accepts.
    is_folded = text.isprintable() and "  " not in text and text == text.strip()
    return text if is_folded else " ".join(text.split())


def numbered(strings: Iterable[str]) -> tuple[Keys, list[str]]:
    """Return a number for every string, the same for equal ones, and the distinct strings by number."""
    numbers: dict[str, int] = {}
    keys = np.fromiter((numbers.setdefault(string, len(numbers)) for string in strings), dtype=np.int64)
    return keys, list(numbers)


def carve(
    rows: Sequence[int],
    size: int,
    keys: Keys,
    labels: Sequence[int],
    random: np.random.Generator,
    *,
    leave: int,
) -> tuple[list[int], list[int]]:
    """Draw a random part of `rows`, stratified by label. Rows with the same key stay together.

    Args:
        rows: Indices into `keys` and `labels`.
        size: Rows to take. It is met exactly unless repeated texts make up so much of a class that they do not fit;
            where none fits, the rows of one text of every class are taken, which are more.
        leave: Rows of every class that must not be taken.

    Returns:
        The rows taken and the rows left, both in the order of `rows`.
    """
    own = np.asarray(rows, dtype=np.int64)
    own_keys, own_labels = keys[own], np.asarray(labels, dtype=np.int64)[own]
    is_single = np.bincount(own_keys)[own_keys] == 1
    rows_of: dict[int, list[int]] = defaultdict(list)
    for key, row in zip(own_keys[~is_single].tolist(), own[~is_single].tolist(), strict=True):
        rows_of[key].append(row)
    repeated = list(rows_of.values())
    classes, counts = (array.tolist() for array in np.unique(own_labels, return_counts=True))
    open_places = _places(Counter(dict(zip(classes, counts, strict=True))), size, leave)
    share = size / max(len(rows), 1)
    taken = np.zeros(len(keys), dtype=np.bool_)

    def take_if_it_fits(group: list[int]) -> None:
        wanted = Counter(labels[row] for row in group)
        if all(open_places[label] >= count for label, count in wanted.items()):
            taken[group] = True
            open_places.subtract(wanted)

    # Repeated texts come first, while there is room for them; then single texts fill up each class.
    for position in random.permutation(len(repeated)).tolist():
        if random.random() < share:
            take_if_it_fits(repeated[position])
    order = random.permutation(int(is_single.sum()))
    single, single_labels = own[is_single][order], own_labels[is_single][order]
    by_label = np.argsort(single_labels, kind="stable")
    ends = np.searchsorted(single_labels[by_label], classes, side="right").tolist()
    for label, (start, end) in zip(classes, pairwise([0, *ends]), strict=True):
        first = by_label[start:end][: open_places[label]]
        taken[single[first]] = True
        open_places[label] -= len(first)
    for group in repeated:
        if not taken[group[0]]:
            take_if_it_fits(group)
    if not taken.any():
        taken[list(_smallest_groups(repeated, labels, leave))] = True
    return own[taken[own]].tolist(), own[~taken[own]].tolist()


def _smallest_groups(groups: Sequence[list[int]], labels: Sequence[int], leave: int) -> set[int]:
    """Return the rows of the smallest group of every class, as long as `leave` rows of each class are left."""
    left = Counter(labels[row] for group in groups for row in group)
    taken: set[int] = set()
    served: set[int] = set()
    for group in sorted(groups, key=len):
        wanted = Counter(labels[row] for row in group)
        if served.isdisjoint(wanted) and all(left[label] - count >= leave for label, count in wanted.items()):
            taken.update(group)
            served.update(wanted)
            left.subtract(wanted)
    return taken


def _places(counts: Counter[int], size: int, leave: int) -> Counter[int]:
    """Return the rows to take of each class: in proportion, at least 1, leaving at least `leave`.

    Fractions are rounded by largest remainders, so that the sum is `size` as far as the limits allow.
    """
    total = sum(counts.values())
    most = {label: max(count - leave, 0) for label, count in counts.items()}
    exact = {label: count * size / total for label, count in counts.items()}
    places = Counter({label: min(max(int(exact[label]), 1), most[label]) for label in counts})
    by_label = sorted(counts)
    while sum(places.values()) < size:
        can_grow = [label for label in by_label if places[label] < most[label]]
        if not can_grow:
            break
        places[max(can_grow, key=lambda label: exact[label] - places[label])] += 1
    while sum(places.values()) > size:
        can_shrink = [label for label in by_label if places[label] > 1]
        if not can_shrink:
            break
        places[min(can_shrink, key=lambda label: exact[label] - places[label])] -= 1
    return places
