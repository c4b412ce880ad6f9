"""The section `data` of a config: a labeled table, or a text corpus."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from bakeoff.sections import ColumnOrColumns, PositiveInt, Section, Share

PACKAGED_TABLES = ("sentence-polarity",)
PACKAGED_TEXTS = ("wikitext-2-part",)


class TableSplit(Section):
    """Sizes of the splits, and how rows are divided. At random, identical and near-identical texts stay together."""

    validation: Share = Field(0.1, description="Share of all rows used to choose the best epoch.")
    test: Share = Field(0.2, description="Share of all rows used only once, for the evaluation at the end.")
    column: str | None = Field(
        None,
        description="Column that names the split of each row (train, validation or valid, test), in place of a random "
        "split. Where it names no validation rows, they are taken from train.",
    )
    group: str | None = Field(
        None,
        description="Column of a group, such as the author: all rows of a group are in one split. Groups are drawn at "
        "random, with sizes and classes as even as they allow.",
    )
    time: str | None = Field(
        None,
        description="Column of a date, time or number: the test rows are the latest ones, the validation rows those "
        "before them, and training uses the past.",
    )

    @property
    def rule(self) -> str | None:
        """Return the key of the rule that replaces the random split: `column`, `group`, `time`, or None."""
        return next((key for key in ("column", "group", "time") if getattr(self, key) is not None), None)

    @model_validator(mode="after")
    def _has_one_rule(self) -> TableSplit:
        rules = [f"`{key}`" for key in ("column", "group", "time") if getattr(self, key) is not None]
        if len(rules) > 1:
            raise ValueError(f"{' and '.join(rules)} exclude each other: keep one of them")
        return self

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> TableSplit:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must be below 1, so that some rows are left to train on")
        return self


class TableData(Section):
    """A labeled table."""

    table: str | None = Field(
        None,
        description="A file (.csv, .tsv, .jsonl, .parquet), an aclImdb folder, a hub id such as `stanfordnlp/imdb`, or "
        "the packaged `sentence-polarity`. Required, unless `train` is given.",
    )
    train: str | None = Field(
        None, description="File of the training rows, instead of `table`. Whatever `table` may name."
    )
    validation: str | None = Field(
        None, description="File of the validation rows; with `train`. If absent, they are taken from train."
    )
    test: str | None = Field(
        None, description="File of the test rows; with `train`. If absent, they are taken from train."
    )
    text: ColumnOrColumns = Field(
        None,
        description="Column of the texts, or a list of columns (`[title, body]`), whose non-empty cells are joined by "
        "a blank line. Guessed from common names if absent.",
    )
    label: str | None = Field(None, description="Column of the labels. Guessed from common names if absent.")
    rows: PositiveInt | None = Field(None, description="Use a random sample of this many rows, drawn with the seed.")
    split: TableSplit = Field(default_factory=lambda: TableSplit(), description="Sizes of the splits, and their rule.")

    @property
    def files(self) -> dict[str, str]:
        """Return the sources by their key: `table` alone, or `train` with `validation` and `test` if given."""
        sources = {key: getattr(self, key) for key in ("table", "train", "validation", "test")}
        return {key: source for key, source in sources.items() if source is not None}

    @model_validator(mode="after")
    def _names_a_source(self) -> TableData:
        files = [key for key in self.files if key != "table"]
        if self.table is not None and files:
            raise ValueError(f"give either `table` or the files `train`, `validation`, `test`, not both ({files[0]})")
        if self.table is None and self.train is None:
            raise ValueError("give `table`, or the file `train` (with `validation` and `test` if you have them)")
        if len(set(self.files.values())) < len(self.files):
            raise ValueError("two of the files `train`, `validation`, `test` are the same")
        if files and (rule := self.split.rule):
            raise ValueError(f"the files say which rows are test rows: leave out `split.{rule}`, or give one `table`")
        return self


class Fraction(Section):
    """Share of each split that is used, counted in lines from its beginning."""

    train: Share = Field(1.0, description="Share of the training lines.")
    validation: Share = Field(1.0, description="Share of the validation lines.")
    test: Share = Field(1.0, description="Share of the test lines.")


class TextData(Section):
    """A text corpus with three splits."""

    text: str | None = Field(
        None,
        description="The packaged `wikitext-2-part`, a hub id (`wikitext-2` stands for "
        "`Salesforce/wikitext`, `wikitext-2-raw-v1`), a folder with train / validation / test files, or one file "
        "(.txt, .raw, .jsonl, .parquet) that is split by documents with the seed.",
    )
    train: str | None = Field(None, description="File of the training text, instead of `text`.")
    validation: str | None = Field(None, description="File of the validation text, instead of `text`.")
    test: str | None = Field(
        None, description="File of the test text; may be absent if `evaluation.split: validation`."
    )
    column: str = Field("text", description="Column of the texts in .jsonl and .parquet files.")
    line_ends: Literal["normalize", "keep"] = Field(
        "normalize",
        description="`normalize`: Windows and old Mac line ends become `\\n`, so that a text has the same perplexity "
        "wherever it was saved; `keep`: they stay.",
    )
    split_special_tokens: bool = Field(
        False,
        description="Read special tokens of the model that are spelled out in the text, such as `</s>`, as characters. "
        "Otherwise each is that token, as in transformers.",
    )
    fraction: Fraction = Field(
        default_factory=lambda: Fraction(),
        description="Share of the lines to use, from the beginning of each split. One number sets all three.",
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
