"""Records about the data: the source, the splits, duplicates and leakage."""

from __future__ import annotations

from pydantic import Field

from bakeoff.runs.record import Record


class SplitReport(Record):
    """One split of the data."""

    name: str
    rows: int = Field(description="Texts, or documents.")
    tokens: int | None = None
    lines: int | None = None
    characters: int = 0
    labels: dict[str, int] = Field({}, description="Label -> texts.")
    fingerprint: str | None = Field(
        None, description="SHA-256 of its documents, or of its rows' names, texts and labels, sorted by name."
    )


class NearDuplicate(Record):
    """Two texts that are nearly the same; each list has one entry per text."""

    similarity: float = Field(description="Jaccard similarity, word pairs in both / word pairs in either: 0.8 to 1.")
    names: list[str]
    splits: list[str]
    labels: list[str] = Field([], description="Empty where the texts have none.")
    texts: list[str] = Field(description="An excerpt of each, starting shortly before their first difference.")


class GroupSplit(Record):
    """A split in which all rows of a group are in one split."""

    group: str = Field(description="Column that names the group of each row.")
    groups: dict[str, int] = Field(description="Split -> its groups.")


class TimeSplit(Record):
    """A split by time: every training row is earlier than every validation row, and these than every test row."""

    time: str = Field(description="Column of the times.")
    first: dict[str, str] = Field(description="Split -> its earliest time.")
    last: dict[str, str] = Field(description="Split -> its latest time.")


class OutOfScopeReport(Record):
    """The texts that belong to no class, which are in no split."""

    label: str = Field(description="Their label in the table.")
    choosing: int = Field(description="Texts of the validation and training splits, which choose a threshold.")
    test: int = Field(description="Texts of the test split, which measure it.")


class DataReport(Record):
    """data.json: the source of the data, its splits, and the duplicates in it."""

    source: str
    files: dict[str, str] = Field({}, description="File (or packaged name) -> SHA-256 of its content.")
    fingerprint: str = Field(description="SHA-256 of the texts, labels and features as used, in order, by split.")
    split_seed: int | None = Field(None, description="None where the splits came as files, as a column, or by time.")
    split_rule: GroupSplit | TimeSplit | None = Field(None, description="None: at random, or the splits were given.")
    splits: list[SplitReport]
    folds: list[int] = Field(
        [],
        description="Test rows of each fold of a cross-validation. The test split is then all of them, and train and "
        "validation, which are the same rows, are those of the models that are kept.",
    )
    parts: list[int] = Field(
        [], description="Rows of each part of the training split, for a learning curve, the smallest first."
    )
    multilabel: bool = Field(False, description="A text can have several labels, or none.")
    out_of_scope: OutOfScopeReport | None = Field(None, description="None where no label marks such texts.")
    skipped: dict[str, int] = Field({}, description="Reason -> rows that were not used.")
    duplicate_texts: int = Field(0, description="Rows whose text occurs again elsewhere in the data.")
    across_splits: int = Field(0, description="Texts in more than one split (0 unless the splits were given).")
    near_duplicate_texts: int = Field(0, description="Rows in groups of near-identical texts.")
    near_across_splits: int = Field(0, description="Groups of near-identical texts in more than one split.")
    near_duplicates: list[NearDuplicate] = Field([], description="Examples; pairs across splits come first.")
    features: list[str] = Field([], description="Columns beside the text that contestants may read.")
    notes: list[str] = Field([], description="Sentences that a reader of the results should see.")
