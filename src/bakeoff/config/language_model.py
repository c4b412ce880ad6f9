"""Every key of a config with `task: language-model`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bakeoff.sections import (
    Budget,
    PositiveFloat,
    PositiveInt,
    Probability,
    RateOrAuto,
    RequestedPrecision,
    Section,
    Share,
    Tracker,
)


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


class PretrainedConfig(Section):
    """The model as it came: no training."""

    method: Literal["pretrained"] = "pretrained"


class FineTuningConfig(Section):
    """Settings that full fine-tuning and LoRA share."""

    learning_rate: RateOrAuto = Field(
        2e-4, description="Peak learning rate of AdamW; `auto`: a range test on the training text chooses it."
    )
    schedule: Literal["constant", "linear", "cosine"] = Field("linear", description="Course after the warm-up.")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(0, description="Steps in which the learning rate rises from 0.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.0, description="Decoupled weight decay.")
    sequences: Literal["blocks", "lines"] = Field(
        "blocks",
        description="`blocks`: documents joined by end-of-text and cut into blocks; `lines`: each line on its own, "
        "isolated from the others (the lab's way, without its padding).",
    )
    block_size: PositiveInt = Field(512, description="Tokens per block; for `lines`, the longest line.")
    batch_size: PositiveInt = Field(4, description="Blocks or lines per step.")
    gradient_clip: PositiveFloat | None = Field(1.0, description="Largest gradient norm.")
    activation_checkpointing: bool = Field(
        False,
        description="Keep only the input of each layer, and compute the layer again when its gradient is due: far less "
        "memory and the same result, for about a third more time.",
    )


class FullConfig(FineTuningConfig):
    """Full fine-tuning: every weight is trained."""

    method: Literal["full"] = "full"


class LoraConfig(FineTuningConfig):
    """Low-rank adaptation (Hu et al. 2021) through PEFT: the model is frozen, small adapters are trained."""

    method: Literal["lora"] = "lora"
    variant: Literal["lora", "rslora", "dora", "pissa", "loraplus"] = Field(
        "lora",
        description="`lora`; `rslora`: scaled by alpha / sqrt(r); `dora`: the length of each row is trained apart from "
        "its direction; `pissa`: starts from the largest singular values; `loraplus`: the B matrices learn faster.",
    )
    learning_rate: RateOrAuto = Field(
        2e-3, description="Peak learning rate of AdamW; `auto`: a range test on the training text chooses it."
    )
    loraplus_ratio: Annotated[float, Field(ge=1)] | None = Field(
        None, description="For `loraplus`: rate of the B matrices / rate of the A matrices; absent: 16."
    )
    r: PositiveInt = Field(16, description="Rank of the adapters.")
    alpha: PositiveFloat = Field(32, description="Adapters are scaled by alpha / r (`rslora`: alpha / sqrt(r)).")
    dropout: Probability = Field(0.0, description="Dropout before the adapters.")
    target_modules: Literal["default", "all-linear"] | list[str] = Field(
        "all-linear", description="Which layers get adapters: PEFT's default for the model, all linear ones, or names."
    )
    merge: bool = Field(
        False, description="model/ holds the whole model with the adapters merged into it, instead of the adapters."
    )

    @model_validator(mode="before")
    @classmethod
    def _ratio_of_loraplus(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("variant") == "loraplus" and values.get("loraplus_ratio") is None:
            values = {**values, "loraplus_ratio": 16.0}
        return values

    @model_validator(mode="after")
    def _ratio_is_for_loraplus(self) -> LoraConfig:
        if self.loraplus_ratio is not None and self.variant != "loraplus":
            raise ValueError(f"loraplus_ratio is for `variant: loraplus`, not for `variant: {self.variant}`")
        return self


LanguageModelContestant = Annotated[
    PretrainedConfig | FullConfig | LoraConfig, Field(discriminator="method")
]

Protocol = Literal["window", "document", "lab"]


class LanguageModelEvaluationConfig(Section):
    """How language models are compared: perplexity by named protocols, and what they write."""

    protocols: Annotated[list[Protocol], Field(min_length=1)] = Field(
        ["window", "document", "lab"], description="Perplexity protocols; the first one decides the verdict."
    )
    split: Literal["test", "validation"] = Field("test", description="The side that is evaluated.")
    context_length: PositiveInt | None = Field(
        None, description="Tokens the model sees at once; absent: the model's own, at most 1024."
    )
    stride: PositiveInt | None = Field(
        None, description="Step between windows of protocol `window`; absent: half the context."
    )
    prompts: list[str] = Field([], description="Every contestant continues each prompt, greedily.")
    max_new_tokens: PositiveInt = Field(100, description="Tokens written for each prompt, at most.")
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="Level of every interval.")
    resamples: PositiveInt = Field(2000, description="Bootstrap resamples.")

    @model_validator(mode="after")
    def _stride_fits(self) -> LanguageModelEvaluationConfig:
        if self.stride and self.context_length and self.stride > self.context_length:
            raise ValueError(f"stride {self.stride} is larger than context_length {self.context_length}")
        return self


class LanguageModelConfig(Section):
    """A bake-off of ways to adapt one language model to a text."""

    task: Literal["language-model"]
    name: str | None = Field(None, description="Name of the bake-off; the output folder is runs/NAME.")
    model: str = Field(description="A hub id, a local folder, a GGUF file, or the packaged smollm2-135m, stories260k.")
    data: TextData = Field(description="The text corpus.")
    budget: Budget = Field(default_factory=lambda: Budget(epochs=3), description="The same for every contestant.")
    contestants: dict[str, LanguageModelContestant] = Field(description="Name of each contestant and its settings.")
    evaluation: LanguageModelEvaluationConfig = Field(default_factory=lambda: LanguageModelEvaluationConfig(), description="The comparison.")
    precision: RequestedPrecision = Field(
        "auto",
        description="Precision of the arithmetic; `auto` is bf16 where `bakeoff doctor` finds it fast, and elsewhere "
        "bf16 takes hundreds of times as long. Weights that are trained are always kept in fp32.",
    )
    seed: Annotated[int, Field(ge=0)] = Field(12, description="Seed of splits, adapters, dropout and order.")
    repeats: PositiveInt = Field(
        1,
        description="Train every contestant with so many seeds (seed, seed + 1, ...) on the same split; what does not "
        "depend on the seed is done once.",
    )
    tracker: Tracker = Field(
        "none", description="Where losses, accuracies and learning rates are also sent while contestants are trained."
    )
