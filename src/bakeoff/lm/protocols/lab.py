"""Protocol `lab`: the recipe of the published lab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.lm.protocols.base import PerplexityProtocol

if TYPE_CHECKING:
    from bakeoff.data.types import Corpus
    from bakeoff.lm.scoring_plan import ScoringPlan


class LabProtocol(PerplexityProtocol):
    """Each line is a row of its own, cut to the context; the sum is divided by attended tokens."""

    name: ClassVar[str] = "lab"
    version: ClassVar[int] = 1
    meaning: ClassVar[str] = (
        "Each line is a row of its own and the sum is divided by the attended tokens, among them the first of each "
        "row, which is not predicted. Kept to compare with the published lab; the other protocols say more."
    )

    def plan(self, tokenizer: Any, corpus: Corpus, *, context: int, stride: int | None) -> ScoringPlan:
        """Cut every line to the context; the stride is ignored."""
        from bakeoff.lm.scoring_plan import Piece, Row, ScoringPlan, text_counter
        from bakeoff.lm.tokens import tokenize

        places = [(document.name, number) for document in corpus.documents for number, _ in enumerate(document.lines)]
        lines = corpus.lines
        rows: list[Row] = []
        pieces: list[Piece] = []
        tokenized = tokenize(tokenizer, lines, special_tokens=True, split=corpus.split_special_tokens)
        for line, (name, number), tokens in zip(lines, places, tokenized, strict=True):
            attended = min(len(tokens.ids), context)
            predicted = max(0, attended - 1)
            words, size = text_counter(line, tokens)(1, attended) if predicted else (0, 0)
            pieces.append(
                Piece(
                    document=name,
                    number=number,
                    row=len(rows),
                    first=0,
                    last=predicted,
                    weight=attended,
                    words=words,
                    bytes=size,
                )
            )
            rows.append(Row(tokens.ids[:predicted], tokens.ids[1:attended]))
        return ScoringPlan(f"{self.name}(context={context})", rows, pieces)
