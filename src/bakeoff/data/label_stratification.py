"""Split rows with several labels each so that every label has its share in every split.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, *On the stratification of multi-label data*): labels
are dealt with from the rarest to the most frequent, because rows of a rare label are hard to make up for later. Here
what is dealt out are groups of rows that must stay together, such as copies of a text.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from bakeoff.data.splitting import Keys


def split_by_label_sets(
    rows: Sequence[int],
    keys: Keys,
    label_sets: Sequence[tuple[int, ...]],
    sizes: Mapping[str, int],
    random: np.random.Generator,
) -> dict[str, list[int]]:
    """Divide `rows` so that rows with the same key are in the same split.

    The groups of the rarest label left are dealt out, large ones first, each to the split that lacks most of that
    label, or of rows in general; then those of the next label; at last those without labels.

    Args:
        rows: Indices into `keys` and `label_sets`.
        label_sets: The labels of every row.
        sizes: Wanted rows by split; met nearly.

    Returns:
        The rows of every split, in the order of `rows`.
    """
    rows_of: dict[int, list[int]] = defaultdict(list)
    for row, key in zip(rows, keys[rows].tolist(), strict=True):
        rows_of[key].append(row)
    groups = list(rows_of.values())
    labels_of = [Counter(label for row in group for label in label_sets[row]) for group in groups]
    left = Counter(label for row in rows for label in label_sets[row])
    total = max(sum(sizes.values()), 1)
    open_rows = {name: float(size) for name, size in sizes.items() if size}
    open_labels = {name: {label: size * left[label] / total for label in left} for name, size in open_rows.items()}
    order = sorted(random.permutation(len(groups)).tolist(), key=lambda number: -len(groups[number]))
    with_label: dict[int, list[int]] = defaultdict(list)
    for number in order:
        for label in labels_of[number]:
            with_label[label].append(number)
    home: dict[int, str] = {}

    def deal(number: int, label: int | None) -> None:
        draw = dict(zip(open_rows, random.random(len(open_rows)), strict=True))
        wanted = {name: open_labels[name][label] if label is not None else 0.0 for name in open_rows}
        best = max(open_rows, key=lambda name: (wanted[name], open_rows[name], draw[name]))
        home[number] = best
        open_rows[best] -= len(groups[number])
        for each, count in labels_of[number].items():
            open_labels[best][each] -= count
        left.subtract(labels_of[number])

    while left := +left:
        rarest = min(left, key=lambda label: (left[label], label))
        for number in with_label[rarest]:
            if number not in home:
                deal(number, rarest)
    for number in order:
        if number not in home:
            deal(number, None)
    split_of = {row: home[number] for number, group in enumerate(groups) for row in group}
    return {name: [row for row in rows if split_of[row] == name] for name in sizes}
