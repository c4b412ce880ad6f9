"""Settings of method `prompt`."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from bakeoff.methods.base import MethodConfig
from bakeoff.sections import PositiveFloat, PositiveInt, RequestedPrecision, Section

DEFAULT_KEY = "OPENAI_API_KEY"

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Prices(Section):
    """Prices of an endpoint, in USD per million tokens."""

    input: Dollars = Field(description="Price of a million tokens of prompts.")
    output: Dollars = Field(description="Price of a million tokens of answers.")


class LabelWords(Section):
    """How a prompt writes a label."""

    name: str = Field(min_length=1, description="Name in place of the label's value.")
    description: str = Field("", description="Meaning of the label, for the model.")


def _name_or_words(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class PromptConfig(MethodConfig):
    """Labels from a language model without training: a local one, or any OpenAI-compatible endpoint (`base_url`)."""

    changeable: ClassVar[tuple[str, ...]] = ("max_cost",)
    method: Literal["prompt"] = "prompt"
    model: str = Field(
        description="A hub id, a local folder, a GGUF file, or a packaged model (`smollm2-135m`, `stories260k`); with "
        "`base_url`, the endpoint's name of the model."
    )
    examples: Annotated[int, Field(ge=0)] = Field(
        0, description="Examples of each class in the prompt, from the training split; 0: none."
    )
    choose: Literal["random", "nearest"] = Field(
        "random",
        description="The examples: the same for all texts, drawn with the seed; or for each text those of each class "
        "that are nearest to it by the TF-IDF of character n-grams.",
    )
    instruction: str = Field(
        "Classify each text.", min_length=1, description="The beginning of the prompt. The names of the labels follow."
    )
    template: str = Field(
        "Text: {text}\nLabel: {label}\n\n", description="A text and its label in the prompt: `{text}`, then `{label}`."
    )
    labels: dict[str, Annotated[LabelWords, BeforeValidator(_name_or_words)]] = Field(
        {},
        description="Names for label values that say nothing, such as `{0: negative, 1: positive}`, or with a "
        "description: `{0: {name: negative, description: the writer complains}}`.",
    )
    max_length: PositiveInt = Field(
        256,
        description="Longest text in tokens (with `base_url`, in fours of characters); of longer ones, half is kept "
        "from each end.",
    )
    precision: RequestedPrecision = Field(
        "fp32",
        description="Precision of a local model's arithmetic; `auto` is bf16 where the hardware computes it fast. In "
        "bf16 a probability depends in its second digit on which texts are classified together.",
    )
    base_url: str | None = Field(
        None,
        description="An OpenAI-compatible endpoint, such as `https://api.openai.com/v1`. Texts are sent there, and "
        "nowhere if it is absent.",
    )
    api: Literal["chat", "completions"] = Field(
        "chat", description="With `base_url`: ask at `/chat/completions` or at `/completions`."
    )
    api_key_env: str | None = Field(
        None,
        description="With `base_url`: environment variable that holds the API key, which is never stored. If absent, "
        f"`{DEFAULT_KEY}`, or none for an endpoint on this machine; `null`: no key.",
    )
    prices: Prices | None = Field(
        None, description="With `base_url`: USD per million tokens. Required unless the endpoint is on this machine."
    )
    max_cost: Dollars | None = Field(
        None,
        description="With `prices`, required: the most USD that all trainings of the contestant may cost together. "
        "Asking ends before it is exceeded.",
    )
    parallel: PositiveInt = Field(8, description="With `base_url`: most requests at a time.")
    timeout: PositiveFloat = Field(60.0, description="With `base_url`: seconds to wait for an answer.")
    retries: Annotated[int, Field(ge=0)] = Field(
        6, description="With `base_url`: repetitions of a request that fails, with growing pauses."
    )
    max_tokens: PositiveInt = Field(32, description="With `base_url`: longest answer in tokens.")

    @field_validator("labels", mode="before")
    @classmethod
    def _labels_are_text(cls, value: Any) -> Any:
        return {str(key): words for key, words in value.items()} if isinstance(value, dict) else value

    @field_validator("template")
    @classmethod
    def _holds_both(cls, value: str) -> str:
        text, label = value.find("{text}"), value.find("{label}")
        if value.count("{text}") != 1 or value.count("{label}") != 1 or text > label:
            raise ValueError("must hold {text} once and after it {label} once")
        if not value[text + len("{text}") : label].strip():
            raise ValueError("must have words between {text} and {label}, such as 'Label:'")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an address such as https://api.openai.com/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must be an address alone: keys go into an environment variable, see api_key_env")
        return value.rstrip("/")

    @model_validator(mode="before")
    @classmethod
    def _default_key(cls, values: Any) -> Any:
        url = values.get("base_url") if isinstance(values, dict) else None
        if isinstance(url, str) and "api_key_env" not in values and not is_this_machine(url):
            return {**values, "api_key_env": DEFAULT_KEY}
        return values

    @model_validator(mode="after")
    def _limits_are_known(self) -> PromptConfig:
        if self.base_url is None:
            given = [key for key in ("api_key_env", "prices", "max_cost") if getattr(self, key) is not None]
            if given:
                raise ValueError(f"{given[0]} is for an endpoint, and there is no base_url")
            return self
        away = not is_this_machine(self.base_url)
        if away and self.api_key_env and not self.base_url.startswith("https:"):
            raise ValueError("an API key is sent over https only: write https:// in base_url, or api_key_env: null")
        if away and self.prices is None:
            raise ValueError("base_url needs prices (USD per million tokens): {input: 0, output: 0} if it is free")
        if self.prices is not None and self.max_cost is None:
            raise ValueError("prices need max_cost: the most USD that this contestant may cost")
        return self

    def local_paths(self) -> dict[str, str]:
        from bakeoff.pretrained.names import local_model

        return {} if self.base_url else local_model(self.model)

    @property
    def pretrained_model(self) -> str | None:
        return None if self.base_url else self.model

    @property
    def limits_spending(self) -> bool:
        return self.max_cost is not None


def is_this_machine(url: str) -> bool:
    """Return whether an address leads to this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
