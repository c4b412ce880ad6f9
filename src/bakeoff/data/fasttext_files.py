"""Read fastText's training files: `__label__good A fine film`, one text a line."""

from __future__ import annotations

from bakeoff.data.reading import Reading

_PREFIX = "__label__"


def is_fasttext(content: bytes) -> bool:
    """Return whether the first line with text begins with a label."""
    return content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PREFIX.encode())


def read_fasttext(text: str, name: str) -> Reading:
    """Return the columns `text` and `label`. Blank lines are skipped; a line without a label has None.

    Where a line has several labels, every label is a list.
    """
    texts: list[str] = []
    labels: list[list[str]] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        rest = line.strip()
        labels.append([])
        while rest.startswith(_PREFIX):
            first, *more = rest.split(maxsplit=1)
            labels[-1].append(first.removeprefix(_PREFIX))
            rest = more[0] if more else ""
        texts.append(rest)
    several = any(len(of_line) > 1 for of_line in labels)
    column = labels if several else [of_line[0] if of_line else None for of_line in labels]
    what = "labels" if several else "a label"
    return Reading({"text": texts, "label": column}, [f"Read as: fastText's format, {what} and a text in each line."])
