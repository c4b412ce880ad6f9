"""How long work speaks: the library calls these methods, the command line overrides them."""

from __future__ import annotations

from bakeoff.runs.results import ContestantResult, EpochLine, StepLine


class Progress:
    """Receives news of a run. This one is silent; a subclass shows what it wants to show."""

    def message(self, text: str) -> None:
        """One sentence that a person should read (what was skipped, what was resumed)."""

    def contestant(self, name: str, number: int, total: int) -> None:
        """A contestant begins; the first has number 1."""

    def stage(self, text: str, share: float | None = None) -> None:
        """What is being done at the moment (`scoring window`), and how much of it is done (0 to 1) if known."""

    def step(self, line: StepLine, share: float) -> None:
        """An optimizer step ended; `share` of the training budget is spent."""

    def epoch(self, line: EpochLine) -> None:
        """The validation side was evaluated."""

    def result(self, result: ContestantResult) -> None:
        """A contestant ended."""
