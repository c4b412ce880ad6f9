"""Protocol `document`: every token of every document, predicted exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.lm.protocols.base import PerplexityProtocol

if TYPE_CHECKING:
    from bakeoff.data.types import Corpus
    from bakeoff.lm.scoring_plan import ScoringPlan


class DocumentProtocol(PerplexityProtocol):
    """The rolling log-likelihood of lm-evaluation-harness (`get_rolling_token_windows` with a context of 1).

    The first token of a document is predicted from BOS or EOS. Windows do not overlap, but the last one is filled up
    with earlier tokens, so that it too sees a full context.
    """

    name: ClassVar[str] = "document"
    version: ClassVar[int] = 1
    meaning: ClassVar[str] = (
        "Every token of every document is predicted exactly once, in windows of the full context that do not "
        "overlap; the first token is predicted from the begin-of-text token."
    )
    predicts_every_token: ClassVar[bool] = True

    def plan(self, tokenizer: Any, corpus: Corpus, *, context: int, stride: int | None) -> ScoringPlan:
        """Cut each document into windows that do not overlap; the stride is ignored."""
        import numpy as np

        from bakeoff.lm.scoring_plan import Piece, Row, ScoringPlan, text_counter
        from bakeoff.lm.tokens import beginning_token, tokenize

        beginning = beginning_token(tokenizer, "Protocol `document`", "Use `window` or `lab`")
        texts = [document.text for document in corpus.documents]
        rows: list[Row] = []
        pieces: list[Piece] = []
        tokenized = tokenize(tokenizer, texts, special_tokens=False, split=corpus.split_special_tokens)
        for document, tokens in zip(corpus.documents, tokenized, strict=True):
            inputs = np.concatenate([[beginning], tokens.ids])  # inputs[i] is followed by tokens.ids[i]
            count = text_counter(document.text, tokens)
            for number, first in enumerate(range(0, len(tokens.ids), context)):
                last = min(first + context, len(tokens.ids))
                words, size = count(first, last)
                pieces.append(
                    Piece(
                        document=document.name,
                        number=number,
                        row=len(rows),
                        first=0,
                        last=last - first,
                        weight=last - first,
                        words=words,
                        bytes=size,
                    )
                )
                rows.append(Row(inputs[max(0, last - context) : last], tokens.ids[first:last]))
        return ScoringPlan(f"{self.name}(context={context})", rows, pieces)
