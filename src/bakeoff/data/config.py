"""The section `data` of a config: a labeled table, or a text corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bakeoff.sections import ColumnOrColumns, PositiveInt, Section, Share

PACKAGED_TABLES = ("sentence-polarity",)
PACKAGED_TEXTS = ("wikitext-2-part",)


class TableSplit(Section):
    """Sizes of the splits, and how rows are divided. At random, identical and near-identical texts stay together."""

    validation: Share = Field(0.1, description="Share of all rows used to choose the best epoch.")
    test: Share = Field(0.2, description="Share of all rows used only once, for the evaluation at the end.")
    folds: Annotated[int, Field(ge=2, le=100)] | None = Field(
        None,
        description="Cross-validation: rows are divided into this many folds, and each fold is the test split once, "
        "so that every row is tested. Every contestant is trained once per fold, and once more on all rows but those "
        "of `validation` for the model that is kept. `test` has no meaning then; `validation` is taken from the other "
        "folds. Excludes `column` and `time`.",
    )
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
        if self.folds is not None and (self.column is not None or self.time is not None):
            raise ValueError(f"`folds` and {rules[0]} exclude each other: keep one of them")
        return self

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> TableSplit:
        if self.folds is not None:
            if self.test != type(self).model_fields["test"].default:
                raise ValueError("with `folds`, every fold is the test split once: leave out `test`")
            if self.validation + 1 / self.folds >= 1:
                raise ValueError(
                    f"validation and one of {self.folds} folds together must be below 1, so that some rows are left to "
                    "train on"
                )
        elif self.validation + self.test >= 1:
            raise ValueError("validation and test together must be below 1, so that some rows are left to train on")
        return self


_SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_QUOTE_NAMES = {'"': "double", "'": "single", "": "none"}


def _separator(value: Any) -> Any:
    name = _SEPARATOR_NAMES.get(value, value) if isinstance(value, str) else value
    if name is None or (isinstance(name, str) and (name in _SEPARATOR_NAMES.values() or len(name) == 1)):
        return name
    raise ValueError(f"must be comma, semicolon, tab, pipe or one character, not {value!r}")


def _quote(value: Any) -> Any:
    return _QUOTE_NAMES.get(value, value) if isinstance(value, str) else value


def _known_encoding(value: str | None) -> str | None:
    try:
        if value is not None:
            "".encode(value)  # which refuses codecs that are no encodings of text, such as rot13
    except (LookupError, ValueError):  # of a character with the code 0
        raise ValueError(f"{value!r} is not the name of an encoding; usual ones are utf-8 and windows-1252") from None
    return value


class TableFormat(Section):
    """How files are written. What is absent is found in the file, and said."""

    separator: Annotated[str | None, BeforeValidator(_separator)] = Field(
        None, description="Between the cells of a .csv or .tsv: `comma`, `semicolon`, `tab`, `pipe` or a character."
    )
    quote: Annotated[Literal["double", "single", "none"] | None, BeforeValidator(_quote)] = Field(
        None, description="Around cells that hold separators or line breaks."
    )
    header: bool | None = Field(
        None, description="Whether the first row names the columns; if not, they are `column_1`, `column_2`, ..."
    )
    encoding: Annotated[str | None, AfterValidator(_known_encoding)] = Field(
        None, description="Character encoding, such as `utf-8` or `windows-1252`."
    )
    sheet: str | None = Field(None, description="Sheet of a spreadsheet. If absent, the first one that is not empty.")


class LabelFormat(Section):
    """How the labels of texts with several labels are written."""

    separator: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description='Between the labels of one cell, such as `","`. Lists in .jsonl and .parquet files need none.',
    )
    threshold: Share = Field(
        0.5,
        description="Where `label` lists columns: from this value on a text has the label. For numbers between 0 and "
        "1, such as the share of the people who said so; 0 and 1 need none.",
    )


def _sources(value: Any) -> Any:
    """Validate one source or several, with one message for the same reason."""
    several = isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)
    if value is None or isinstance(value, str) or several:
        return value
    raise ValueError(f"must be the name of a table or a list of names, not {value!r}")


Sources = Annotated[str | list[str] | None, BeforeValidator(_sources)]


def check_sources(whole: str, files: Mapping[str, str | list[str]], split: TableSplit, *, instead: str) -> None:
    """Check that a config names its rows in one way: a whole table, or the files of its splits.

    Args:
        whole: Key of the whole table; the files have the keys `train`, `validation` and `test`.
        files: The sources that are given, by their key.
        instead: What to give instead of files, in words.

    Raises:
        ValueError: it does not, or files and `split` both say which rows are test rows.
    """
    parts = [key for key in files if key != whole]
    if whole in files and parts:
        raise ValueError(f"give either `{whole}` or the files `train`, `validation`, `test`, not both ({parts[0]})")
    if whole not in files and "train" not in files:
        raise ValueError(f"give `{whole}`, or the file `train` (with `validation` and `test` if you have them)")
    if len(set(map(str, files.values()))) < len(files):
        raise ValueError("two of the files `train`, `validation`, `test` are the same")
    rule = split.rule or ("folds" if split.folds is not None else None)
    if parts and rule:
        raise ValueError(f"the files say which rows are test rows: leave out `split.{rule}`, or give {instead}")


class TableData(Section):
    """A labeled table."""

    table: Sources = Field(
        None,
        description="A file (.csv, .tsv, .json, .jsonl, .parquet, .xlsx, ...; see data.md), several (`part-*.csv`, or "
        "a list), a URL, an aclImdb folder, a hub id such as `stanfordnlp/imdb` or `glue/sst2`, or the packaged "
        "`sentence-polarity`. Required, unless `train` is given.",
    )
    train: Sources = Field(
        None, description="File of the training rows, instead of `table`. Whatever `table` may name."
    )
    validation: Sources = Field(
        None, description="File of the validation rows; with `train`. If absent, they are taken from train."
    )
    test: Sources = Field(
        None, description="File of the test rows; with `train`. If absent, they are taken from train."
    )
    format: TableFormat = Field(default_factory=lambda: TableFormat(), description="How the files are written.")
    text: ColumnOrColumns = Field(
        None,
        description="Column of the texts, or a list of columns (`[title, body]`), whose non-empty cells are joined by "
        "a blank line. Guessed from common names if absent.",
    )
    label: ColumnOrColumns = Field(
        None,
        description="Column of the labels. Guessed from common names if absent. A cell may be a list of labels; a list "
        "of columns (`[toxic, obscene]`) is one label each, with 0 or 1 in every row. See several-labels.md.",
    )
    features: ColumnOrColumns = Field(
        None,
        description="Other columns that contestants read beside the text, such as `[price, country]`: numbers, dates "
        "and categories. `linear`, `embedding` and `transformer` read them unless they have `features: false`, "
        "`estimator` if it has `features: true`; the others read the text alone. See features.md.",
    )
    labels: LabelFormat = Field(
        default_factory=lambda: LabelFormat(), description="How several labels of one text are written."
    )
    unlabeled: Annotated[str | None, BeforeValidator(lambda v: str(v) if isinstance(v, int) else v)] = Field(
        None, description="Label that marks rows without one, often `-1`. They are not used."
    )
    out_of_scope: Annotated[str | None, BeforeValidator(lambda v: str(v) if isinstance(v, int) else v)] = Field(
        None,
        description="Label of texts that belong to no class, such as `oos`. It is not learned: validation and training "
        "texts that have it choose a threshold, and test texts measure it. See out-of-scope.md.",
    )
    rows: PositiveInt | None = Field(None, description="Use a random sample of this many rows, drawn with the seed.")
    split: TableSplit = Field(default_factory=lambda: TableSplit(), description="Sizes of the splits, and their rule.")

    @property
    def files(self) -> dict[str, str | list[str]]:
        """Return the sources by their key: `table` alone, or `train` with `validation` and `test` if given."""
        sources = {key: getattr(self, key) for key in ("table", "train", "validation", "test")}
        return {key: source for key, source in sources.items() if source is not None}

    @model_validator(mode="after")
    def _has_labels_in_one_form(self) -> TableData:
        if isinstance(self.label, list):
            if len(self.label) == 1:
                raise ValueError(f"label: a list needs two columns or more; for one column: label: {self.label[0]}")
            if self.labels.separator is not None:
                raise ValueError("`labels.separator` is for one column of labels; with a list of columns leave it out")
        return self

    @property
    def feature_columns(self) -> list[str]:
        """Return `features` as a list."""
        return [self.features] if isinstance(self.features, str) else self.features or []

    @model_validator(mode="after")
    def _has_out_of_scope_without_folds(self) -> TableData:
        if self.out_of_scope is not None and self.split.folds is not None:
            raise ValueError("`out_of_scope` needs one validation and one test split: leave out `split.folds`")
        return self

    @model_validator(mode="after")
    def _names_a_source(self) -> TableData:
        check_sources("table", self.files, self.split, instead="one `table`")
        return self


class Fraction(Section):
    """Share of each split that is used, counted in lines from its beginning."""

    train: Share = Field(1.0, description="Share of the training lines.")
    validation: Share = Field(1.0, description="Share of the validation lines.")
    test: Share = Field(1.0, description="Share of the test lines.")


class FirstLines(Section):
    """Number of lines of each document that are used, blank ones not counted; absent: all."""

    validation: PositiveInt | None = Field(None, description="Lines of each validation document.")
    test: PositiveInt | None = Field(
        None,
        description="Lines of each test document. The beginnings of many documents tell models apart better than a few "
        "whole ones in the same time.",
    )


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
    encoding: Annotated[str | None, AfterValidator(_known_encoding)] = Field(
        None, description="Character encoding of the files, such as `windows-1252`. If absent, it is found, and said."
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
    first_lines: FirstLines = Field(
        default_factory=lambda: FirstLines(), description="Evaluate only the beginning of each document."
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
