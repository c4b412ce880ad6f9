"""Find out where contestants fail: groups of test texts on which they are right less often than on the others.

Texts are grouped by length, script, topic and the columns of the table, never by what contestants answered. If a
contestant is as good everywhere, its mistakes fall on a group as if drawn without replacement, so the number of them is
hypergeometric: Fisher's exact test holds for any number of texts. All groups are looked at, and the p-values are
corrected for that (Holm 1979): of 100 bake-offs without a weak group, at most 5 report one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import stats

from bakeoff.evaluation.intervals import holm, mcnemar
from bakeoff.evaluation.pairing import answers
from bakeoff.evaluation.wording import count, listed, number, p_value
from bakeoff.runs.findings import SliceLead, Slices, SliceText, TextTraits, WeakSlice

FEWEST_TEXTS = 20
"""Texts of a slice, and outside of it; with fewer, hardly anything could be more than chance."""

_EXAMPLES = 3

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Slice:
    trait: str
    value: str
    member: Flags  # of each text


@dataclass(frozen=True)
class Answered:
    """What a contestant answered to the test texts."""

    name: str
    labels: list[str]
    predictions: list[str]

    @cached_property
    def right(self) -> Flags:
        return np.array([one == other for one, other in zip(self.labels, self.predictions, strict=True)], dtype=bool)


def find_slices(traits: TextTraits, scores: Sequence[tuple[str, pa.Table]], *, level: float = 0.05) -> Slices | None:
    """Look for slices on which contestants are weak, and on which one of the first two is better than the other.

    Args:
        traits: The groups of every test text.
        scores: scores.parquet of the contestants by name: of those whose weak slices are looked for. Of two, they are
            compared with each other as well.
        level: Of the corrected p-values below which a slice is reported.

    Returns:
        None where there is no slice of enough texts.
    """
    slices = _slices(traits)
    if not slices:
        return None
    contestants = [_answered(name, table, traits) for name, table in scores]
    found = Slices(
        slices=len(slices),
        traits=list(dict.fromkeys(each.trait for each in slices)),
        contestants=[each.name for each in contestants],
    )
    return found.model_copy(update={"weak": _weak(contestants, slices, traits, level)})


def find_leads(
    found: Slices, traits: TextTraits, pair: Sequence[tuple[str, pa.Table]], *, level: float = 0.05
) -> Slices:
    """Add the slices on which one of two contestants is better than the other, by McNemar's test within each."""
    one, other = (_answered(name, table, traits) for name, table in pair)
    slices = _slices(traits)
    p_values = [mcnemar(one.right[each.member], other.right[each.member]) for each in slices]
    leads = []
    for each, p, corrected in zip(slices, p_values, holm(p_values), strict=True):
        if corrected >= level:
            continue
        accuracies = [float(contestant.right[each.member].mean()) for contestant in (one, other)]
        better, worse = (one, other) if accuracies[0] > accuracies[1] else (other, one)
        leads.append(
            SliceLead(
                trait=each.trait,
                value=each.value,
                texts=int(each.member.sum()),
                better=better.name,
                worse=worse.name,
                accuracy=max(accuracies),
                other_accuracy=min(accuracies),
                p_value=p,
                corrected_p_value=corrected,
            )
        )
    leads.sort(key=lambda lead: (lead.better == one.name, lead.p_value))
    return found.model_copy(update={"pair": [one.name, other.name], "leads": leads})


def slice_sentences(found: Slices) -> list[str]:
    """Put the weakest slice of each contestant into words, and where the second of the pair is better."""
    looked = f"{count(found.slices)} slices looked at, by {listed(found.traits)}"
    words = []
    for name in found.contestants:
        weak = [each for each in found.weak if each.contestant == name]
        if not weak:
            words.append(f"{name} is on no slice of the test texts weaker than chance can explain ({looked}).")
            continue
        worst = weak[0]
        more = f" {len(weak) - 1} more weak slices are in the report." if len(weak) > 2 else ""
        more = " 1 more weak slice is in the report." if len(weak) == 2 else more
        words.append(
            f"{name} fails most where {shown_slice(worst.trait, worst.value)}: accuracy {number(worst.accuracy)} on "
            f"{count(worst.texts)} texts, {number(worst.elsewhere)} on the others (p {p_value(worst.p_value)}, "
            f"corrected {p_value(worst.corrected_p_value)}; {looked}).{more}"
        )
    others = [lead for lead in found.leads if lead.better != found.pair[0]]
    if others:
        first = others[0]
        words.append(
            f"{first.better} is better than {first.worse} where {shown_slice(first.trait, first.value)}: accuracy "
            f"{number(first.accuracy)} against {number(first.other_accuracy)} on {count(first.texts)} texts (McNemar's "
            f"p corrected {p_value(first.corrected_p_value)})."
        )
    return words


def shown_slice(trait: str, value: str) -> str:
    """Return a slice as it reads in a sentence: `length is 35 to 60 characters`."""
    return f"{trait} is {value}"


def _slices(traits: TextTraits) -> list[_Slice]:
    """Return the groups of enough texts; of a trait with two values, only both if both are large enough."""
    slices = []
    texts = len(traits.documents)
    for trait, values in traits.traits.items():
        for value in sorted({value for value in values if value is not None}):
            member = np.array([each == value for each in values], dtype=bool)
            if FEWEST_TEXTS <= member.sum() <= texts - FEWEST_TEXTS:
                slices.append(_Slice(trait, value, member))
    return slices


def _answered(name: str, scores: pa.Table, traits: TextTraits) -> Answered:
    """Return the answers in the order of the traits."""
    found = answers(scores)
    place = {document: index for index, document in enumerate(found.names)}
    order = [place[document] for document in traits.documents]
    return Answered(
        name,
        [_written(found.labels[index]) for index in order],
        [_written(found.predictions[index]) for index in order],
    )


def _written(labels: str | list[str]) -> str:
    """Return the label of a text, or all of them where it can have several: it is right if all of them are."""
    return labels if isinstance(labels, str) else ", ".join(labels) or "none"


def _weak(
    contestants: Sequence[Answered], slices: Sequence[_Slice], traits: TextTraits, level: float
) -> list[WeakSlice]:
    looked_at = [(contestant, each) for contestant in contestants for each in slices]
    p_values = [_worse_than_elsewhere(contestant.right, each.member) for contestant, each in looked_at]
    weak = [
        WeakSlice(
            contestant=contestant.name,
            trait=each.trait,
            value=each.value,
            texts=int(each.member.sum()),
            accuracy=float(contestant.right[each.member].mean()),
            elsewhere=float(contestant.right[~each.member].mean()),
            p_value=p,
            corrected_p_value=corrected,
            examples=_examples(contestant, each.member, traits),
        )
        for (contestant, each), p, corrected in zip(looked_at, p_values, holm(p_values), strict=True)
        if corrected < level
    ]
    return sorted(weak, key=lambda found: found.p_value)


def _worse_than_elsewhere(right: Flags, member: Flags) -> float:
    """Return the chance of at least as many mistakes in a slice, if all mistakes fell on texts at random."""
    wrong = ~right
    return float(stats.hypergeom.sf(int(wrong[member].sum()) - 1, right.size, int(wrong.sum()), int(member.sum())))


def _examples(contestant: Answered, member: Flags, traits: TextTraits) -> list[SliceText]:
    rows = np.flatnonzero(member & ~contestant.right)[:_EXAMPLES]
    return [
        SliceText(
            document=traits.documents[row],
            text=traits.texts[row],
            label=contestant.labels[row],
            predicted=contestant.predictions[row],
        )
        for row in rows.tolist()
    ]
