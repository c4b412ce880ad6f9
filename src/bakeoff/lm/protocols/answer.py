"""Protocol `answer`: the answers of examples, each predicted from what stands before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.errors import UserError
from bakeoff.lm.protocols.base import PerplexityProtocol

if TYPE_CHECKING:
    from bakeoff.data.types import Corpus
    from bakeoff.lm.scoring_plan import ScoringPlan


class AnswerProtocol(PerplexityProtocol):
    """The log-likelihood of answers, as lm-evaluation-harness has it for a request of context and continuation.

    The tokens of an answer do not include the one that ends it.
    """

    name: ClassVar[str] = "answer"
    version: ClassVar[int] = 1
    meaning: ClassVar[str] = (
        "Every token of every answer is predicted once, from all that stands before it: the prompt, the examples in it "
        "and the answer so far. The sum is divided by the tokens of the answers; the token that ends an answer is not "
        "among them."
    )

    def plan(self, tokenizer: Any, corpus: Corpus, *, context: int, stride: int | None) -> ScoringPlan:
        """Lay out a row for every example; of one beyond the context, the beginning is cut. The stride is ignored."""
        from bakeoff.lm.examples import ANSWER, example_tokens
        from bakeoff.lm.scoring_plan import Piece, ScoringPlan

        if not corpus.has_examples:
            raise UserError(
                "Protocol `answer` is for prompts with answers, and this is a plain text.",
                "Use protocol `document`, or name the table as data.examples.",
            )
        rows = [example.cut(context).row((ANSWER,)) for example in example_tokens(tokenizer, corpus)]
        pieces = []
        for number, (document, row) in enumerate(zip(corpus.documents, rows, strict=True)):
            text = " ".join(document.text[answer.start : answer.end] for answer in document.answers)
            pieces.append(
                Piece(
                    document=document.name,
                    number=0,
                    row=number,
                    first=0,
                    last=len(row.targets),
                    weight=len(row.targets),
                    words=len(text.split()),
                    bytes=len(text.encode()),
                )
            )
        return ScoringPlan(f"{self.name}(context={context})", rows, pieces)
