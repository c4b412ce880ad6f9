"""Types of data that have been read and split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bakeoff.data.row_texts import RowTexts, concatenated, picked

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class LabeledTexts:
    """One split of a labeled table; the lists have the same length."""

    ids: list[str]  # stable names of the rows: from the file's id column, or else the row number, from 1
    texts: Sequence[str]  # `RowTexts` where the config names features
    labels: list[int]  # indices into SplitTable.label_names; empty where a text can have several labels
    label_sets: npt.NDArray[np.bool_] | None = None  # which labels each text has, shape (texts, labels), where several

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def sets(self) -> npt.NDArray[np.bool_]:
        """Return `label_sets` of a table whose texts can have several labels."""
        assert self.label_sets is not None
        return self.label_sets

    @property
    def targets(self) -> Sequence[int] | npt.NDArray[np.bool_]:
        """Return what a model learns to predict: `labels`, or `label_sets` where a text can have several labels."""
        return self.labels if self.label_sets is None else self.label_sets

    def label_counts(self, labels: int) -> list[int]:
        """Return how many texts have each of the `labels` labels."""
        if self.label_sets is not None:
            return [int(count) for count in self.label_sets.sum(axis=0)]
        counts = Counter(self.labels)
        return [counts[label] for label in range(labels)]

    def of(self, rows: Sequence[int]) -> LabeledTexts:
        """Return the texts at these positions."""
        ids, texts = [self.ids[row] for row in rows], picked(self.texts, rows)
        if self.label_sets is not None:
            return LabeledTexts(ids, texts, [], self.label_sets[list(rows)])
        return LabeledTexts(ids, texts, [self.labels[row] for row in rows])


def joined(parts: Sequence[LabeledTexts]) -> LabeledTexts:
    """Return the texts of several splits, one after the other."""
    import numpy as np  # here, because reading a config needs no arrays

    return LabeledTexts(
        [id for part in parts for id in part.ids],
        concatenated([part.texts for part in parts]),
        [label for part in parts for label in part.labels],
        None if parts[0].label_sets is None else np.concatenate([part.sets for part in parts]),
    )


@dataclass(frozen=True)
class OutOfScopeTexts:
    """The texts of a table that belong to no class; their labels are no index of `label_names`."""

    label: str  # that marks them in the table
    choosing: LabeledTexts  # of the validation split and of the training split: they choose a threshold
    test: LabeledTexts


@dataclass(frozen=True)
class SplitTable:
    """A labeled table with its splits."""

    label_names: list[str]  # sorted, or in the order of the columns that `data.label` lists
    train: LabeledTexts
    validation: LabeledTexts
    test: LabeledTexts
    text_columns: str | Sequence[str] | None = None  # `data.text` of the config
    folds: Sequence[SplitTable] = ()
    """The splits of each fold of a cross-validation. `test` of this table is then that of all folds, one after the
    other, and `train` and `validation` are all rows: they make the models that are kept."""
    is_fold: bool = False  # one of these: it tests only a part of the rows that are tested
    out_of_scope: OutOfScopeTexts | None = None  # they are in none of the splits above
    parts: Sequence[LabeledTexts] = ()  # of `train`, for a learning curve: each is in the next, the smallest first
    test_columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """The cells of the test rows, in their order, in all columns but those of texts and labels."""

    @property
    def features(self) -> list[str]:
        """Return the columns beside the text that contestants may read: `data.features` of the config."""
        return list(self.train.texts.columns) if isinstance(self.train.texts, RowTexts) else []

    def with_part(self, number: int) -> SplitTable:
        """Return the table with only a part of its training rows; the smallest part is 1, and 0 is all of them."""
        return replace(self, train=self.parts[number - 1], parts=()) if number else self

    @property
    def multilabel(self) -> bool:
        """Return whether a text can have several labels, or none."""
        return self.train.label_sets is not None

    def written(self, texts: LabeledTexts) -> list[str]:
        """Return the labels of texts as a reader sees them: several labels of one text are joined by commas."""
        if texts.label_sets is None:
            return [self.label_names[label] for label in texts.labels]
        return [", ".join(name for name, has in zip(self.label_names, row, strict=True) if has) for row in texts.sets]

    @property
    def trainings(self) -> float:
        """Return how often the first fold is trained on, or the only split, in the time of all trainings together."""
        if not self.folds:
            return 1.0
        return sum(len(table.train) for table in (*self.folds, self)) / len(self.folds[0].train)


@dataclass(frozen=True)
class TextTable:
    """A table, or a part of one, and the text of each row; missing texts are ""."""

    source: str
    columns: dict[str, list[Any]]
    texts: list[str]
    notes: list[str] = field(default_factory=list)  # sentences on how it was read, and what was joined or dropped

    def all_columns(self, names: Sequence[str]) -> dict[str, list[Any]]:
        """Return the columns of the whole table, of which a part can lack some."""
        return {name: self.columns.get(name, [None] * len(self.texts)) for name in names}


@dataclass(frozen=True)
class TextSource:
    """A table and its texts, in parts that are read whenever they are asked for."""

    parts: Callable[[], Iterable[TextTable]]
    columns: list[str]  # a part can lack some
    rows: int
    empty: int  # texts of white space alone
    notes: list[str]

    @classmethod
    def of(cls, table: TextTable) -> TextSource:
        """Return a table that is in memory as a source of one part."""
        return cls(lambda: [table], list(table.columns), len(table.texts), count_empty(table.texts), table.notes)


def count_empty(texts: Iterable[str]) -> int:
    """Return how many texts hold nothing but white space."""
    return sum(not text.strip() for text in texts)


@dataclass(frozen=True)
class Answer:
    """The part of a document that answers what stands before it; positions are characters of the document's text."""

    start: int
    end: int  # exclusive
    closed: int  # where the mark that ends a turn of a chat ends; `end` where the answer has none


@dataclass(frozen=True)
class Document:
    """A unit of a corpus: an article, a row of a table, or an example (a prompt with its answer, or a chat)."""

    name: str
    text: str  # exactly as in the stream
    lines: list[str]  # its rows in the form of WikiText on the hub: blank lines are "", others keep their "\n"
    answers: tuple[Answer, ...] = ()  # of an example, in order; only these are learned and evaluated
    question: str = ""  # of an example: its prompt as in the table; of a chat, all messages before the last answer

    @property
    def prompt(self) -> str:
        """Return what stands before the last answer of an example."""
        return self.text[: self.answers[-1].start]

    @property
    def reference(self) -> str:
        """Return the last answer of an example."""
        return self.text[self.answers[-1].start : self.answers[-1].end].strip()


@dataclass(frozen=True)
class Corpus:
    """One split of a text. Its `stream` is what the protocol `window` scores."""

    name: str
    documents: list[Document]
    separator: str  # between documents in the stream: "" for a plain file, "\n\n" for rows of a table or of WikiText
    notes: tuple[str, ...] = ()  # sentences about what was changed while reading, where a report has no room for them
    split_special_tokens: bool = False  # read `</s>` and the like as characters
    chat: bool = False  # its examples are chats as the model's template writes them, special tokens included

    @property
    def has_examples(self) -> bool:
        """Return whether the documents are examples."""
        return bool(self.documents and self.documents[0].answers)

    @property
    def stream(self) -> str:
        return self.separator.join(document.text for document in self.documents)

    @property
    def lines(self) -> list[str]:
        return [line for document in self.documents for line in document.lines]


@dataclass(frozen=True)
class SplitCorpus:
    """A text corpus with its splits."""

    train: Corpus
    validation: Corpus
    test: Corpus | None
