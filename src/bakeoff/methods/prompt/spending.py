"""Count what an endpoint costs, and stop before a limit is exceeded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bakeoff.errors import UserError
from bakeoff.evaluation.wording import money
from bakeoff.methods.prompt.config import Prices

BYTES_PER_TOKEN = 4
"""Of English text, for estimates. A token is never shorter than a byte, which bounds the cost of a request."""

MESSAGE_TOKENS = 6
"""About what the roles of a chat add to each message."""


@dataclass(frozen=True)
class Tokens:
    """Tokens that an endpoint bills."""

    input: int = 0
    output: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.input + other.input, self.output + other.output)

    def cost(self, prices: Prices) -> float:
        """Return USD."""
        return (self.input * prices.input + self.output * prices.output) / 1e6


class Meter:
    """The money spent so far by a training. Threads may use it together."""

    def __init__(self, prices: Prices | None, limit: float | None) -> None:
        self._prices = prices
        self._limit = limit
        self.earlier = 0.0  # USD that other trainings of the contestant have cost; they count toward the limit
        self._spent = 0.0
        self._reserved = 0.0
        self._changed = threading.Condition()

    @property
    def spent(self) -> float:
        return self._spent

    def add(self, tokens: Tokens) -> None:
        """Count what was spent: now, or earlier by this contestant, whose answers are cached."""
        if self._prices is not None:
            with self._changed:
                self._spent += tokens.cost(self._prices)

    @contextmanager
    def reserved(self, most: Tokens) -> Iterator[None]:
        """Hold back the most that a request can cost; waits for requests under way if there may not be enough.

        Raises:
            UserError: the limit could be exceeded.
        """
        if self._prices is None or self._limit is None:
            yield
            return
        bound = most.cost(self._prices)
        with self._changed:
            while self.earlier + self._spent + self._reserved + bound > self._limit:
                if not self._reserved:
                    spent = money(self.earlier + self._spent)
                    raise UserError(
                        f"The next request could exceed max_cost: {spent} of {money(self._limit)} are "
                        f"spent, and it may cost {money(bound)}.",
                        "Raise max_cost and go on: the answers so far are kept, and are not paid for again. "
                        "`bakeoff run` and `bakeoff resume` take --set contestants.NAME.max_cost=USD",
                    )
                self._changed.wait()
            self._reserved += bound
        try:
            yield
        finally:
            with self._changed:
                self._reserved -= bound
                if self._reserved < 1e-15:  # sums of floats do not return to 0
                    self._reserved = 0.0
                self._changed.notify_all()
