"""The tables of the panel, split once and written as files that every program reads."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bakeoff.data.config import PACKAGED_TABLES, TableData, TableSplit
from bakeoff.data.table_sources import read_table_source
from bakeoff.data.tables import prepare_table
from bakeoff.data.types import LabeledTexts
from comparison.articles import article_sentences
from peers.panel.cell import SPLITS

SEED = 12


@dataclass(frozen=True)
class Table:
    """A table and how it is split: 70, 10 and 20 % by bakeoff's own rules, unless a column says it.

    With `per_class`, the training and the validation split are so many rows of every class each, both out of the
    training split; the test split stays.
    """

    file: str
    text: str | None = None
    label: str | None = None
    column: str | None = None
    most: tuple[int, int, int] | None = None  # rows of each split: the first ones, which are a random sample
    per_class: int | None = None


_SENTENCES = Table("sentence-polarity")
_IMDB = Table("imdb.parquet", "review", "sentiment")
_MEDICAL = Table("medical-abstracts.parquet", "text", "condition")
_TITLES = Table("stackoverflow-titles.parquet", "title", "topic")

TABLES = {
    "sentences": _SENTENCES,
    "imdb-5000": replace(_IMDB, most=(5_000, 1_000, 2_500)),
    "imdb-35000": _IMDB,
    "medical": _MEDICAL,
    "titles": _TITLES,
    "clinc150": Table("clinc150-small.parquet", "text", "intent", column="split"),
    "waimai": Table("waimai-chinese.parquet", "review", "label"),
    **{
        f"{name}-{count}": replace(table, per_class=count)
        for name, table in (("sentences", _SENTENCES), ("medical", _MEDICAL), ("titles", _TITLES))
        for count in (8, 64)
    },
}


def read_rows(name: str, data: Path | None) -> list[tuple[str, str]]:
    """Return text and label of all rows of a table of the panel; `articles` are sentences of Wikipedia articles.

    Raises:
        FileNotFoundError: the table's file is not in the folder `data`.
    """
    if name == "articles":
        return [(sentence, title) for sentence, title in article_sentences(20) if title]
    table = TABLES[name]
    source = read_table_source(TableData(table=_file(table, data), text=table.text, label=table.label))
    texts, labels = source.table.column(source.text[0]), source.table.column(source.label[0])
    return list(zip(texts, map(str, labels), strict=True))


def write_splits(table: Table, data: Path | None, folder: Path) -> None:
    """Write train.jsonl, validation.jsonl and test.jsonl, unless they are there.

    Raises:
        FileNotFoundError: the table's file is not in the folder `data`.
    """
    files = {split: folder / f"{split}.jsonl" for split in SPLITS}
    if all(file.exists() for file in files.values()):
        return
    source = TableData(
        table=_file(table, data),
        text=table.text,
        label=table.label,
        split=TableSplit(column=table.column),
    )
    split, _ = prepare_table(source, SEED)
    parts = {name: getattr(split, name) for name in SPLITS}
    if table.per_class:
        parts["train"], parts["validation"] = first_of_every_class(split.train, table.per_class)
    for name, most in zip(SPLITS, table.most or (None,) * len(SPLITS), strict=True):
        part = parts[name].of(range(len(parts[name]))[:most])
        rows = zip(part.texts, (split.label_names[label] for label in part.labels), strict=True)
        _write(files[name], rows)


def first_of_every_class(texts: LabeledTexts, count: int) -> tuple[LabeledTexts, LabeledTexts]:
    """Return the first `count` texts of every class, and the next `count` of every class."""
    rows_of: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(texts.labels):
        rows_of[label].append(row)
    first = sorted(row for rows in rows_of.values() for row in rows[:count])
    second = sorted(row for rows in rows_of.values() for row in rows[count : 2 * count])
    return texts.of(first), texts.of(second)


def _file(table: Table, data: Path | None) -> str:
    if table.file in PACKAGED_TABLES:
        return table.file
    found = next(data.rglob(table.file), None) if data else None
    if found is None:
        where = data or "any folder"
        raise FileNotFoundError(f"{table.file} is not in {where}: give the folder that holds it with --data")
    return str(found)


def _write(file: Path, rows: Iterable[tuple[str, str]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".part")
    temporary.write_text(
        "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows), encoding="utf-8"
    )
    temporary.replace(file)
