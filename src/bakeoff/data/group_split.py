"""Split rows so that no group is in two splits: sizes and classes as near to the wanted ones as the groups allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from bakeoff.data.splitting import Keys

_PASSES = 5  # at most, of moving single groups to where they fit better


@dataclass(frozen=True)
class _Group:
    rows: list[int]
    labels: Counter[int]


class _Part:
    """A split that is being filled, and how far it is from what is wanted."""

    def __init__(self, size: int, share: float, totals: Mapping[int, int]) -> None:
        self.groups: set[int] = set()
        self._rows = 0.0
        self._size = max(float(size), 1.0)
        self._labels = dict.fromkeys(totals, 0.0)
        self._wanted = {label: max(share * total, 1e-9) for label, total in totals.items()}

    def cost_of(self, group: _Group, sign: int) -> float:
        """Return how much the chi-square distance changes when a group comes (+1) or goes (-1)."""

        def change(have: float, wanted: float, count: int) -> float:
            return (2 * sign * count * (have - wanted) + count * count) / wanted

        cost = change(self._rows, self._size, len(group.rows))
        for label, count in group.labels.items():
            cost += change(self._labels[label], self._wanted[label], count)
        return cost

    def update(self, number: int, group: _Group, sign: int) -> None:
        """Take a group in (+1) or out (-1)."""
        (self.groups.add if sign > 0 else self.groups.discard)(number)
        self._rows += sign * len(group.rows)
        for label, count in group.labels.items():
            self._labels[label] += sign * count


def joined_keys(groups: Keys, keys: Keys, used: Sequence[int]) -> Keys:
    """Return a key for every row that is the same for rows connected by a common group or a common text key.

    Args:
        groups: The number of every row's group.
        keys: The key of every row's text.
        used: The rows that connect; the others only belong to their group.
    """
    # A graph whose nodes are the groups, then the texts; every row links two of them.
    first_text = int(groups.max()) + 1
    nodes = first_text + int(keys.max()) + 1
    links = csr_array(
        (np.ones(len(used), dtype=np.bool_), (groups[used], first_text + keys[used])), shape=(nodes, nodes)
    )
    joined: Keys = connected_components(links, directed=False)[1].astype(np.int64)[groups]
    return joined


def split_by_group(
    rows: Sequence[int],
    keys: Keys,
    labels: Sequence[int],
    sizes: Mapping[str, int],
    random: np.random.Generator,
) -> dict[str, list[int]]:
    """Divide `rows` so that rows with the same key are in the same split.

    Groups are dealt in random order, those of more rows first, each to the split that it brings nearest to its size
    and its share of every class; then groups move wherever that improves the whole. With as many groups as splits, or
    more, no split stays empty.

    Args:
        rows: Indices into `keys` and `labels`.
        sizes: Wanted rows by split.

    Returns:
        The rows of every split, in the order of `rows`.
    """
    rows_of: dict[int, list[int]] = {}
    for row, key in zip(rows, keys[rows].tolist(), strict=True):
        rows_of.setdefault(key, []).append(row)
    groups = [_Group(members, Counter(labels[row] for row in members)) for members in rows_of.values()]
    totals = Counter(labels[row] for row in rows)
    parts = {name: _Part(size, size / max(len(rows), 1), totals) for name, size in sizes.items()}
    # Equal magnitudes are shuffled, so that another seed gives another split; large groups would not fit in last.
    order = sorted(random.permutation(len(groups)).tolist(), key=lambda number: -len(groups[number].rows).bit_length())
    for number in order:
        group = groups[number]
        min(parts.values(), key=lambda part: part.cost_of(group, +1)).update(number, group, +1)
    _improve(list(parts.values()), groups, order)
    _fill_empty(list(parts.values()), groups)
    taken = {row: name for name, part in parts.items() for number in part.groups for row in groups[number].rows}
    return {name: [row for row in rows if taken[row] == name] for name in sizes}


def _improve(parts: Sequence[_Part], groups: Sequence[_Group], order: Sequence[int]) -> None:
    """Move groups of more than one row while that brings the splits nearer to what is wanted."""
    several = [number for number in order if len(groups[number].rows) > 1]
    for _ in range(_PASSES):
        moved = False
        for number in several:
            group = groups[number]
            home = next(part for part in parts if number in part.groups)
            gain = home.cost_of(group, -1)
            best = min((part for part in parts if part is not home), key=lambda part: part.cost_of(group, +1))
            if gain + best.cost_of(group, +1) < -1e-9:
                home.update(number, group, -1)
                best.update(number, group, +1)
                moved = True
        if not moved:
            return


def _fill_empty(parts: Sequence[_Part], groups: Sequence[_Group]) -> None:
    """Give each empty split the group that is cheapest to move, from a split that has several."""
    for part in parts:
        if part.groups:
            continue
        moves = [
            (home.cost_of(groups[number], -1) + part.cost_of(groups[number], +1), number, home)
            for home in parts
            if len(home.groups) > 1
            for number in home.groups
        ]
        if moves:
            _, number, home = min(moves, key=lambda move: move[:2])
            home.update(number, groups[number], -1)
            part.update(number, groups[number], +1)
