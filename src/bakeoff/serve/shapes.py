"""Requests and answers of the HTTP API: OpenAI's for models and completions, our own for the rest."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from bakeoff.runs.results import ColumnAttribution, WordAttribution

Task = Literal["classification", "language-model"]


class Ask(BaseModel):
    """A request. Unknown fields are errors, and so is "5" for 5."""

    model_config = ConfigDict(extra="forbid", strict=True)


ModelId = Annotated[str, Field(description="RUN/CONTESTANT, as `/v1/models` lists it.", max_length=500)]


def _speakable(text: str) -> str:
    """Refuse lone surrogates, which JSON can carry but which are no characters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("not valid Unicode: contains a lone surrogate") from None
    return text


Text = Annotated[str, AfterValidator(_speakable)]


def _cell(value: object) -> object:
    """Refuse what no cell of a table is, in words that name the types that a cell can have."""
    if value is not None and not isinstance(value, str | int | float):
        raise ValueError("must be a string, a number, true, false or null")
    return _speakable(value) if isinstance(value, str) else value


CellValue = Annotated[str | float | bool | None, BeforeValidator(_cell)]


_SUPPORTED: dict[str, object] = {
    "n": 1,
    "best_of": 1,
    "echo": False,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logit_bias": {},
}
"""Fields of OpenAI's request that are accepted with one value only."""


class StreamOptions(Ask):
    include_usage: bool | None = Field(False, description="Send the usage in an extra chunk at the end.")


class CompletionRequest(Ask):
    """A completion request as OpenAI defines it. Defaults as in `bakeoff generate`: greedy, 100 tokens."""

    model: ModelId
    prompt: Text | list[Text] = Field(description="A text, or a list with one text.")
    max_tokens: int | None = Field(
        100, ge=1, description="Maximum number of tokens. The text also ends when the model's context is full."
    )
    temperature: float | None = Field(
        0.0, ge=0, le=2, allow_inf_nan=False, description="0 is greedy: always the most probable token."
    )
    top_p: float | None = Field(1.0, ge=0, le=1, allow_inf_nan=False, description="Sample from this probability mass.")
    seed: int | None = Field(0, ge=0, lt=2**63, description="The same seed samples the same text.")
    stop: Text | list[Text] | None = Field(
        None, description="Up to four strings. The text ends before the first one that occurs."
    )
    stream: bool | None = Field(False, description="Send the text in chunks, as server-sent events.")
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, max_length=1000, description="Ignored.")
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
            raise ValueError(f"send one prompt per request, not {len(value)}")
        return value

    @field_validator("stop")
    @classmethod
    def _few_stops(cls, value: str | list[str] | None) -> str | list[str] | None:
        stops = value if isinstance(value, list) else [] if value is None else [value]
        if len(stops) > 4 or not all(0 < len(stop) <= 200 for stop in stops):
            raise ValueError("send at most 4 strings of 1 to 200 characters")
        return value

    @field_validator(*_SUPPORTED, "logprobs", "suffix")
    @classmethod
    def _is_supported(cls, value: object, info: ValidationInfo) -> object:
        only = _SUPPORTED.get(str(info.field_name))
        if value is not None and value != only:
            raise ValueError("not supported by this server. Leave it out" + (" or send 1." if only == 1 else "."))
        return value

    @property
    def text(self) -> str:
        """The prompt as one text."""
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]

    @property
    def stops(self) -> list[str]:
        """The stop strings as a list."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []


class Choice(BaseModel):
    text: str
    index: int = 0
    logprobs: None = None
    finish_reason: Literal["stop", "length"] | None = Field(
        description="`stop`: the model or a stop string ended the text. `length`: max_tokens, the context or the time "
        "limit did."
    )


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Speed(BaseModel):
    """Generation speed, not counting the turns of other requests. Not part of OpenAI's API."""

    seconds: float
    tokens_per_second: float
    engine: Literal["transformers", "native"]


class Completion(BaseModel):
    """A completion as OpenAI defines it, or a chunk of a stream."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int = Field(description="Seconds since 1970.")
    model: str
    choices: list[Choice]
    usage: Usage | None = None
    speed: Speed | None = None


class Model(BaseModel):
    """A model as OpenAI defines it, with its place in a run."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Seconds since 1970.")
    owned_by: Literal["bakeoff"] = "bakeoff"
    task: Task
    run: str
    contestant: str
    method: str
    columns: list[str] = Field([], description="Columns that it reads beside the text, given as `features`.")


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


class ClassifyRequest(Ask):
    texts: list[Text] = Field(min_length=1, description="Texts to classify, up to the server's limit (256).")
    features: list[dict[str, CellValue]] | None = Field(
        None,
        description="The values of columns, one object for each text, for models that list `columns`. What is absent "
        "counts as missing.",
    )
    models: list[ModelId] | None = Field(None, max_length=100, description="Classifiers to use. Default: all.")
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Give no label if its probability is below this; of several labels, all that are not below.",
    )
    explain: bool | None = Field(False, description="Also mark the words that support or oppose the label.")


class PredictedLabel(BaseModel):
    label: str | None = Field(
        description="The label; null if its probability is below the threshold, or the text belongs to no class."
    )
    probability: float = Field(
        description="Probability of the label, which is the most probable one unless mistakes have costs."
    )
    probabilities: dict[str, float] = Field(
        description="Probability of every label. They add up to 1, unless a text can have several labels."
    )
    labels: list[str] | None = Field(
        None, description="The labels where a text can have several; `label` is the most probable one then."
    )
    out_of_scope: bool | None = Field(
        None,
        description="The text belongs to no class: its largest probability, given as `probability`, is below "
        "the threshold that was chosen in training. Null where the data had no such texts.",
    )
    words: list[WordAttribution] | None = Field(
        None,
        description="The strongest words first; null if not requested, if the text is too long or the time of the "
        "request is up, or if the model asks an endpoint, which would be asked for each word.",
    )
    columns: list[ColumnAttribution] | None = Field(
        None,
        description="The strongest columns first; null if not requested, or the model reads none or asks an endpoint.",
    )


class Classified(BaseModel):
    model: str
    predictions: list[PredictedLabel] = Field(description="One per text, in the same order.")
    missing: list[str] = Field(
        [], description="Columns that the model reads and the request does not give with every text: missing values."
    )


class ClassifyAnswer(BaseModel):
    object: Literal["list"] = "list"
    data: list[Classified]
    empty: list[int] = Field([], description="Positions, from 0, of texts that hold nothing but white space.")


class MetricView(BaseModel):
    name: str
    title: str = Field(description="What readers call it, at the beginning of a line.")
    value: float | None
    low: float | None
    high: float | None
    protocol: str


class ContestantView(BaseModel):
    name: str
    method: str
    state: Literal["waiting", "training", "finished", "failed"]
    model: str | None = Field(description="Id for requests; null until it has finished.")
    metric: MetricView | None = Field(description="The metric that decides the verdict.")
    training_seconds: float | None
    columns: list[str] = Field([], description="Columns that it reads beside the text, given as `features`.")


class RunView(BaseModel):
    name: str
    task: Task
    finished: bool
    report: str | None = Field(description="Path of report.html on this server.")
    verdict: list[str] = Field(description="Sentences, the summary first; empty until the run has finished.")
    summary: list[str] = Field(description="The verdict in at most three sentences.")
    recommended: str | None = Field(description="The cheapest contestant that is not told apart from the best.")
    rule: str = Field(description="The rule behind `recommended`.")
    contestants: list[ContestantView]


class RunList(BaseModel):
    object: Literal["list"] = "list"
    data: list[RunView]


class CurvePoint(BaseModel):
    tokens: int = Field(description="Training tokens (words, for classifiers) seen so far.")
    loss: float | None


class Curves(BaseModel):
    """Training curves of one contestant so far."""

    contestant: str
    step: int
    epoch: int
    tokens_per_second: float | None
    training: list[CurvePoint] = Field(description="Training loss, averaged over groups of steps.")
    validation: list[CurvePoint]
    validation_accuracy: float | None = Field(description="Accuracy of the last evaluation.")


class RunProgress(BaseModel):
    run: RunView
    curves: list[Curves] = Field(description="Contestants that have trained at least one step.")
