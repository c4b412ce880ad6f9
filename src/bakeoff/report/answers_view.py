"""Generated answers beside the given ones, for a few test prompts."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.report.loaded import LoadedContestant
from bakeoff.runs.results import Sample

SHOWN = 10
_LONGEST = 300  # characters of a cell


def answer_titles(contestants: Sequence[LoadedContestant]) -> list[str]:
    """Return the columns of `answer_rows`."""
    return ["Prompt", "Given answer", *(contestant.name for contestant in contestants)]


def answer_rows(contestants: Sequence[LoadedContestant], most: int = SHOWN) -> list[list[str]]:
    """Return a row for each of the first prompts; nothing where no answers were generated."""
    answers = [
        {str(sample.document): sample for sample in contestant.samples if sample.kind == "answer"}
        for contestant in contestants
    ]
    first: dict[str, Sample] = next((found for found in answers if found), {})
    return [
        [
            _end(sample.prompt),
            _beginning(sample.reference or ""),
            *(_beginning(found[name].text) if name in found else "–" for found in answers),
        ]
        for name, sample in list(first.items())[:most]
    ]


def _beginning(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _end(text: str) -> str:
    """Shorten a prompt to what stands right before its answer."""
    return text if len(text) <= _LONGEST else f"…{text[1 - _LONGEST :]}"
