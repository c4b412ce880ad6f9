"""Settings of methods `lstm` and `gru`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from bakeoff.copied_files import here
from bakeoff.methods.base import MethodConfig
from bakeoff.methods.linear_part.config import LinearPartSettings
from bakeoff.methods.search_space import Choice, Range, SearchSpace
from bakeoff.sections import (
    ClassWeights,
    ColumnOrColumns,
    GradientClip,
    PositiveFloat,
    PositiveInt,
    Probability,
    Schedule,
    Section,
    Warmup,
    WeightDecay,
)


class Vocabulary(Section):
    """Which units of the training split get an id of their own; every other one becomes 'unknown'."""

    units: Literal["auto", "words", "subwords", "characters"] = Field(
        "auto",
        description="What the network reads. Subwords are learned from the training split by byte-pair encoding. "
        "`auto` is words; for scripts without spaces between words, it is characters (Chinese, Japanese) or subwords "
        "(Thai, Lao, Khmer, Burmese).",
    )
    min_frequency: PositiveInt = Field(
        2, description="Words seen less often in the training split (and the texts of `pretrain`) are unknown."
    )
    max_size: PositiveInt | None = Field(
        None, description="Keep at most this many words, the most frequent ones. If absent, all, or 8,000 subwords."
    )
    stop_words: Literal["keep", "remove"] = Field(
        "keep", description="`remove` drops English stop words (the lab's rule; it loses *not* and *no*)."
    )
    punctuation: Literal["strip", "separate"] = Field(
        "separate", description="`strip` deletes punctuation (the lab's rule); `separate` makes each mark a word."
    )


class Pretraining(Section):
    """Before it becomes a classifier, the network is trained to predict words (Dai and Le 2015)."""

    text: str = Field(
        description="A file of unlabeled texts: .csv, .tsv, .jsonl, .parquet, or .txt with one text per line. The "
        "texts of the training split are used as well."
    )
    column: ColumnOrColumns = Field(None, description="Column or columns of the texts; if absent, as in `data.text`.")
    epochs: PositiveInt = Field(2, description="Passes over these texts, which do not count against the budget.")
    learning_rate: PositiveFloat = Field(2e-3, description="Peak learning rate of AdamW in these passes.")

    @property
    def path(self) -> Path:
        return Path(here(self.text)).expanduser()


class RecurrentConfig(MethodConfig):
    """An LSTM or GRU, trained from scratch or after pretraining on unlabeled texts."""

    method: Literal["lstm", "gru"] = "lstm"
    embedding_size: PositiveInt = Field(128, description="Size of a word vector.")
    hidden_size: PositiveInt = Field(128, description="Size of the hidden state, per direction.")
    layers: Annotated[int, Field(gt=0, le=100)] = Field(1, description="Number of recurrent layers.")
    bidirectional: bool = Field(True, description="Whether the text is read in both directions.")
    pooling: Literal["last", "max_mean"] = Field(
        "max_mean", description="What the output layer sees: the last state, or the maximum and mean over all states."
    )
    embedding_dropout: Probability = Field(0.3, description="Dropout on the word vectors.")
    dropout: Probability = Field(0.5, description="Dropout between layers and before the output.")
    word_dropout: Probability = Field(0.1, description="Share of words replaced by 'unknown' during training.")
    max_length: PositiveInt = Field(
        400, description="Longest text in words, or other units of the vocabulary; longer ones are cut."
    )
    truncation: Literal["head", "head_tail"] = Field(
        "head_tail", description="What is kept of a longer text: its beginning, or half from each end."
    )
    vocabulary: Vocabulary = Field(default_factory=lambda: Vocabulary(), description="How the vocabulary is built.")
    class_weights: ClassWeights = "none"
    learning_rate: PositiveFloat = Field(2e-3, description="Peak learning rate of AdamW.")
    schedule: Schedule = "cosine"
    warmup: Warmup = 0.1
    weight_decay: WeightDecay = 0.01
    batch_size: PositiveInt = Field(64, description="Texts per step.")
    gradient_clip: GradientClip = 1.0
    linear_part: LinearPartSettings = None
    pretrain: Pretraining | None = Field(
        None, description="Pretrain the network on unlabeled texts; not with several bidirectional layers."
    )

    search_space: ClassVar[SearchSpace] = {
        "hidden_size": Choice((64, 128, 256)),
        "embedding_dropout": Range(0.0, 0.6),
        "dropout": Range(0.1, 0.7),
        "word_dropout": Range(0.0, 0.3),
        "learning_rate": Range(5e-4, 1e-2, log=True),
        "weight_decay": Range(1e-3, 0.3, log=True),
        "batch_size": Choice((16, 32, 64, 128)),
    }

    @model_validator(mode="after")
    def _can_predict_words(self) -> RecurrentConfig:
        if self.pretrain is not None and self.bidirectional and self.layers > 1:
            raise ValueError(
                "pretrain needs `layers: 1` or `bidirectional: false`, because a second bidirectional layer has "
                "already seen the word that it must predict"
            )
        return self

    def local_paths(self) -> dict[str, str]:
        return {"pretrain.text": self.pretrain.text} if self.pretrain else {}
