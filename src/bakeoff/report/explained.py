"""An explained text for the terminal: its words marked, and the contestants side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bakeoff.report.marked_text import pieces, signed_log_odds
from bakeoff.report.safe_text import one_line, visible
from bakeoff.runs.results import Mark
from bakeoff.tasks.attribution import Explanation, WordContribution

_FOR, _AGAINST = "bold green", "bold red"


class ExplainedText:
    """What each contestant says of one text, and which words moved it."""

    def __init__(self, explanations: Mapping[str, Explanation], top: int) -> None:
        """
        Args:
            explanations: Of the same text, by contestant.
            top: Words to show.
        """
        self._explanations = explanations
        self._top = top

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for name, explanation in self._explanations.items():
            yield Text(f"{one_line(name)}: {one_line(explanation.label)} {explanation.probability:.4f}", "bold")
            yield Padding(marked(explanation, self._top), (0, 0, 1, 2))
        if any(explanation.words for explanation in self._explanations.values()):
            yield self._table()
            yield from (Text(sentence, "dim") for sentence in self._notes())
        else:
            yield Text("There is no word in this text.")

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("")
        for name in self._explanations:
            table.add_column(Text(one_line(name)), justify="right", overflow="fold")
        found = list(self._explanations.values())
        shown = [explanation.words[: self._top] for explanation in found]
        for rank in range(max(map(len, shown))):
            table.add_row(str(rank + 1), *(_word(words[rank]) if rank < len(words) else "" for words in shown))
        table.add_section()
        table.add_row("Probability of the label", *(f"{each.probability:.4f}" for each in found))
        checks = [each.check for each in found]
        table.add_row("  without its top words", *(f"{check.without_top:.4f}" if check else "–" for check in checks))
        table.add_row("  without random words", *(f"{check.without_random:.4f}" if check else "–" for check in checks))
        return table

    def _notes(self) -> Iterator[str]:
        yield "[+word] speaks for the label, [−word] against it: by so much its log-odds fall or rise without the word."
        yield "Top words: the fifth that speaks for the label most, removed at once. Random: as many, mean of 20 draws."
        for name, explanation in self._explanations.items():
            if explanation.words_at_once > 1:
                yield f"{one_line(name)}: the text is long; {explanation.words_at_once} words were left out at a time."


def marked(explanation: Explanation, top: int) -> Text:
    """The text with its `top` strongest words marked: `[+fine]`, `[−dull]`. The signs read without colors, too."""
    marks = [
        Mark(start=start, end=end, contribution=word.contribution)
        for word in explanation.words[:top]
        if word.contribution
        for start, end in word.spans
    ]
    text = Text()
    for piece in pieces(explanation.text, marks):
        shown = visible(piece.text)
        if piece.contribution > 0:
            text.append(f"[+{shown}]", _FOR)
        elif piece.contribution < 0:
            text.append(f"[−{shown}]", _AGAINST)
        else:
            text.append(shown)
    return text


def _word(word: WordContribution) -> Text:
    places = f" ×{len(word.spans)}" if len(word.spans) > 1 else ""
    style = _FOR if word.contribution > 0 else _AGAINST if word.contribution < 0 else ""
    return Text(f"{one_line(word.word)}{places} {signed_log_odds(word.contribution)}", style)
