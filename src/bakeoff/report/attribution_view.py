"""Explained texts for the terminal: words highlighted, contestants side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bakeoff.report.highlighting import pieces, signed_log_odds
from bakeoff.report.safe_text import one_line, visible
from bakeoff.runs.results import ColumnAttribution, WordAttribution
from bakeoff.tasks.attribution import Explanation

_FOR, _AGAINST = "bold green", "bold red"


class AttributionView:
    """Each contestant's prediction for one text, and the words that moved it."""

    def __init__(self, explanations: Mapping[str, Explanation], top: int) -> None:
        """
        Args:
            explanations: Of the same text, by contestant.
            top: Number of words to show.
        """
        self._explanations = explanations
        self._top = top

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for name, explanation in self._explanations.items():
            label = one_line(explanation.label)
            answer = f"none of these ({label}?)" if explanation.out_of_scope else label
            yield Text(f"{one_line(name)}: {answer} {explanation.probability:.4f}", "bold")
            yield Padding(highlighted(explanation, self._top), (0, 0, 1, 2))
        if any(explanation.words or explanation.columns for explanation in self._explanations.values()):
            yield self._table()
            yield from (Text(sentence, "dim") for sentence in self._notes())
        else:
            yield Text("This text has no words.")

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("")
        for name in self._explanations:
            table.add_column(Text(one_line(name)), justify="right", overflow="fold")
        explanations = list(self._explanations.values())
        shown = [explanation.words[: self._top] for explanation in explanations]
        for rank in range(max(map(len, shown))):
            table.add_row(str(rank + 1), *(_word(words[rank]) if rank < len(words) else "" for words in shown))
        columns = [explanation.columns[: self._top] for explanation in explanations]
        if any(columns):
            table.add_section()
            for rank in range(max(map(len, columns))):
                row = (_column(its[rank]) if rank < len(its) else "" for its in columns)
                table.add_row("" if rank else "Columns", *row)
        table.add_section()
        table.add_row("Probability of the label", *(f"{explanation.probability:.4f}" for explanation in explanations))
        checks = [explanation.check for explanation in explanations]
        table.add_row("  without its top words", *(f"{check.without_top:.4f}" if check else "–" for check in checks))
        table.add_row("  without random words", *(f"{check.without_random:.4f}" if check else "–" for check in checks))
        return table

    def _notes(self) -> Iterator[str]:
        yield (
            "[+word] supports the label, [−word] opposes it: without the word, the label's log-odds fall (+) or "
            "rise (−) by the number shown."
        )
        yield (
            "Top words: the 20 % that support the label most, removed together. Random words: as many, mean of 20 "
            "draws."
        )
        if any(explanation.columns for explanation in self._explanations.values()):
            yield "Columns: the same, where the value is missing instead of the one that is shown."
        for name, explanation in self._explanations.items():
            if explanation.words_at_once > 1:
                yield f"{one_line(name)}: long text; words were removed {explanation.words_at_once} at a time."


def highlighted(explanation: Explanation, top: int) -> Text:
    """Return the text with its `top` strongest words in signs that read without color: `[+fine]`, `[−dull]`."""
    text = Text()
    for piece in pieces(explanation.text, explanation.words[:top]):
        shown = visible(piece.text)
        if piece.contribution > 0:
            text.append(f"[+{shown}]", _FOR)
        elif piece.contribution < 0:
            text.append(f"[−{shown}]", _AGAINST)
        else:
            text.append(shown)
    return text


def _word(word: WordAttribution) -> Text:
    occurrences = f" ×{len(word.spans)}" if len(word.spans) > 1 else ""
    return Text(f"{one_line(word.word)}{occurrences} {signed_log_odds(word.contribution)}", _style(word.contribution))


def _column(column: ColumnAttribution) -> Text:
    value = "missing" if column.value is None else one_line(column.value)
    words = f"{one_line(column.column)}: {value} {signed_log_odds(column.contribution)}"
    return Text(words, _style(column.contribution))


def _style(contribution: float) -> str:
    return _FOR if contribution > 0 else _AGAINST if contribution < 0 else ""
