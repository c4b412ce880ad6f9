"""The section `data` of a config whose rows are examples: prompts with their answers, or chats."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from bakeoff.data.config import Sources, TableFormat, TableSplit, check_sources
from bakeoff.sections import ColumnOrColumns, PositiveInt, Section

_OWN_KEYS = ("examples", "prompt", "completion", "messages")


class ExampleData(Section):
    """Prompts with answers, or chats. Models learn from the answers alone, and are evaluated on them."""

    examples: Sources = Field(
        None,
        description="A table, as `data.table` of a classification names one: a file, several, a URL, a hub id, or the "
        "packaged `sentence-polarity`. Required, unless `train` is given.",
    )
    train: Sources = Field(None, description="Table of the training examples, instead of `examples`.")
    validation: Sources = Field(
        None, description="Table of the validation examples; with `train`. If absent, they are taken from train."
    )
    test: Sources = Field(
        None, description="Table of the test examples; with `train`. If absent, they are taken from train."
    )
    format: TableFormat = Field(default_factory=lambda: TableFormat(), description="How the files are written.")
    prompt: ColumnOrColumns = Field(
        None,
        description="Column of the prompts, or a list of columns (`[instruction, input]`), whose non-empty cells are "
        "joined by a blank line. Guessed from common names if absent.",
    )
    completion: str | None = Field(None, description="Column of the answers. Guessed from common names if absent.")
    messages: str | None = Field(
        None,
        description="Column of chats, instead of `prompt` and `completion`: lists of messages with `role` and "
        "`content`, which the chat template of the model's tokenizer makes texts of. Every answer of the assistant is "
        "learned and counts in the perplexity; the last one is generated and compared.",
    )
    template: str = Field(
        "{prompt}\n{completion}",
        description="How a prompt and its answer become a text, the answer last: `Question: {prompt}\\nAnswer: "
        "{completion}`. Not for chats.",
    )
    rows: PositiveInt | None = Field(None, description="Use a random sample of this many rows, drawn with the seed.")
    split: TableSplit = Field(
        default_factory=lambda: TableSplit(),
        description="Sizes of the splits, and their rule. At random, identical and near-identical prompts stay "
        "together.",
    )

    @staticmethod
    def describes(value: Any) -> bool:
        """Return whether the value of `data` is meant to be this section."""
        return isinstance(value, ExampleData) or (isinstance(value, dict) and any(key in value for key in _OWN_KEYS))

    @property
    def files(self) -> dict[str, str | list[str]]:
        """Return the sources by their key: `examples` alone, or `train` with `validation` and `test` if given."""
        sources = {key: getattr(self, key) for key in ("examples", "train", "validation", "test")}
        return {key: source for key, source in sources.items() if source is not None}

    @field_validator("template")
    @classmethod
    def _ends_in_the_answer(cls, value: str) -> str:
        if value.count("{prompt}") != 1 or value.count("{completion}") != 1 or not value.endswith("{completion}"):
            raise ValueError("must hold {prompt} once and end in {completion}")
        if "{prompt}{completion}" in value:
            raise ValueError("must have something between {prompt} and {completion}, such as a line break")
        return value

    @model_validator(mode="after")
    def _names_a_source(self) -> ExampleData:
        if self.split.folds is not None:
            raise ValueError("split.folds: language models are not cross-validated, only classifiers are")
        check_sources("examples", self.files, self.split, instead="`examples`")
        if self.messages is not None and (self.prompt is not None or self.completion is not None):
            raise ValueError("give either `messages`, or `prompt` and `completion`")
        return self
