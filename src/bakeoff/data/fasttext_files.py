"""Read fastText's training files: `__label__good A fine film`, one text a line."""

from __future__ import annotations

from bakeoff.data.reading import Reading
from bakeoff.errors import UserError

_PREFIX = "__label__"


def is_fasttext(content: bytes) -> bool:
    """Return whether the first line with text begins with a label."""
    return content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PREFIX.encode())


def read_fasttext(text: str, name: str) -> Reading:
    """Return the columns `text` and `label`. Blank lines are skipped; a line without a label has None.

    Raises:
        UserError: a line has several labels.
    """
    texts: list[str] = []
    labels: list[str | None] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        rest = line.strip()
        label = None
        if rest.startswith(_PREFIX):
            first, _, rest = rest.partition(" ") if " " in rest else rest.partition("\t")
            label, rest = first.removeprefix(_PREFIX), rest.strip()
        if rest.startswith(_PREFIX):
            raise UserError(
                f"{name}, line {number} has several labels: multi-label classification is not supported yet.",
                "Keep one label in each line.",
            )
        texts.append(rest)
        labels.append(label)
    return Reading({"text": texts, "label": labels}, ["Read as: fastText's format, a label and a text in each line."])
