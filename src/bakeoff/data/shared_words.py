"""Find what many prompts begin or end with, such as one instruction: it does not tell them apart."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bakeoff.data.splitting import folded

_FEWEST = 20  # other texts; several wordings of one question, which must stay in one split, are fewer
_PART = 5  # of the texts, a fifth; those that fewer share fit into a test split together
_FEWEST_WORDS = 5  # with fewer in common, texts that differ otherwise are far from being near-duplicates


@dataclass(frozen=True)
class SharedWords:
    """The longer beginnings and ends that many texts have. A blank stands on both sides of each word."""

    beginnings: tuple[str, ...] = ()  # the longest first
    ends: tuple[str, ...] = ()  # of what follows the beginnings; the longest first

    def divide(self, text: str) -> tuple[str, str, str]:
        """Return what many others begin with as well, what is left, and what many others end with; " " if nothing."""
        text = f" {folded(text)} "
        beginning = next((words for words in self.beginnings if text.startswith(words)), " ")
        text = text[len(beginning) - 1 :]
        end = next((words for words in self.ends if text.endswith(words)), " ")
        return beginning, text[: len(text) - len(end) + 1], end

    def rest(self, text: str) -> str:
        """Return a text without what it shares, or all of it if nothing else is left."""
        return self.divide(text)[1].strip() or text

    def shortened(self, text: str) -> str:
        """Return a text with one word in place of the beginning that it shares, and one in place of the end."""
        beginning, rest, end = self.divide(text)
        before = [f"beginning{number}" for number, words in enumerate(self.beginnings) if words == beginning]
        after = [f"end{number}" for number, words in enumerate(self.ends) if words == end]
        return " ".join([*before, rest.strip(), *after])


def find_shared_words(texts: Iterable[str]) -> SharedWords:
    """Find what many of the texts begin with, and what many of them end with."""
    texts = list(texts)
    beginnings = _beginnings({f" {folded(text)} " for text in texts})
    rests = {SharedWords(beginnings).divide(text)[1] for text in texts}
    return SharedWords(beginnings, tuple(end[::-1] for end in _beginnings({rest[::-1] for rest in rests})))


def _beginnings(texts: Collection[str]) -> tuple[str, ...]:
    """Return what many of the texts begin with, the longest first."""
    ordered = sorted(texts)  # those that begin alike stand side by side
    others = max(_FEWEST, len(ordered) // _PART)
    shared = {_same(first, last) for first, last in zip(ordered, ordered[others:], strict=False)}
    found = [" "]
    for words in sorted(shared):  # those that go on from others come after these
        shorter = next(known for known in reversed(found) if words.startswith(known))
        if words.count(" ") - shorter.count(" ") >= _FEWEST_WORDS:
            found.append(words)
    return tuple(sorted(found[1:], key=len, reverse=True))


def _same(first: str, second: str) -> str:
    """Return the words with which both of two different texts begin."""
    characters = range(min(len(first), len(second)))
    same = bisect_left(characters, True, key=lambda place: first[: place + 1] != second[: place + 1])
    return first[: first.rindex(" ", 0, same) + 1]
