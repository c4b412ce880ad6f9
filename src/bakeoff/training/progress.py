"""Progress reports: the library calls these methods, and the command line overrides them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakeoff.runs.results import ContestantResult, EpochLine, StepLine


class Progress:
    """A receiver of progress reports that ignores them. Subclasses override what they want to show."""

    def message(self, text: str) -> None:
        """Report one sentence to the user (e.g. what was skipped or resumed)."""

    def contestant(self, name: str, number: int, total: int) -> None:
        """Report that a contestant begins; the first has number 1."""

    def trial(self, number: int) -> None:
        """Report that a trial of a search begins; the first has number 1."""

    def stage(self, text: str, share: float | None = None) -> None:
        """Report the current activity (e.g. `scoring window`), and the share of it that is done (0 to 1) if known."""

    def step(self, line: StepLine, share: float) -> None:
        """Report an optimizer step; `share` is the part of the training budget that is spent (0 to 1)."""

    def epoch(self, line: EpochLine) -> None:
        """Report an evaluation on the validation split."""

    def result(self, result: ContestantResult) -> None:
        """Report that a contestant has finished."""

    def side_by_side(self, name: str, number: int, total: int) -> Progress:
        """Report that a contestant begins beside others; return the progress that is told about this one alone.

        By default it is this one, which cannot tell whose steps it sees.
        """
        self.contestant(name, number, total)
        return self

    def end(self) -> None:
        """Report that nothing more follows from a contestant that was trained beside others."""


class ForwardingProgress(Progress):
    """A progress that passes on what a training reports. Subclasses change or add to some of it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def message(self, text: str) -> None:
        self._progress.message(text)

    def trial(self, number: int) -> None:
        self._progress.trial(number)

    def stage(self, text: str, share: float | None = None) -> None:
        self._progress.stage(text, share)

    def step(self, line: StepLine, share: float) -> None:
        self._progress.step(line, share)

    def epoch(self, line: EpochLine) -> None:
        self._progress.epoch(line)
