"""The interface of a gradient method's learner, beyond what the training loop needs."""

from __future__ import annotations

from typing import Protocol

from bakeoff.training.learner import Learner


class MethodLearner(Learner, Protocol):
    """A learner that knows its size and what a reader of the result must know."""

    trained_parameters: int
    total_parameters: int

    def notes(self) -> list[str]:
        """Return sentences on what was cut and padded."""
