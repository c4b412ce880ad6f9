"""Read a text corpus, check it and split it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bakeoff.data.config import TextData
from bakeoff.data.documents import Piece, Pieces, beginning, documents, pieces_of_file
from bakeoff.data.fingerprint import fingerprint
from bakeoff.data.leakage import find_duplicates, report_leakage
from bakeoff.data.splitting import carve
from bakeoff.data.text_cleaning import LineEnds, TextCleaning
from bakeoff.data.text_sources import TextSource, read_text_file, read_text_source
from bakeoff.data.types import Corpus, Document, SplitCorpus
from bakeoff.errors import FormatError, UserError
from bakeoff.runs.data_report import DataReport, SplitReport

SHARE_HELD_OUT = 0.1
"""Share of the documents (or lines) that goes to each of validation and test where the source has no such split."""


def prepare_corpus(data: TextData, seed: int) -> tuple[SplitCorpus, DataReport]:
    """Read a text and split it into train, validation and test.

    Splits that come as files, or as splits of a data set, stay as they are. A missing split is taken from train: a
    tenth of its documents at random (a function of the seed), or its last lines where it has fewer than three
    documents. Then `data.fraction` keeps the first lines of each split, and `data.first_lines` those of each document.

    Raises:
        UserError: a source is missing, empty or malformed, or too short to be split.
    """
    cleaning = TextCleaning(data.line_ends, data.encoding)
    files = {"train": data.train, "validation": data.validation, "test": data.test}
    source_name = data.text or ", ".join(file for file in files.values() if file)
    try:
        if data.text is not None:
            source = read_text_source(data.text, data.column, cleaning)
        else:
            source = TextSource(cleaning=cleaning)
            for name, file in files.items():
                if file is not None:
                    source.add_file(name, Path(file).expanduser(), data.column)
    except FormatError as error:
        raise error.with_setting("data") from None
    divided = _fill_missing_splits(source, source_name, seed)
    fractions = data.fraction.model_dump()
    first_lines = data.first_lines.model_dump()
    corpora: dict[str, Corpus] = {
        name: _corpus(
            name,
            _beginnings(_first_share(source.splits[name], fractions[name]), first_lines.get(name)),
            source_name,
            split_special_tokens=data.split_special_tokens,
        )
        for name in ("train", "validation", "test")
        if name in source.splits
    }
    split = SplitCorpus(corpora["train"], corpora["validation"], corpora.get("test"))
    report = _report(source_name, source, corpora, seed if divided else None)
    report.notes += [
        f"Of each {name} document, only the first {lines} line{'s' * (lines > 1)} count (data.first_lines)."
        for name, lines in first_lines.items()
        if lines and name in corpora
    ]
    return split, report


def read_corpus(
    source: str, *, column: str = "text", line_ends: LineEnds = "normalize", split_special_tokens: bool = False
) -> Corpus:
    """Read one file as a whole: plain text, or a table with one document per row.

    Args:
        source: A path, or `-` for standard input.
        column: Column of the texts where the file is a table.
        line_ends: `keep` leaves Windows and old Mac line ends as they are.
        split_special_tokens: Read `</s>` and the like as characters.

    Raises:
        UserError: the file is missing, empty or malformed.
    """
    cleaning = TextCleaning(line_ends)
    if source == "-":
        # In notebooks and tests, standard input may be a text stream without a byte buffer.
        binary = getattr(sys.stdin, "buffer", None)
        name = "standard input"
        text = cleaning.clean(sys.stdin.read()) if binary is None else cleaning.read(binary.read(), name)
        pieces = pieces_of_file(text, name)
        notes = cleaning.notes("--line-ends keep")
        return _corpus(name, pieces, name, notes, split_special_tokens=split_special_tokens)
    path = Path(source).expanduser()
    pieces, _, notes = read_text_file(path, column, Counter(), cleaning, "--column")
    notes = [*notes, *cleaning.notes("--line-ends keep")]
    return _corpus(path.name, pieces, source, notes, split_special_tokens=split_special_tokens)


def corpus_from_text(
    name: str, text: str, *, line_ends: LineEnds = "normalize", split_special_tokens: bool = False
) -> Corpus:
    """Turn a string into the corpus that `read_corpus` would read from a file with that content.

    Raises:
        UserError: the text is blank.
    """
    cleaning = TextCleaning(line_ends)
    pieces = pieces_of_file(cleaning.clean(text), name)
    return _corpus(name, pieces, name, cleaning.notes('line_ends="keep"'), split_special_tokens=split_special_tokens)


def _corpus(name: str, pieces: Pieces, source: str, notes: Sequence[str] = (), *, split_special_tokens: bool) -> Corpus:
    corpus = Corpus(name, documents(pieces), pieces.separator, tuple(notes), split_special_tokens)
    if not any(document.text.strip() for document in corpus.documents):
        where = source if name in source else f"The {name} split of {source}"
        raise UserError(f"{where} is empty: it holds no text.", "Give a text, or a larger data.fraction.")
    return corpus


def _first_share(pieces: Pieces, share: float) -> Pieces:
    # Rounded as datasets rounds `train[:10%]`, so that both keep the same lines.
    return pieces if share == 1 else pieces.first(max(1, round(share * pieces.rows)))


def _beginnings(pieces: Pieces, lines: int | None) -> Pieces:
    return pieces if lines is None else Pieces([beginning(piece, lines) for piece in pieces.pieces], pieces.separator)


def _fill_missing_splits(source: TextSource, name: str, seed: int) -> bool:
    """Take missing validation and test splits from train; return whether any was missing."""
    if "train" not in source.splits:
        raise UserError(f"{name} has no training split; it has {', '.join(source.splits) or 'none'}.")
    if "validation" in source.splits:
        return False
    missing = ["validation"] if "test" in source.splits else ["test", "validation"]
    pieces = source.splits["train"]
    duplicates = find_duplicates([" ".join(piece.rows) for piece in pieces.pieces], range(len(pieces.pieces)))
    keys = duplicates.near_keys if len(np.unique(duplicates.near_keys)) > len(missing) else duplicates.keys
    if len(np.unique(keys)) > len(missing):
        random = np.random.default_rng(seed)
        rest = list(range(len(keys)))
        size = max(1, round(SHARE_HELD_OUT * len(keys)))
        for number, split in enumerate(missing):
            leave = len(missing) - number
            taken, rest = carve(rest, size, keys, [0] * len(keys), random, leave=leave)
            source.splits[split] = Pieces([pieces.pieces[row] for row in taken], pieces.separator)
        source.splits["train"] = Pieces([pieces.pieces[row] for row in rest], pieces.separator)
        return True
    size = max(1, round(SHARE_HELD_OUT * pieces.rows))
    if pieces.rows <= size * len(missing):
        raise UserError(
            f"{name} has {pieces.rows} line{'s' if pieces.rows > 1 else ''}: too few to be split into train, "
            "validation and test.",
            "Give a longer text, or name three files with data.train, data.validation and data.test.",
        )
    for split in missing:
        source.splits[split] = _last(pieces, size)
        pieces = pieces.first(pieces.rows - size)
    source.splits["train"] = pieces
    return True


def _last(pieces: Pieces, rows: int) -> Pieces:
    flat = [(piece.name, row) for piece in pieces.pieces for row in piece.rows][-rows:]
    names = dict.fromkeys(name for name, _ in flat)
    return Pieces([Piece(name, [row for owner, row in flat if owner == name]) for name in names], pieces.separator)


def _report(source_name: str, source: TextSource, corpora: dict[str, Corpus], seed: int | None) -> DataReport:
    report = DataReport(
        source=source_name,
        files=source.files,
        fingerprint=fingerprint(
            (name, (document.text for document in corpus.documents)) for name, corpus in corpora.items()
        ),
        split_seed=seed,
        splits=[
            SplitReport(
                name=name,
                rows=len(corpus.documents),
                lines=len(corpus.lines),
                characters=len(corpus.stream),
                fingerprint=fingerprint([(name, (document.text for document in corpus.documents))]),
            )
            for name, corpus in corpora.items()
        ],
        skipped=dict(source.skipped),
        notes=[*source.notes, *source.cleaning.notes("data.line_ends: keep")],
    )
    rows_of: dict[str, range] = {}
    everything: list[Document] = []
    for name, corpus in corpora.items():
        rows_of[name] = range(len(everything), len(everything) + len(corpus.documents))
        everything += corpus.documents
    duplicates = find_duplicates([document.text for document in everything], range(len(everything)))
    report_leakage(report, duplicates, rows_of, [document.name for document in everything], [], "documents")
    return report
