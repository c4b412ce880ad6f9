"""Protocol `window`: sliding windows over the text as one stream."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.errors import UserError
from bakeoff.lm.protocols.base import PerplexityProtocol

if TYPE_CHECKING:
    from bakeoff.data.types import Corpus
    from bakeoff.lm.scoring_plan import ScoringPlan


class WindowProtocol(PerplexityProtocol):
    """The sliding window of Hugging Face's guide: each window predicts the tokens that the last one did not reach.

    A token is predicted from the earlier tokens of its window. So the first token of the stream is never predicted,
    and with a stride as long as the context neither is the first token of any window.
    """

    name: ClassVar[str] = "window"
    version: ClassVar[int] = 1
    meaning: ClassVar[str] = (
        "The text is one stream, read in windows of the model's context; each window moves on by the stride and "
        "only the tokens that are new in it are counted, each once. The sum is divided by the predicted tokens."
    )

    def plan(self, tokenizer: Any, corpus: Corpus, *, context: int, stride: int | None) -> ScoringPlan:
        """Cut the stream into windows; a stride of None is half the context."""
        import numpy as np

        from bakeoff.lm.scoring_plan import Piece, Row, ScoringPlan, text_counter
        from bakeoff.lm.tokens import tokenize

        stride = stride or max(1, context // 2)
        if stride > context:
            raise UserError(
                f"A stride of {stride} would skip tokens between windows of {context}.",
                f"Set the stride to {context} or less.",
            )
        stream = corpus.stream
        (tokens,) = tokenize(tokenizer, [stream], special_tokens=True, split=corpus.split_special_tokens)
        length = len(tokens.ids)
        if length < context:
            most = max(length, 2)
            raise UserError(
                f"{corpus.name} has {length} tokens, fewer than one window of {context}.",
                f"Set the context length to {most} or less (--context-length {most}; in a bake-off, --set "
                f"evaluation.context_length={most}), or use protocol `document`.",
            )
        lengths = [len(document.text) + len(corpus.separator) for document in corpus.documents[:-1]]
        document_of_token = np.searchsorted(np.cumsum([0, *lengths]), tokens.starts, side="right") - 1
        count = text_counter(stream, tokens)
        rows: list[Row] = []
        pieces: list[Piece] = []
        reached = 0
        for begin in range(0, length - 1, stride):  # a window of the last token alone predicts nothing
            end = min(begin + context, length)
            first = max(reached, begin + 1)
            changes = first + 1 + np.flatnonzero(np.diff(document_of_token[first:end]))
            for start, stop in pairwise([first, *changes.tolist(), end]):
                words, size = count(start, stop)
                pieces.append(
                    Piece(
                        document=corpus.documents[document_of_token[start]].name,
                        number=len(rows),
                        row=len(rows),
                        first=start - first,
                        last=stop - first,
                        weight=stop - start,
                        words=words,
                        bytes=size,
                    )
                )
            rows.append(Row(tokens.ids[begin : end - 1], tokens.ids[first:end]))
            reached = end
            if end == length:
                break
        return ScoringPlan(f"{self.name}(context={context}, stride={stride})", rows, pieces)
