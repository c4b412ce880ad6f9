"""The section `data` of a config: a labeled table, or a text corpus."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from bakeoff.sections import ColumnOrColumns, PositiveInt, Section, Share

PACKAGED_TABLES = ("sentence-polarity",)
PACKAGED_TEXTS = ("wikitext-2-part",)


class TableSplit(Section):
    """How the rows are divided. Identical and near-identical texts never stand on two sides."""

    validation: Share = Field(0.1, description="Share of all rows used to choose the best epoch.")
    test: Share = Field(0.2, description="Share of all rows that are only looked at once, at the end.")
    column: str | None = Field(
        None,
        description="A column that names the side of each row (train, validation or valid, test) and replaces the "
        "random split; rows of `test` stay test, and validation is taken from train where the column names none.",
    )

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> TableSplit:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must be below 1, so that rows are left to train on")
        return self


class TableData(Section):
    """A labeled table."""

    table: str = Field(
        description="A file (.csv, .tsv, .jsonl, .parquet), an aclImdb folder, a hub id such as `stanfordnlp/imdb`, or "
        "the packaged `sentence-polarity`."
    )
    text: ColumnOrColumns = Field(
        None,
        description="Column of the texts, or a list of columns (`[title, body]`), which are joined with a blank line "
        "between them, without empty cells. Guessed from common names when absent.",
    )
    label: str | None = Field(None, description="Column of the labels. Guessed from common names when absent.")
    rows: PositiveInt | None = Field(None, description="Use a random, seeded sample of so many rows.")
    split: TableSplit = Field(default_factory=lambda: TableSplit(), description="Sizes of the three sides.")


class Fraction(Section):
    """How much of each side is used: its first lines."""

    train: Share = Field(1.0, description="Share of the training lines.")
    validation: Share = Field(1.0, description="Share of the validation lines.")
    test: Share = Field(1.0, description="Share of the test lines.")


class TextData(Section):
    """A text corpus with three sides."""

    text: str | None = Field(
        None,
        description="The packaged `wikitext-2-part`, a hub id (`wikitext-2` stands for "
        "`Salesforce/wikitext`, `wikitext-2-raw-v1`), a folder with train / validation / test files, or one file "
        "(.txt, .raw, .jsonl, .parquet) that is split by documents with the seed.",
    )
    train: str | None = Field(None, description="File of the training text, instead of `text`.")
    validation: str | None = Field(None, description="File of the validation text, instead of `text`.")
    test: str | None = Field(None, description="File of the test text; may be absent when evaluating on validation.")
    column: str = Field("text", description="Column of the texts in .jsonl and .parquet files.")
    fraction: Fraction = Field(
        default_factory=lambda: Fraction(), description="Use the first part of the lines; one number stands for all."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_fraction_for_all(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("fraction"), int | float):
            share = values["fraction"]
            values = {**values, "fraction": {"train": share, "validation": share, "test": share}}
        return values

    @model_validator(mode="after")
    def _names_a_source(self) -> TextData:
        files = [self.train, self.validation, self.test]
        if self.text is None and (self.train is None or self.validation is None):
            raise ValueError("give `text`, or the files `train` and `validation` (and `test`)")
        if self.text is not None and any(files):
            raise ValueError("give either `text` or the files `train`, `validation`, `test`, not both")
        return self
