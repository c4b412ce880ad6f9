"""A text corpus, read, checked and divided."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from bakeoff.data.config import TextData
from bakeoff.data.documents import Piece, Pieces, documents, pieces_of_file
from bakeoff.data.files import decode
from bakeoff.data.fingerprint import fingerprint
from bakeoff.data.leaks import likeness, report_likeness
from bakeoff.data.splitting import carve
from bakeoff.data.text_sources import TextSource, read_text_file, read_text_source
from bakeoff.data.types import Corpus, Document, SplitCorpus
from bakeoff.errors import UserError
from bakeoff.runs.results import DataReport, SplitReport

SHARE_HELD_OUT = 0.1
"""Share of the documents (or lines) that goes to each of validation and test where the source has no such side."""


def prepare_corpus(data: TextData, seed: int) -> tuple[SplitCorpus, DataReport]:
    """Read a text and divide it into train, validation and test.

    Sides that come as files, or as splits of a data set, stay as they are. A side that is missing is taken from train:
    a tenth of its documents at random (a function of the seed), or of its lines at the end where there are fewer than
    three documents. Then `data.fraction` keeps the first lines of each side.

    Raises:
        UserError: a source is missing, empty or malformed, or too short to be divided.
    """
    if data.text is not None:
        source_name = data.text
        source = read_text_source(data.text, data.column)
    else:
        files = {"train": data.train, "validation": data.validation, "test": data.test}
        source_name = ", ".join(file for file in files.values() if file)
        source = TextSource()
        for side, file in files.items():
            if file is not None:
                source.add_file(side, Path(file).expanduser(), data.column)
    divided = _fill_missing_sides(source, source_name, seed)
    fractions = data.fraction.model_dump()
    corpora: dict[str, Corpus] = {
        side: _corpus(side, _first_share(source.sides[side], fractions[side]), source_name)
        for side in ("train", "validation", "test")
        if side in source.sides
    }
    split = SplitCorpus(corpora["train"], corpora["validation"], corpora.get("test"))
    return split, _report(source_name, source, corpora, seed if divided else None)


def read_corpus(source: str, *, column: str = "text") -> Corpus:
    """Read one file as a whole: plain text, or a table with a document a row.

    Args:
        source: A path, or `-` for standard input.
        column: Column of the texts where the file is a table.

    Raises:
        UserError: the file is missing, empty or malformed.
    """
    if source == "-":
        # A notebook's or a test's standard input is text without bytes below it.
        binary = getattr(sys.stdin, "buffer", None)
        text = sys.stdin.read() if binary is None else decode(binary.read(), "standard input")
        return corpus_from_text("standard input", text)
    path = Path(source).expanduser()
    pieces, _ = read_text_file(path, column, Counter(), "--column")
    return _corpus(path.name, pieces, source)


def corpus_from_text(name: str, text: str) -> Corpus:
    """A text as `read_corpus` gives that of a file.

    Raises:
        UserError: there is nothing in it.
    """
    return _corpus(name, pieces_of_file(text, name), name)


def _corpus(name: str, pieces: Pieces, source: str) -> Corpus:
    found = Corpus(name, documents(pieces), pieces.separator)
    if not any(document.text.strip() for document in found.documents):
        where = source if name in source else f"{source}, side {name},"
        raise UserError(f"{where} is empty: it holds no text.", "Give a text, or a larger data.fraction.")
    return found


def _first_share(pieces: Pieces, share: float) -> Pieces:
    # Rounded as datasets rounds `train[:10%]`, so that the lab's tenth is the same tenth here.
    return pieces if share == 1 else pieces.first(max(1, round(share * pieces.rows)))


def _fill_missing_sides(source: TextSource, name: str, seed: int) -> bool:
    """Take validation (and test, where there is only train) from train; returns whether that was needed."""
    if "train" not in source.sides:
        raise UserError(f"{name} has no training side; it has {', '.join(source.sides) or 'none'}.")
    if "validation" in source.sides:
        return False
    wanted = ["validation"] if "test" in source.sides else ["test", "validation"]
    pieces = source.sides["train"]
    alike = likeness([" ".join(piece.rows) for piece in pieces.pieces], range(len(pieces.pieces)))
    texts = alike.near_keys if len(set(alike.near_keys)) > len(wanted) else alike.keys
    if len(set(texts)) > len(wanted):
        random = np.random.default_rng(seed)
        rest = list(range(len(texts)))
        size = max(1, round(SHARE_HELD_OUT * len(texts)))
        for number, side in enumerate(wanted):
            leave = len(wanted) - number
            taken, rest = carve(rest, size, texts, [0] * len(texts), random, leave=leave)
            source.sides[side] = Pieces([pieces.pieces[row] for row in taken], pieces.separator)
        source.sides["train"] = Pieces([pieces.pieces[row] for row in rest], pieces.separator)
        return True
    size = max(1, round(SHARE_HELD_OUT * pieces.rows))
    if pieces.rows <= size * len(wanted):
        raise UserError(
            f"{name} has {pieces.rows} line{'s' if pieces.rows > 1 else ''}: too few to be divided into train, "
            "validation and test.",
            "Give a longer text, or name three files with data.train, data.validation and data.test.",
        )
    for side in wanted:
        source.sides[side] = _last(pieces, size)
        pieces = pieces.first(pieces.rows - size)
    source.sides["train"] = pieces
    return True


def _last(pieces: Pieces, rows: int) -> Pieces:
    flat = [(piece.name, row) for piece in pieces.pieces for row in piece.rows][-rows:]
    names = dict.fromkeys(name for name, _ in flat)
    return Pieces([Piece(name, [row for owner, row in flat if owner == name]) for name in names], pieces.separator)


def _report(name: str, source: TextSource, corpora: dict[str, Corpus], seed: int | None) -> DataReport:
    report = DataReport(
        source=name,
        files=source.files,
        fingerprint=fingerprint(
            (side, (document.text for document in corpus.documents)) for side, corpus in corpora.items()
        ),
        split_seed=seed,
        splits=[
            SplitReport(
                name=side,
                rows=len(corpus.documents),
                lines=len(corpus.lines),
                characters=len(corpus.stream),
                fingerprint=fingerprint([(side, (document.text for document in corpus.documents))]),
            )
            for side, corpus in corpora.items()
        ],
        skipped=dict(source.skipped),
    )
    sides: dict[str, range] = {}
    found: list[Document] = []
    for side, corpus in corpora.items():
        sides[side] = range(len(found), len(found) + len(corpus.documents))
        found += corpus.documents
    alike = likeness([document.text for document in found], range(len(found)))
    report_likeness(report, alike, sides, [document.name for document in found], [], "documents")
    return report
