"""Requests and answers of the HTTP API: OpenAI's shapes for models and completions, and our own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from bakeoff.runs.results import WordAttribution

Task = Literal["classification", "language-model"]


class Ask(BaseModel):
    """A request: no unknown fields, and no "5" for 5."""

    model_config = ConfigDict(extra="forbid", strict=True)


ModelId = Annotated[str, Field(description="RUN/CONTESTANT, as `/v1/models` lists it.", max_length=500)]


def _speakable(text: str) -> str:
    """JSON can send half a surrogate pair, which is no character."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("not valid Unicode: it holds half of a surrogate pair") from None
    return text


Text = Annotated[str, AfterValidator(_speakable)]


_SUPPORTED: dict[str, object] = {
    "n": 1,
    "best_of": 1,
    "echo": False,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logit_bias": {},
}
"""Fields of OpenAI's request that clients may send, and the only value that they may have."""


class StreamOptions(Ask):
    include_usage: bool | None = Field(False, description="Send the usage in one more chunk at the end.")


class CompletionRequest(Ask):
    """OpenAI's request. The defaults are those of `bakeoff generate`: greedy, 100 tokens."""

    model: ModelId
    prompt: Text | list[Text] = Field(description="A text, or a list of one text.")
    max_tokens: int | None = Field(100, ge=1, description="The text ends here, or where the model's context is full.")
    temperature: float | None = Field(0.0, ge=0, le=2, allow_inf_nan=False, description="0: the most probable token.")
    top_p: float | None = Field(1.0, ge=0, le=1, allow_inf_nan=False)
    seed: int | None = Field(0, ge=0, lt=2**63, description="The same seed draws the same text.")
    stop: Text | list[Text] | None = Field(None, description="The text ends before any of these, four at most.")
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, max_length=1000, description="Not used.")
    n: int | None = Field(1, description="Only 1.")
    best_of: int | None = Field(1, description="Only 1.")
    echo: bool | None = Field(False, description="Only false.")
    logprobs: int | None = Field(None, description="Only null.")
    suffix: str | None = Field(None, description="Only null.")
    presence_penalty: float | None = Field(0.0, description="Only 0.")
    frequency_penalty: float | None = Field(0.0, description="Only 0.")
    logit_bias: dict[str, Any] | None = Field(None, description="Only null or {}.")

    @field_validator("prompt")
    @classmethod
    def _one_prompt(cls, value: str | list[str]) -> str | list[str]:
        if isinstance(value, list) and len(value) != 1:
            raise ValueError(f"one prompt a request, not {len(value)}")
        return value

    @field_validator("stop")
    @classmethod
    def _few_stops(cls, value: str | list[str] | None) -> str | list[str] | None:
        stops = value if isinstance(value, list) else [] if value is None else [value]
        if len(stops) > 4 or not all(0 < len(stop) <= 200 for stop in stops):
            raise ValueError("at most 4 texts of 1 to 200 characters each")
        return value

    @field_validator(*_SUPPORTED, "logprobs", "suffix")
    @classmethod
    def _is_supported(cls, value: object, info: ValidationInfo) -> object:
        only = _SUPPORTED.get(str(info.field_name))
        if value is not None and value != only:
            raise ValueError("not supported by this server; leave it out" + (" or send 1." if only == 1 else "."))
        return value

    @property
    def text(self) -> str:
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]

    @property
    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []


class Choice(BaseModel):
    text: str
    index: int = 0
    logprobs: None = None
    finish_reason: Literal["stop", "length"] | None = Field(
        description="`stop`: the model or a stop string ended the text; `length`: max_tokens, the context or the time."
    )


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Speed(BaseModel):
    """Beyond OpenAI's shape: how fast the text was computed, without the turns of other requests."""

    seconds: float
    tokens_per_second: float
    engine: Literal["transformers", "openvino"]


class Completion(BaseModel):
    """OpenAI's answer; also a chunk of a stream."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int = Field(description="Seconds since 1970.")
    model: str
    choices: list[Choice]
    usage: Usage | None = None
    speed: Speed | None = None


class Model(BaseModel):
    """OpenAI's model, and what it is in its run."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Seconds since 1970.")
    owned_by: Literal["bakeoff"] = "bakeoff"
    task: Task
    run: str
    contestant: str
    method: str


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


class ClassifyRequest(Ask):
    texts: list[Text] = Field(min_length=1, description="As many as the server allows (256).")
    models: list[ModelId] | None = Field(None, max_length=100, description="All classifiers, if absent.")
    threshold: float | None = Field(
        None, ge=0, le=1, allow_inf_nan=False, description="No label is given where its probability is below this."
    )
    explain: bool | None = Field(False, description="Also mark the words that spoke for and against the label.")


class PredictedLabel(BaseModel):
    label: str | None = Field(description="The most probable one; null where its probability is below the threshold.")
    probability: float = Field(description="Of the most probable label.")
    probabilities: dict[str, float] = Field(description="Of every label; adds up to 1.")
    words: list[WordAttribution] | None = Field(
        None, description="The strongest first; null: not asked for, or the text is too long."
    )


class Classified(BaseModel):
    model: str
    predictions: list[PredictedLabel] = Field(description="One for each text, in their order.")


class ClassifyAnswer(BaseModel):
    object: Literal["list"] = "list"
    data: list[Classified]


class MetricView(BaseModel):
    name: str
    value: float | None
    low: float | None
    high: float | None
    protocol: str


class ContestantView(BaseModel):
    name: str
    method: str
    state: Literal["waiting", "training", "finished"]
    model: str | None = Field(description="Its id for requests, once it has finished.")
    metric: MetricView | None = Field(description="The one that decides the verdict.")
    training_seconds: float | None


class RunView(BaseModel):
    name: str
    task: Task
    finished: bool
    report: str | None = Field(description="Where on this server report.html is.")
    verdict: list[str] = Field(description="Sentences; none before the end.")
    contestants: list[ContestantView]


class RunList(BaseModel):
    object: Literal["list"] = "list"
    data: list[RunView]


class CurvePoint(BaseModel):
    tokens: int = Field(description="Training tokens (words, for classifiers) seen so far.")
    loss: float | None


class Curves(BaseModel):
    """The training of one contestant so far."""

    contestant: str
    step: int
    epoch: int
    tokens_per_second: float | None
    training: list[CurvePoint] = Field(description="Loss of the steps, averaged so that they are few.")
    validation: list[CurvePoint]
    validation_accuracy: float | None = Field(description="Of the last evaluation.")


class RunProgress(BaseModel):
    run: RunView
    curves: list[Curves] = Field(description="Of the contestants that have trained at least a step.")
