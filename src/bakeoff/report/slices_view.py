"""Tables of the slices of test texts on which contestants fail, or one of two is better."""

from __future__ import annotations

from bakeoff.evaluation.slices import shown_slice as shown_slice
from bakeoff.evaluation.wording import count, number, p_value
from bakeoff.runs.findings import Slices, WeakSlice

LISTED = 12

WEAK_TITLES = ["Slice", "Contestant", "Texts", "Accuracy", "Elsewhere", "p", "Corrected p"]
LEAD_TITLES = ["Slice", "Better", "Worse", "Texts", "Accuracy", "Other's accuracy", "McNemar's p", "Corrected p"]


def weak_slices(found: Slices) -> list[WeakSlice]:
    """Return the weak slices that are listed."""
    return found.weak[:LISTED]


def weak_rows(found: Slices) -> list[list[str]]:
    """Return a row for each weak slice that is listed."""
    return [
        [
            shown_slice(weak.trait, weak.value),
            weak.contestant,
            count(weak.texts),
            number(weak.accuracy),
            number(weak.elsewhere),
            p_value(weak.p_value),
            p_value(weak.corrected_p_value),
        ]
        for weak in weak_slices(found)
    ]


def lead_rows(found: Slices) -> list[list[str]]:
    """Return a row for each slice on which one of two contestants is better."""
    return [
        [
            shown_slice(lead.trait, lead.value),
            lead.better,
            lead.worse,
            count(lead.texts),
            number(lead.accuracy),
            number(lead.other_accuracy),
            p_value(lead.p_value),
            p_value(lead.corrected_p_value),
        ]
        for lead in found.leads[:LISTED]
    ]
