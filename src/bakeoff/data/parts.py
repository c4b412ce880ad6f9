"""Nested parts of a training split, for a learning curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bakeoff.data.group_split import joined_keys, split_by_group
from bakeoff.data.leakage import Duplicates
from bakeoff.data.splitting import Keys, carve, numbered
from bakeoff.errors import UserError


def nested_parts(
    rows: Sequence[int],
    shares: Sequence[float],
    labels: Sequence[int],
    duplicates: Duplicates,
    groups: Sequence[str] | None,
    random: np.random.Generator,
) -> list[list[int]]:
    """Draw parts of the training rows, each inside the next larger one, as a smaller table would have them.

    Every part has every class, as near to its share as whole rows allow. Rows of a group stay together, and so do
    identical and near-identical texts, unless a part would then lack a class or be far from its size. (No text leaks if
    they are divided: all of them are training rows.)

    Args:
        rows: The training rows, indices into the other lists.
        shares: Of the rows, in ascending order, each below 1.
        groups: The group of every row, or None.

    Returns:
        The rows of each part, in the order of `rows`.

    Raises:
        UserError: the parts cannot have different sizes and every class.
    """
    candidates = [duplicates.near_keys, duplicates.keys, np.arange(len(labels))]
    if groups is not None:
        numbers, _ = numbered(groups)
        candidates = [*(joined_keys(numbers, keys, rows) for keys in candidates[:2]), numbers, candidates[2]]
    parts: list[list[int]] = []
    larger = list(rows)
    for share in reversed(shares):
        larger = _part(larger, share, round(share * len(rows)), candidates, labels, groups is not None, random)
        parts.insert(0, larger)
    return parts


def _part(
    rows: list[int],
    share: float,
    size: int,
    candidates: Sequence[Keys],
    labels: Sequence[int],
    grouped: bool,
    random: np.random.Generator,
) -> list[int]:
    classes = {labels[row] for row in rows}
    found: list[list[int]] = []
    for keys in candidates:
        if grouped:
            part = split_by_group(rows, keys, labels, {"part": size, "rest": len(rows) - size}, random)["part"]
        else:
            part, _ = carve(rows, size, keys, labels, random, leave=0)
        if {labels[row] for row in part} == classes and len(part) < len(rows):
            found.append(part)
            if size / 2 <= len(part) <= 2 * size:
                break
    if not found:
        raise UserError(
            f"learning_curve: {share:g} of the training rows is not a part that has a row of each of the "
            f"{len(classes):,} classes and is smaller than the next one ({len(rows):,} rows).",
            "Give larger shares, further apart, or more rows.",
        )
    return min(found, key=lambda part: abs(len(part) - size))
