"""Read the texts of a corpus from the package, a file, a folder, or the hub."""

from __future__ import annotations

import lzma
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.data.cells import text_of
from bakeoff.data.columns import choose_column, path_notes
from bakeoff.data.compression import TEXT_ENDINGS, ending_of, unpack
from bakeoff.data.config import PACKAGED_TEXTS, TableFormat
from bakeoff.data.documents import Pieces, hugging_face_rows, pieces_of_file, pieces_of_rows
from bakeoff.data.files import may_be_on_the_hub, missing, packaged_file, read_bytes, sha256
from bakeoff.data.raw_tables import READERS, is_table_name, read_table_file
from bakeoff.data.split_rules import SPLIT_NAMES
from bakeoff.data.text_cells import cell_text, refuse_other_shapes
from bakeoff.data.text_cleaning import TextCleaning
from bakeoff.errors import UserError

HUB_NAMES = {"wikitext-2": ("Salesforce/wikitext", "wikitext-2-raw-v1")}
"""Short names of data sets on the hub -> id and configuration."""

_OWN_NAMES = (*PACKAGED_TEXTS, *HUB_NAMES)
_LISTED = 10


@dataclass
class TextSource:
    """The splits that a source holds. A single file is one split, `train`, from which the others will be taken."""

    splits: dict[str, Pieces] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # file or packaged name -> SHA-256 of its content
    skipped: Counter[str] = field(default_factory=Counter)
    cleaning: TextCleaning = field(default_factory=TextCleaning)
    notes: list[str] = field(default_factory=list)  # sentences on how tables were read, and what was not

    def add_file(self, split: str, path: Path, column: str) -> None:
        """Read one file and append it to a split."""
        pieces, self.files[str(path)], notes = read_text_file(path, column, self.skipped, self.cleaning)
        self.notes += [f"{path.name}: {note}" for note in notes]
        before = self.splits[split].pieces if split in self.splits else []
        self.splits[split] = Pieces([*before, *pieces.pieces], pieces.separator)


def read_text_source(source: str, column: str, cleaning: TextCleaning) -> TextSource:
    """Read the packaged text, a folder, a file, or a data set on the hub.

    Args:
        cleaning: Cleans the texts and counts what it changes.

    Raises:
        UserError: the source does not exist or is malformed, or the hub cannot be reached.
    """
    texts = TextSource(cleaning=cleaning)
    path = Path(source).expanduser()
    if source in PACKAGED_TEXTS:
        for split in ("train", "validation", "test"):
            content = packaged_file(source, f"{split}.raw.xz")
            texts.files[f"{source}/{split}"] = sha256(content)
            texts.splits[split] = pieces_of_rows(hugging_face_rows(lzma.decompress(content).decode()), source)
    elif path.is_dir():
        splits, others = _splits_of_folder(path)
        for split, files in splits.items():
            for file in files:
                texts.add_file(split, file, column)
        if others:
            texts.notes.append(f"Not read, because their names tell no split or they are no texts: {_listed(others)}.")
    elif path.exists():
        texts.add_file("train", path, column)
    elif source in HUB_NAMES or may_be_on_the_hub(source, (*READERS, *TEXT_ENDINGS), _OWN_NAMES):
        from bakeoff.data.hub import load_texts

        name, config = HUB_NAMES.get(source, (source, None))
        unused = []
        for split, rows in load_texts(name, config, column).items():
            ours = SPLIT_NAMES.get(split)
            if ours is None or ours in texts.splits:
                unused.append(split)
                continue
            values = _texts(rows, column, f"{name}, split {split}", cleaning)
            texts.splits[ours] = _pieces_of_texts(values, split, texts.skipped)
        if unused:
            texts.notes.append(f"Splits of {name} that are not used: {_listed(unused)}.")
    else:
        raise missing(source, _OWN_NAMES)
    return texts


def read_text_file(
    path: Path, column: str, skipped: Counter[str], cleaning: TextCleaning, key: str = "data.column"
) -> tuple[Pieces, str, list[str]]:
    """Read a table of texts (one document per row), or plain text under any other name; compressed or not.

    Args:
        skipped: Counts rows that hold no text.
        cleaning: Cleans the texts and counts what it changes.
        key: How a user names the column, for messages.

    Returns:
        The texts, the SHA-256 of the file, and sentences on how a table was read.
    """
    if not path.exists():
        raise missing(str(path))
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a file.", "Give one file.")
    if is_table_name(path.name):
        table = read_table_file(path, TableFormat(encoding=cleaning.encoding))
        refuse_other_shapes(table.columns, column, str(path), key)
        column = choose_column(table, column, (), key)
        texts = _texts(table.column(column), column, str(path), cleaning)
        pieces = _pieces_of_texts(texts, "row", skipped)
        if not pieces.pieces:
            raise UserError(f"{path} is empty: column {column!r} holds no text.", "Name another column.")
        return pieces, table.files[str(path)], [*table.notes, *path_notes(table, [column])]
    stored = read_bytes(path)
    content, _ = unpack(stored, path.name, TEXT_ENDINGS)
    return pieces_of_file(cleaning.read(content, str(path)), path.name), sha256(stored), []


def _texts(values: list[Any], column: str, source: str, cleaning: TextCleaning) -> list[str]:
    """Return the texts of a column, "" where there is none. Raises UserError where a cell is no text."""
    cells = [cell_text(value, number, column, source) for number, value in enumerate(values, start=1)]
    cleaning.lists += sum(isinstance(value, list) for value in values)
    cleaning.coded += sum(isinstance(value, bytes) for value in values)
    return [cleaning.clean(text_of(cell) or "") for cell in cells]


def _pieces_of_texts(texts: list[str], name: str, skipped: Counter[str]) -> Pieces:
    pieces = pieces_of_rows(texts, name)
    # Blank rows between the paragraphs of an article belong to its text; a document that is a blank row is skipped.
    if unused := len(texts) - pieces.rows:
        skipped["the text is empty or missing"] += unused
    return pieces


def _splits_of_folder(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """Sort files by the split in their name: train.txt, wiki.valid.raw, test-00000-of-00001.parquet.

    Returns:
        The files of each split, and the names of the others that are not hidden.
    """
    splits: dict[str, list[Path]] = {}
    others: list[str] = []
    for file in sorted(file for file in folder.iterdir() if file.is_file()):
        words = re.split(r"[^a-z0-9]+", file.name.lower())
        named = {SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES}
        if ending_of(file.name) in (*READERS, *TEXT_ENDINGS) and len(named) == 1:
            splits.setdefault(named.pop(), []).append(file)
        elif not file.name.startswith("."):
            others.append(file.name)
    for split, files in splits.items():
        shards = [re.sub(r"\d+-of-\d+", "", file.name) for file in files if re.search(r"\d+-of-\d+", file.name)]
        if len(files) > 1 and not (len(shards) == len(files) and len(set(shards)) == 1):
            raise UserError(
                f"{folder} has several files for the {split} split: {', '.join(file.name for file in files)}.",
                "Name the files with data.train, data.validation and data.test instead of data.text.",
            )
    if "train" not in splits:
        raise UserError(
            f"{folder} has no file for the training split.",
            f"Its files must be named train, validation (or valid, dev) and test, and end in "
            f"{', '.join((*TEXT_ENDINGS, *READERS))}; or name them with data.train, data.validation and data.test.",
        )
    return splits, others


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_LISTED]) + f" and {len(names) - _LISTED} more" * (len(names) > _LISTED)
