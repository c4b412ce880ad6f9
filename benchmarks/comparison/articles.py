"""A table of the packaged Wikipedia articles: which one does a sentence come from?"""

from __future__ import annotations

import lzma
import re
from collections import Counter
from collections.abc import Iterator
from importlib import resources

_WORDS = range(6, 41)  # of a sentence


def article_sentences(articles: int) -> Iterator[tuple[str, str | None]]:
    """Yield sentences with the title of their article if it is one of the longest, else with None."""
    sentences = list(_sentences())
    longest = {title for title, _ in Counter(title for _, title in sentences).most_common(articles)}
    for sentence, title in sentences:
        yield sentence, title if title in longest else None


def _sentences() -> Iterator[tuple[str, str]]:
    folder = resources.files("bakeoff.data.packaged") / "wikitext-2-part"
    title = ""
    for split in ("validation", "test"):
        text = lzma.decompress((folder / f"{split}.raw.xz").read_bytes()).decode("utf-8")
        for line in text.splitlines():
            if heading := re.fullmatch(r" = ([^=]+) = ", line):
                title = _joined(heading[1])
            elif not line.startswith(" ="):
                for sentence in re.split(r"(?<= [.!?]) ", _joined(line.strip())):
                    if len(sentence.split()) in _WORDS:
                        yield sentence, title


def _joined(text: str) -> str:
    """Undo what WikiText does to numbers and compounds: `guest @-@ starring`."""
    return re.sub(r" @(.)@ ", r"\1", text)
