"""What data look like once they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LabeledTexts:
    """One side of a labeled table; the three lists have the same length."""

    ids: list[str]  # stable names of the rows: the file's own id column, or the row number in the source
    texts: list[str]
    labels: list[int]  # indices into SplitTable.label_names

    def __len__(self) -> int:
        return len(self.texts)

    def of(self, rows: Sequence[int]) -> LabeledTexts:
        """Return some of the texts, by their place."""
        ids, texts, labels = self.ids, self.texts, self.labels
        return LabeledTexts([ids[row] for row in rows], [texts[row] for row in rows], [labels[row] for row in rows])


@dataclass(frozen=True)
class SplitTable:
    """A labeled table, divided."""

    label_names: list[str]  # sorted
    train: LabeledTexts
    validation: LabeledTexts
    test: LabeledTexts
    text_columns: str | Sequence[str] | None = None  # what the config says in `data.text`


@dataclass(frozen=True)
class Document:
    """A piece of a corpus that belongs together: an article, or a row of a table."""

    name: str
    text: str  # as it stands in the stream
    lines: list[str]  # its rows in Hugging Face's form of WikiText: blank lines are "", others keep their "\n"


@dataclass(frozen=True)
class Corpus:
    """One side of a text. `separator.join(document.text ...)` is the stream that protocol `window` scores."""

    name: str
    documents: list[Document]
    separator: str  # "" for a file as it is, "\n\n" between WikiText's rows

    @property
    def stream(self) -> str:
        return self.separator.join(document.text for document in self.documents)

    @property
    def lines(self) -> list[str]:
        return [line for document in self.documents for line in document.lines]


@dataclass(frozen=True)
class SplitCorpus:
    """A text, divided by documents."""

    train: Corpus
    validation: Corpus
    test: Corpus | None
