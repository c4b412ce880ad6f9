"""Find identical and near-identical texts, which must stay in one split, and report those that cross splits."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bakeoff.data.near_duplicates import LARGEST_BUCKET, NearDuplicates, find_near_duplicates
from bakeoff.data.splitting import Keys, folded, numbered
from bakeoff.runs.data_report import DataReport, NearDuplicate, TimeSplit

MOST_CHARACTERS = 500_000_000
"""Most characters of all texts together; with more, the search for near-duplicates would take too much memory."""

_EXAMPLES = 5
_SHOWN_CHARACTERS = 160
_SHOWN_BEFORE = 50  # characters before the first difference


@dataclass(frozen=True)
class Duplicates:
    """Identical and near-identical texts among the rows that are used."""

    keys: Keys  # of every row: the same for texts that differ in white space only
    near_keys: Keys  # of every row: the key of the first row that is identical or nearly so
    pairs: list[tuple[int, int, float]] = field(default_factory=list)  # near-identical keys, and their similarity
    note: str | None = None  # says what was not compared
    texts: Sequence[str] = ()  # of every row


def find_duplicates(texts: Sequence[str], used: Sequence[int]) -> Duplicates:
    """Compare the texts of the rows `used` with each other."""
    keys, text_of = numbered(map(folded, texts))
    used_keys = keys[np.asarray(used, dtype=np.int64)]
    distinct = used_keys[np.sort(np.unique(used_keys, return_index=True)[1])]
    distinct_texts = [text_of[key] for key in distinct.tolist()]
    if sum(map(len, distinct_texts)) > MOST_CHARACTERS:
        note = f"The data has more than {MOST_CHARACTERS:,} characters: only identical texts were searched for."
        return Duplicates(keys, keys, note=note, texts=texts)
    near = find_near_duplicates(distinct_texts)
    _, first, group = np.unique(near.group, return_index=True, return_inverse=True)
    near_key = np.arange(len(text_of))
    near_key[distinct] = distinct[first[group]]
    pairs = (distinct[near.first].tolist(), distinct[near.second].tolist(), near.similarity.tolist())
    return Duplicates(keys, near_key[keys], list(zip(*pairs, strict=True)), _incomplete(near), texts)


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
    keys: set[int] = field(default_factory=set)
    splits: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)


def _groups(
    group_of: Keys, duplicates: Duplicates, splits: Mapping[str, Sequence[int]], labels: Sequence[str]
) -> dict[int, _Group]:
    """Return the groups that have more than one row."""
    rows_of = {split: np.asarray(rows, dtype=np.int64) for split, rows in splits.items()}
    sizes = np.bincount(np.concatenate([group_of[rows] for rows in rows_of.values()]))
    groups: dict[int, _Group] = defaultdict(_Group)
    for split, all_rows in rows_of.items():
        rows = all_rows[sizes[group_of[all_rows]] > 1]
        columns = (rows.tolist(), group_of[rows].tolist(), duplicates.keys[rows].tolist())
        for row, number, key in zip(*columns, strict=True):
            group = groups[number]
            group.rows += 1
            group.keys.add(key)
            group.splits.add(split)
            group.labels.update(labels[row : row + 1])
    return groups


def _examples(
    duplicates: Duplicates, splits: Mapping[str, Sequence[int]], names: Sequence[str], labels: Sequence[str]
) -> list[NearDuplicate]:
    """Pick a few pairs: first those in different splits, then those with different labels, then the least similar."""
    in_pairs = [key for first, second, _ in duplicates.pairs for key in (first, second)]
    row_of: dict[int, tuple[int, str]] = {}
    for split, all_rows in splits.items():
        rows = np.asarray(all_rows, dtype=np.int64)
        rows = rows[np.isin(duplicates.keys[rows], in_pairs)]
        for row, key in zip(rows.tolist(), duplicates.keys[rows].tolist(), strict=True):
            row_of.setdefault(key, (row, split))

    def order(pair: tuple[int, int, float]) -> tuple[bool, bool, float]:
        (first, split), (second, other_split) = row_of[pair[0]], row_of[pair[1]]
        return split == other_split, bool(labels) and labels[first] == labels[second], pair[2]

    # A key without a row is from a part of the text that is not used.
    pairs = [pair for pair in duplicates.pairs if pair[0] in row_of and pair[1] in row_of]
    examples = []
    for first, second, similarity in heapq.nsmallest(_EXAMPLES, pairs, order):
        rows_and_splits = [row_of[first], row_of[second]]
        examples.append(
            NearDuplicate(
                similarity=similarity,
                names=[names[row] for row, _ in rows_and_splits],
                splits=[split for _, split in rows_and_splits],
                labels=[labels[row] for row, _ in rows_and_splits] if labels else [],
                texts=_shortened(*(folded(duplicates.texts[row]) for row, _ in rows_and_splits)),
            )
        )
    return examples


def _shortened(first: str, second: str) -> list[str]:
    """Cut two texts to a stretch that begins shortly before their first difference."""
    same = next((place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
    start = max(0, same - _SHOWN_BEFORE)
    return ["…" * (start > 0) + _cut(text[start:]) for text in (first, second)]


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
