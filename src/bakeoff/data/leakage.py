"""Find identical and near-identical texts, which must stay in one split, and report those that cross splits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bakeoff.data.near_duplicates import LARGEST_BUCKET, NearDuplicates, find_near_duplicates
from bakeoff.data.splitting import folded
from bakeoff.runs.data_report import DataReport, NearDuplicate, TimeSplit

MOST_CHARACTERS = 500_000_000
"""Most characters of all texts together; with more, the search for near-duplicates would take too much memory."""

_EXAMPLES = 5
_SHOWN_CHARACTERS = 160
_SHOWN_BEFORE = 50  # characters before the first difference


@dataclass(frozen=True)
class Duplicates:
    """Identical and near-identical texts among the rows that are used."""

    keys: list[str]  # of every row: the text with white space normalized; the same for identical texts
    near_keys: list[str]  # of every row: the key of the first row that is identical or nearly so
    pairs: list[tuple[str, str, float]] = field(default_factory=list)  # near-identical keys, and their similarity
    note: str | None = None  # says what was not compared


def find_duplicates(texts: Sequence[str], used: Sequence[int]) -> Duplicates:
    """Compare the texts of the rows `used` with each other."""
    keys = [folded(text) for text in texts]
    distinct = list(dict.fromkeys(keys[row] for row in used))
    if sum(map(len, distinct)) > MOST_CHARACTERS:
        note = f"The data has more than {MOST_CHARACTERS:,} characters: only identical texts were searched for."
        return Duplicates(keys, keys, note=note)
    near = find_near_duplicates(distinct)
    _, first, group = np.unique(near.group, return_index=True, return_inverse=True)
    later = np.flatnonzero(first[group] != np.arange(len(distinct)))
    near_key = {distinct[place]: distinct[first[group[place]]] for place in later}
    return Duplicates(
        keys,
        [near_key.get(key, key) for key in keys],
        [
            (distinct[first], distinct[second], similarity)
            for first, second, similarity in zip(
                near.first.tolist(), near.second.tolist(), near.similarity.tolist(), strict=True
            )
        ],
        _incomplete(near),
    )


def _incomplete(near: NearDuplicates) -> str | None:
    if near.complete:
        return None
    return (
        f"A phrase occurs in more than {LARGEST_BUCKET:,} texts. These were only compared with texts of nearly the "
        "same length, so near-duplicates among them may have been missed."
    )


def report_leakage(
    report: DataReport,
    duplicates: Duplicates,
    splits: Mapping[str, Sequence[int]],
    names: Sequence[str],
    labels: Sequence[str],
    noun: str,
    part: str = "split",
) -> None:
    """Write into `report` which texts occur more than once, and which of them leak from one split into another.

    Args:
        splits: The rows of every split.
        names: The name of every row.
        labels: The label of every row; empty where there are none.
        noun: Plural noun for the texts, e.g. `texts`.
        part: What `splits` are: `split` or `fold`.
    """
    kept = " (the given splits were kept as they are)" if report.split_seed is None else ""
    if isinstance(report.split_rule, TimeSplit):
        kept = " (they stay where their time puts them)"
    same = _groups(duplicates.keys, duplicates, splits, labels)
    near = _groups(duplicates.near_keys, duplicates, splits, labels)
    near = {key: group for key, group in near.items() if len(group.keys) > 1}
    report.duplicate_texts = sum(group.rows for group in same.values())
    report.across_splits = sum(len(group.splits) > 1 for group in same.values())
    report.near_duplicate_texts = sum(group.rows for group in near.values())
    report.near_across_splits = sum(len(group.splits) > 1 for group in near.values())
    report.near_duplicates = _examples(duplicates, splits, names, labels)
    contradicting = sum(len(group.labels) > 1 for group in same.values())
    suspicious = sum(len(group.labels) > 1 for group in near.values())
    if contradicting:
        report.notes.append(f"{contradicting:,} {noun} occur with different labels.")
    if report.across_splits:
        report.notes.append(f"Leakage: {report.across_splits:,} {noun} occur in more than one {part}{kept}.")
    groups = f"Groups of near-identical {noun}"
    if suspicious:
        report.notes.append(f"{groups} with different labels, one of which may be wrong: {suspicious:,}.")
    if report.near_across_splits:
        report.notes.append(f"Leakage: {groups.lower()} in more than one {part}{kept}: {report.near_across_splits:,}.")
    if duplicates.note:
        report.notes.append(duplicates.note)


@dataclass
class _Group:
    """Rows with the same text, or nearly the same."""

    rows: int = 0
    keys: set[str] = field(default_factory=set)
    splits: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)


def _groups(
    group_of: Sequence[str], duplicates: Duplicates, splits: Mapping[str, Sequence[int]], labels: Sequence[str]
) -> dict[str, _Group]:
    """Return the groups that have more than one row."""
    rows_of = Counter(group_of[row] for rows in splits.values() for row in rows)
    groups: dict[str, _Group] = defaultdict(_Group)
    for split, rows in splits.items():
        for row in rows:
            if rows_of[group_of[row]] == 1:
                continue
            group = groups[group_of[row]]
            group.rows += 1
            group.keys.add(duplicates.keys[row])
            group.splits.add(split)
            group.labels.update(labels[row : row + 1])
    return groups


def _examples(
    duplicates: Duplicates, splits: Mapping[str, Sequence[int]], names: Sequence[str], labels: Sequence[str]
) -> list[NearDuplicate]:
    """Pick a few pairs: first those in different splits, then those with different labels, then the least similar."""
    in_pairs = {key for first, second, _ in duplicates.pairs for key in (first, second)}
    row_of: dict[str, tuple[int, str]] = {}
    for split, rows in splits.items():
        for row in rows:
            if duplicates.keys[row] in in_pairs:
                row_of.setdefault(duplicates.keys[row], (row, split))
    examples = []
    for first, second, similarity in duplicates.pairs:
        if first not in row_of or second not in row_of:
            continue  # from a part of the text that is not used
        pair = [row_of[first], row_of[second]]
        examples.append(
            NearDuplicate(
                similarity=similarity,
                names=[names[row] for row, _ in pair],
                splits=[split for _, split in pair],
                labels=[labels[row] for row, _ in pair] if labels else [],
                texts=_shortened(first, second),
            )
        )
    examples.sort(key=lambda pair: (len(set(pair.splits)) == 1, len(set(pair.labels)) == 1, pair.similarity))
    return examples[:_EXAMPLES]


def _shortened(first: str, second: str) -> list[str]:
    """Cut two texts to a stretch that begins shortly before their first difference."""
    same = next((place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
    start = max(0, same - _SHOWN_BEFORE)
    return ["…" * (start > 0) + _cut(text[start:]) for text in (first, second)]


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
