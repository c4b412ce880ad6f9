"""Which rows must stand on one side, because they hold the same text or nearly the same, and which do not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bakeoff.data.near_duplicates import LARGEST_BUCKET, NearDuplicates, find_near_duplicates
from bakeoff.data.splitting import folded
from bakeoff.runs.results import DataReport, NearDuplicate

MOST_CHARACTERS = 500_000_000
"""Of all texts together; with more, near-identical ones would take too much memory to find."""

_EXAMPLES = 5
_SHOWN_CHARACTERS = 160
_SHOWN_BEFORE = 50  # characters before the first difference


@dataclass(frozen=True)
class Likeness:
    """What is the same among the rows that are used."""

    keys: list[str]  # of every row: the text without its white space; the same for identical texts
    near_keys: list[str]  # of every row: the key of the first row that is identical or nearly so
    pairs: list[tuple[str, str, float]] = field(default_factory=list)  # near-identical keys, and their similarity
    note: str | None = None  # what was left out


def likeness(texts: Sequence[str], used: Sequence[int]) -> Likeness:
    """Compare the texts of the rows `used` with each other."""
    keys = [folded(text) for text in texts]
    different = list(dict.fromkeys(keys[row] for row in used))
    if sum(map(len, different)) > MOST_CHARACTERS:
        note = f"With more than {MOST_CHARACTERS:,} characters, only identical texts were looked for, not similar ones."
        return Likeness(keys, keys, note=note)
    found = find_near_duplicates(different)
    first_of_group: dict[int, str] = {}
    near_key = {
        key: first_of_group.setdefault(group, key) for key, group in zip(different, found.group.tolist(), strict=True)
    }
    return Likeness(
        keys,
        [near_key.get(key, key) for key in keys],
        [
            (different[first], different[second], similarity)
            for first, second, similarity in zip(
                found.first.tolist(), found.second.tolist(), found.similarity.tolist(), strict=True
            )
        ],
        _incomplete(found),
    )


def _incomplete(found: NearDuplicates) -> str | None:
    if found.complete:
        return None
    return (
        f"A phrase stands in more than {LARGEST_BUCKET:,} texts. These were compared with texts of nearly the same "
        "length only, so near-identical ones among them may have been missed."
    )


def report_likeness(
    report: DataReport,
    found: Likeness,
    sides: Mapping[str, Sequence[int]],
    names: Sequence[str],
    labels: Sequence[str],
    noun: str,
) -> None:
    """Write into `report` what was found twice, and on which sides.

    Args:
        sides: The rows of every side.
        names: The name of every row.
        labels: The label of every row; empty where there are none.
        noun: What the texts are, e.g. `texts`.
    """
    moved = "of the given split (they were not moved)" if report.split_seed is None else "of the split"
    same, near = _gather(found.keys, found, sides, labels), _gather(found.near_keys, found, sides, labels)
    near = {key: group for key, group in near.items() if len(group.keys) > 1}
    report.duplicate_texts = sum(group.rows for group in same.values())
    report.across_splits = sum(len(group.sides) > 1 for group in same.values())
    report.near_duplicate_texts = sum(group.rows for group in near.values())
    report.near_across_splits = sum(len(group.sides) > 1 for group in near.values())
    report.near_duplicates = _examples(found, sides, names, labels)
    contradicting = sum(len(group.labels) > 1 for group in same.values())
    suspicious = sum(len(group.labels) > 1 for group in near.values())
    groups = f"Groups of near-identical {noun}"
    report.notes += [f"{contradicting:,} {noun} occur with different labels."] * (contradicting > 0)
    report.notes += [f"{report.across_splits:,} {noun} stand on more than one side {moved}."] * (
        report.across_splits > 0
    )
    report.notes += [f"{groups} with different labels, of which one may be wrong: {suspicious:,}."] * (suspicious > 0)
    if report.near_across_splits:
        report.notes.append(f"{groups} that stand on more than one side {moved}: {report.near_across_splits:,}.")
    report.notes += [found.note] if found.note else []


@dataclass
class _Group:
    """Rows that belong together."""

    rows: int = 0
    keys: set[str] = field(default_factory=set)
    sides: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)


def _gather(
    group_of: Sequence[str], found: Likeness, sides: Mapping[str, Sequence[int]], labels: Sequence[str]
) -> dict[str, _Group]:
    """The groups that have several rows."""
    rows_of = Counter(group_of[row] for rows in sides.values() for row in rows)
    groups: dict[str, _Group] = defaultdict(_Group)
    for side, rows in sides.items():
        for row in rows:
            if rows_of[group_of[row]] == 1:
                continue
            group = groups[group_of[row]]
            group.rows += 1
            group.keys.add(found.keys[row])
            group.sides.add(side)
            group.labels.update(labels[row : row + 1])
    return groups


def _examples(
    found: Likeness, sides: Mapping[str, Sequence[int]], names: Sequence[str], labels: Sequence[str]
) -> list[NearDuplicate]:
    """A few pairs: those on different sides first, then those with different labels, then the least similar."""
    row_of: dict[str, tuple[int, str]] = {}
    for side, rows in sides.items():
        for row in rows:
            row_of.setdefault(found.keys[row], (row, side))
    examples = []
    for first, second, similarity in found.pairs:
        if first not in row_of or second not in row_of:
            continue  # of a part of the text that is not used
        pair = [row_of[first], row_of[second]]
        examples.append(
            NearDuplicate(
                similarity=similarity,
                names=[names[row] for row, _ in pair],
                splits=[side for _, side in pair],
                labels=[labels[row] for row, _ in pair] if labels else [],
                texts=_shortened(first, second),
            )
        )
    examples.sort(key=lambda pair: (len(set(pair.splits)) == 1, len(set(pair.labels)) == 1, pair.similarity))
    return examples[:_EXAMPLES]


def _shortened(first: str, second: str) -> list[str]:
    """Two texts from a little before their first difference."""
    same = next((place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
    start = max(0, same - _SHOWN_BEFORE)
    return ["…" * (start > 0) + _cut(text[start:]) for text in (first, second)]


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
