"""Every key of a config with `task: classification`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from bakeoff.sections import (
    Budget,
    ClassWeights,
    ColumnOrColumns,
    PositiveFloat,
    PositiveInt,
    Probability,
    RequestedPrecision,
    Section,
    Share,
    Tracker,
)


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


class MajorityConfig(Section):
    """Always answers the most frequent class of the training split: the floor."""

    method: Literal["majority"] = "majority"


class LinearConfig(Section):
    """TF-IDF of word n-grams and logistic regression (scikit-learn)."""

    method: Literal["linear"] = "linear"
    max_ngram: Annotated[int, Field(ge=1, le=5)] = Field(3, description="Longest n-gram of words.")
    min_document_frequency: PositiveInt = Field(2, description="Ignore n-grams found in fewer training texts.")
    naive_bayes: bool = Field(
        True, description="Weight each n-gram by its log-count ratio of naive Bayes (NBSVM, Wang and Manning 2012)."
    )
    inverse_regularization: PositiveFloat = Field(10.0, description="scikit-learn's C.")
    class_weights: ClassWeights = Field(
        "none", description="`balanced`: in training a text weighs all texts / (classes * texts of its class)."
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


class RecurrentConfig(Section):
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
    class_weights: ClassWeights = Field(
        "none", description="`balanced`: in training a text weighs all texts / (classes * texts of its class)."
    )
    learning_rate: PositiveFloat = Field(2e-3, description="Peak learning rate of AdamW.")
    schedule: Literal["constant", "linear", "cosine"] = Field("cosine", description="Course after the warm-up.")
    warmup: Probability = Field(0.1, description="Share of all steps in which the learning rate rises from 0.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.01, description="Decoupled weight decay.")
    batch_size: PositiveInt = Field(64, description="Texts per step.")
    gradient_clip: PositiveFloat | None = Field(1.0, description="Largest gradient norm.")
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


_LORA_OF_TRANSFORMERS = {"r": 16, "alpha": 32, "dropout": 0.0, "target_modules": "all-linear"}


class TransformerConfig(Section):
    """A pretrained language model or encoder with a classification head, fine-tuned in full or with LoRA."""

    method: Literal["transformer"] = "transformer"
    model: str = Field(description="A hub id, a local folder, a GGUF file, or the packaged smollm2-135m, stories260k.")
    tuning: Literal["lora", "full"] = Field(
        "lora", description="What is trained beside the head: small adapters (Hu et al. 2021), or every weight."
    )
    r: PositiveInt | None = Field(None, description="For `lora`: rank of the adapters; absent: 16.")
    alpha: PositiveFloat | None = Field(None, description="For `lora`: adapters are scaled by alpha / r; absent: 32.")
    dropout: Probability | None = Field(None, description="For `lora`: dropout before the adapters; absent: 0.")
    target_modules: Literal["default", "all-linear"] | list[str] | None = Field(
        None,
        description="For `lora`: which layers get adapters: PEFT's default for the model, all linear ones, or names; "
        "absent: `all-linear`.",
    )
    learning_rate: PositiveFloat | None = Field(
        None, description="Peak learning rate of AdamW; absent: 5e-4 for `lora`, 3e-5 for `full`."
    )
    schedule: Literal["constant", "linear", "cosine"] = Field("linear", description="Course after the warm-up.")
    warmup: Probability = Field(0.1, description="Share of all steps in which the learning rate rises from 0.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.01, description="Decoupled weight decay.")
    max_length: PositiveInt = Field(
        256, description="Tokens of a text that are read: of a longer one, half of them from each end."
    )
    class_weights: ClassWeights = Field(
        "none", description="`balanced`: in training a text weighs all texts / (classes * texts of its class)."
    )
    batch_size: PositiveInt = Field(16, description="Texts per step.")
    gradient_clip: PositiveFloat | None = Field(1.0, description="Largest gradient norm.")
    precision: RequestedPrecision = Field(
        "auto",
        description="Precision of the arithmetic; `auto` is bf16 where `bakeoff doctor` finds it fast, and elsewhere "
        "bf16 takes hundreds of times as long. Weights that are trained are always kept in fp32.",
    )

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_tuning(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if values.get("tuning", "lora") == "lora":
            defaults = {"learning_rate": 5e-4, **_LORA_OF_TRANSFORMERS}
        else:
            defaults = {"learning_rate": 3e-5}
        return {**values, **{key: value for key, value in defaults.items() if values.get(key) is None}}

    @model_validator(mode="after")
    def _adapters_are_for_lora(self) -> TransformerConfig:
        given = [key for key in _LORA_OF_TRANSFORMERS if getattr(self, key) is not None]
        if self.tuning == "full" and given:
            raise ValueError(f"{given[0]} is for `tuning: lora`, not for `tuning: full`")
        return self


class EnsembleConfig(Section):
    """Contestants that answer together, their log-probabilities weighted by what is best on the validation split."""

    method: Literal["ensemble"] = "ensemble"
    members: Annotated[list[str], Field(min_length=2)] = Field(
        description="Names of at least two contestants that stand before it, none of them an ensemble."
    )


ClassificationContestant = Annotated[
    MajorityConfig | LinearConfig | RecurrentConfig | TransformerConfig | EnsembleConfig,
    Field(discriminator="method"),
]


class ClassificationEvaluationConfig(Section):
    """How classifiers are compared: accuracy and macro-F1 on the test split, paired on the same texts."""

    metric: Literal["accuracy", "macro_f1"] = Field(
        "accuracy", description="What decides the verdict; the best epoch is that of the highest validation accuracy."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="Level of every interval.")
    resamples: PositiveInt = Field(2000, description="Bootstrap resamples.")


class ClassificationConfig(Section):
    """A bake-off of text classifiers."""

    task: Literal["classification"]
    name: str | None = Field(None, description="Name of the bake-off; the output folder is runs/NAME.")
    data: TableData = Field(description="The labeled table.")
    budget: Budget = Field(default_factory=lambda: Budget(epochs=5), description="The same for every contestant.")
    contestants: dict[str, ClassificationContestant] = Field(description="Name of each contestant and its settings.")
    evaluation: ClassificationEvaluationConfig = Field(default_factory=lambda: ClassificationEvaluationConfig(), description="The comparison.")
    seed: Annotated[int, Field(ge=0)] = Field(12, description="Seed of the split, the weights and the order.")
    repeats: PositiveInt = Field(
        1,
        description="Train every contestant with so many seeds (seed, seed + 1, ...) on the same split; what does not "
        "depend on the seed is done once.",
    )
    tracker: Tracker = Field(
        "none", description="Where losses, accuracies and learning rates are also sent while contestants are trained."
    )

    @field_validator("contestants")
    @classmethod
    def _members_stand_before(
        cls, contestants: dict[str, ClassificationContestant]
    ) -> dict[str, ClassificationContestant]:
        before: list[str] = []
        for name, settings in contestants.items():
            if not isinstance(settings, EnsembleConfig):
                before.append(name)
                continue
            if wrong := [member for member in settings.members if member not in before]:
                raise ValueError(
                    f"'{name}' has the member '{wrong[0]}', which is none of the contestants before it that are no "
                    f"ensembles: {', '.join(before) or 'there are none'}"
                )
            if len(set(settings.members)) < len(settings.members):
                raise ValueError(f"'{name}' has a member twice: {', '.join(settings.members)}")
        return contestants
