"""Settings of methods `lstm` and `gru`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from bakeoff.methods.base import MethodConfig
from bakeoff.methods.linear.config import LinearConfig
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
    """Which words of the training split get a number of their own; every other word becomes 'unknown'."""

    min_frequency: PositiveInt = Field(
        2, description="Words seen less often in the training split (and the texts of `pretrain`) are unknown."
    )
    max_size: PositiveInt | None = Field(None, description="Keep only so many words, the most frequent ones.")
    stop_words: Literal["keep", "remove"] = Field(
        "keep", description="`remove` drops English stop words (the lab's rule; it loses *not* and *no*)."
    )
    punctuation: Literal["strip", "separate"] = Field(
        "separate", description="`strip` deletes punctuation (the lab's rule); `separate` makes each mark a word."
    )


class Pretraining(Section):
    """Before the classifier, its embedding and layers are trained to predict words (Dai and Le 2015)."""

    text: str = Field(
        description="A file of unlabeled texts: .csv, .tsv, .jsonl, .parquet, or .txt with a text a line. The texts "
        "of the training split are used as well."
    )
    column: ColumnOrColumns = Field(None, description="Column or columns of the texts; absent: as in `data.text`.")
    epochs: PositiveInt = Field(2, description="Passes over these texts; they do not count against the budget.")
    learning_rate: PositiveFloat = Field(2e-3, description="Peak learning rate of AdamW in these passes.")

    @property
    def path(self) -> Path:
        return Path(self.text).expanduser()


class RecurrentConfig(MethodConfig):
    """An LSTM or GRU, trained from scratch or from what it learned of unlabeled texts."""

    method: Literal["lstm", "gru"] = "lstm"
    embedding_size: PositiveInt = Field(128, description="Numbers per word vector.")
    hidden_size: PositiveInt = Field(128, description="Numbers per hidden state and direction.")
    layers: PositiveInt = Field(1, description="Recurrent layers.")
    bidirectional: bool = Field(True, description="Read the text in both directions.")
    pooling: Literal["last", "max_mean"] = Field(
        "max_mean", description="What reaches the classifier: the last state, or maximum and mean over all states."
    )
    embedding_dropout: Probability = Field(0.3, description="Dropout on the word vectors.")
    dropout: Probability = Field(0.5, description="Dropout between layers and before the output.")
    word_dropout: Probability = Field(0.1, description="Share of words replaced by 'unknown' while training.")
    max_length: PositiveInt = Field(400, description="Longer texts are cut to so many words.")
    truncation: Literal["head", "head_tail"] = Field(
        "head_tail", description="What is kept of a longer text: its head, or half head and half tail."
    )
    vocabulary: Vocabulary = Field(default_factory=lambda: Vocabulary(), description="Rule of the vocabulary.")
    class_weights: ClassWeights = "none"
    learning_rate: PositiveFloat = Field(2e-3, description="Peak learning rate of AdamW.")
    schedule: Schedule = "cosine"
    warmup: Warmup = 0.1
    weight_decay: WeightDecay = 0.01
    batch_size: PositiveInt = Field(64, description="Texts per step.")
    gradient_clip: GradientClip = 1.0
    linear_part: LinearConfig | None = Field(
        None,
        description="A linear model that is fitted first, with settings as of a contestant `linear`. The network is "
        "trained on what it misses: its logits are added to the linear model's, and it is told where in the text the "
        "linear model's evidence stands.",
    )
    pretrain: Pretraining | None = Field(
        None, description="Train the layers to predict words before; not with several layers in both directions."
    )

    @model_validator(mode="after")
    def _can_predict_words(self) -> RecurrentConfig:
        if self.pretrain is not None and self.bidirectional and self.layers > 1:
            raise ValueError(
                "pretrain needs `layers: 1` or `bidirectional: false`, since a second layer over both directions has "
                "seen the word that it would have to predict"
            )
        return self

    def local_paths(self) -> dict[str, str]:
        return {"pretrain.text": self.pretrain.text} if self.pretrain else {}
