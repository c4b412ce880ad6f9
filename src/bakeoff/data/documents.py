"""Divide rows of text into documents: WikiText articles, rows of a table, or a whole file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.data.types import Document

# ` = Title = `; deeper headings are ` = = Title = = `. Table legends such as ` = Wins ; L = ` look the same but do not
# have blank lines before and after. By this rule WikiText-2 has 600, 60 and 60 articles, as its authors report.
_ARTICLE_HEADING = re.compile(r" ?= (?!= )(?P<title>.+?)(?<! =) = ?\n?")


@dataclass(frozen=True)
class Piece:
    """A document that can still be shortened."""

    name: str
    rows: list[str]  # exactly as in the source: lines with their line ends, or rows of a table


@dataclass(frozen=True)
class Pieces:
    """The documents of one split of a text."""

    pieces: list[Piece]
    separator: str  # between any two rows in the stream: "" for the lines of a file, "\n\n" for rows of a table

    @property
    def rows(self) -> int:
        return sum(len(piece.rows) for piece in self.pieces)

    def first(self, rows: int) -> Pieces:
        """Keep only the first rows; the last piece may be shortened."""
        kept = []
        for piece in self.pieces:
            if rows <= 0:
                break
            kept.append(Piece(piece.name, piece.rows[:rows]))
            rows -= len(piece.rows)
        return Pieces(kept, self.separator)


def beginning(piece: Piece, lines: int) -> Piece:
    """Keep only the first lines of a document. Blank lines between them are kept, and not counted."""
    kept: list[str] = []
    for row in piece.rows:
        taken = []
        for line in lines_with_ends(row):
            if lines == 0:
                break
            taken.append(line)
            lines -= bool(line.strip())
        if taken or (lines and not row):
            kept.append("".join(taken))
        if lines == 0:
            break
    return Piece(piece.name, kept)


def lines_with_ends(text: str) -> list[str]:
    r"""Split a text after each "\n", but at no other line separator. Joined, the lines are the text."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def hugging_face_rows(text: str) -> list[str]:
    r"""Return the rows that WikiText has on the hub for a file: blank lines are "", others keep their "\n"."""
    return [_hugging_face_row(line) for line in lines_with_ends(text)]


def pieces_of_file(text: str, name: str) -> Pieces:
    """Divide a text file into articles where it has WikiText headings; otherwise it is one piece."""
    lines = lines_with_ends(text)
    return Pieces(_articles(lines) or [Piece(name, lines)], separator="")


def pieces_of_rows(rows: Sequence[str], name: str) -> Pieces:
    """Group rows of a table into articles where it has WikiText headings; otherwise each row with text is a piece."""
    pieces = _articles(rows) or [
        Piece(f"{name} {number}", [row]) for number, row in enumerate(rows, start=1) if row.strip()
    ]
    return Pieces(pieces, separator="\n\n")


def documents(pieces: Pieces) -> list[Document]:
    """Turn the pieces into documents with unique names."""
    seen: Counter[str] = Counter()
    made = []
    for piece in pieces.pieces:
        seen[piece.name] += 1
        name = piece.name if seen[piece.name] == 1 else f"{piece.name} ({seen[piece.name]})"
        lines = [_hugging_face_row(row) for row in piece.rows]
        made.append(Document(name, pieces.separator.join(piece.rows), lines))
    return made


def _hugging_face_row(line: str) -> str:
    return line if line.strip() else ""


def _articles(rows: Sequence[str]) -> list[Piece]:
    """Return pieces that begin at WikiText headings, or [] without headings. Blank rows at the top go to the first."""
    headings = [
        (number, match["title"])
        for number, row in enumerate(rows)
        if (match := _ARTICLE_HEADING.fullmatch(row)) and _blank(rows, number - 1) and _blank(rows, number + 1)
    ]
    if not headings:
        return []
    starts = [number for number, _ in headings]
    titles = [title for _, title in headings]
    if any(row.strip() for row in rows[: starts[0]]):
        starts, titles = [0, *starts], ["(beginning)", *titles]
    else:
        starts[0] = 0
    ends = [*starts[1:], len(rows)]
    return [Piece(title, list(rows[start:end])) for title, start, end in zip(titles, starts, ends, strict=True)]


def _blank(rows: Sequence[str], number: int) -> bool:
    return not 0 <= number < len(rows) or not rows[number].strip()
