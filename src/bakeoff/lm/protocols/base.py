"""The interface of a perplexity protocol.

A protocol decides which tokens are predicted from which context, and what the summed loss is divided by. Each has a
module of its own in this folder and a line in `registry.py`. Importing them must be cheap, because reading a config
needs their names: they import numpy and the like inside `plan`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from bakeoff.data.types import Corpus
    from bakeoff.lm.scoring_plan import ScoringPlan


class PerplexityProtocol(ABC):
    """A way to measure perplexity, under a name and a version."""

    name: ClassVar[str]
    version: ClassVar[int]
    """Raised whenever the same model and text would get another number."""
    meaning: ClassVar[str]
    """One or two sentences for reports."""
    predicts_every_token: ClassVar[bool] = False
    """True if the loss covers the whole text, so that it can be divided by its words and bytes."""

    @abstractmethod
    def plan(self, tokenizer: Any, corpus: Corpus, *, context: int, stride: int | None) -> ScoringPlan:
        """Tokenize a corpus and cut it into rows for the model.

        Args:
            context: Tokens that the model is shown at once, at least 2.
            stride: Step between overlapping windows; absent: the protocol's default. Others ignore it.

        Raises:
            UserError: the settings do not fit the text.
        """
