"""What a run measured, as typed records. The same records are written to disk, reported and printed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from bakeoff.runs.findings import Front, TextAverages, TextStatistics, TimeLimit
from bakeoff.runs.record import Record


class MetricValue(Record):
    """One number with everything that is needed to defend it."""

    name: str = Field(description="accuracy, macro_f1, loss, perplexity, word_perplexity, bits_per_byte, ...")
    value: float
    low: float | None = Field(None, description="Lower end of the interval, if one was computed.")
    high: float | None = None
    confidence: float = 0.95
    protocol: str = Field(description="How it was measured, e.g. `accuracy` or `window(context=1024, stride=512)`.")
    protocol_version: int = 1
    split: str
    documents: int = Field(description="Documents (texts, articles) behind the metric.")
    interval_unit: str = Field("document", description="What was resampled or counted for the interval.")
    higher_is_better: bool
    by_seed: list[float] = Field([], description="With several seeds: the value with each; `value` is their mean.")
    deviation: float | None = Field(None, description="Standard deviation of the values of several seeds.")


class RangeTest(Record):
    """How `learning_rate: auto` was decided: short trainings, each undone, and the loss after each of them."""

    learning_rate: float = Field(description="The rate that was chosen.")
    rates: list[float] = Field(description="The rates that were tried, rising.")
    losses: list[float | None] = Field(
        description="Loss of held-out training text after each; null: not a number any more."
    )
    steps: int = Field(description="Optimizer steps of all trials; they do not count against the budget.")
    seconds: float = Field(description="Not part of the training's seconds, but of its total seconds.")


class TrainingCost(Record):
    """What training took. Times are seconds of wall clock, memory is the process' peak resident set."""

    epochs: float = 0  # passes over the training side; 0.5 is half of one
    steps: int = 0
    tokens: int = Field(0, description="Training tokens seen (words, for classifiers); padding is not counted.")
    seconds: float = Field(0.0, description="Training alone, over all sessions of a resumed run.")
    total_seconds: float = Field(0.0, description="Preparing, training, evaluating, saving.")
    peak_memory_bytes: int = 0
    micro_batch_tokens: int | None = Field(
        None, description="Most tokens that went through the model at once, where memory ran short; None: it sufficed."
    )
    precision: str = "fp32"
    best_epoch: int | None = None
    stopped_by: Literal["epochs", "tokens", "seconds", "nothing to train"] = "nothing to train"
    range_test: RangeTest | None = Field(None, description="Where `learning_rate: auto` was asked for.")


class Confusion(Record):
    """Counts: rows are true labels, columns predicted labels, both in the order of `labels`."""

    labels: list[str]
    counts: list[list[int]]


class Estimate(Record):
    """A share or score between 0 and 1, and both ends of its interval if one was computed."""

    value: float
    low: float | None = None
    high: float | None = None


class ClassScore(Record):
    """How well one class is found. None where nothing could be counted: no such text, or none called so."""

    label: str
    texts: int = Field(description="Texts that have this label.")
    predicted: int = Field(description="Texts that were given this label.")
    precision: Estimate | None = Field(description="Of the texts given this label, the share that has it.")
    recall: Estimate | None = Field(description="Of the texts that have this label, the share that was given it.")
    f1: Estimate | None = Field(description="Harmonic mean of the two.")


class ReliabilityBin(Record):
    """Texts whose label got a probability in (low, high]: how sure the classifier was, and how often it was right."""

    low: float
    high: float
    texts: int
    confidence: float = Field(description="Mean probability of the predicted label.")
    accuracy: float


class Calibration(Record):
    """What temperature scaling did. Logits are divided by the temperature; the predicted label stays."""

    temperature: float = Field(description="Above 1: the classifier was too sure of itself. 1: left as it was.")
    validation_texts: int = Field(description="Texts that the temperature was fitted on.")
    loss_before: float = Field(description="Loss on the evaluated side without it, nats per text.")
    chance: float = Field(description="Expected calibration error that perfect calibration would show on these texts.")
    bins: list[ReliabilityBin] = Field(description="With the temperature; bins without texts are left out.")
    bins_before: list[ReliabilityBin]


class CoveragePoint(Record):
    """Only texts whose label has at least the probability `threshold` are answered."""

    threshold: float
    coverage: float = Field(description="Share of the texts that are answered.")
    accuracy: Estimate = Field(description="Share of the answers that are right.")


class ThresholdChoice(Record):
    """The lowest threshold that gave the wanted accuracy on the validation side, and what it gave on the evaluated one."""

    wanted: float
    threshold: float | None = Field(description="None: no threshold reached it.")
    coverage: float = 0.0
    accuracy: Estimate | None = Field(None, description="None: no text was answered.")


class SelectivePrediction(Record):
    """What a classifier gains by leaving texts unanswered that it is not sure about."""

    curve: list[CoveragePoint] = Field(description="From the surest answers to all of them; a part of the points.")
    choices: list[ThresholdChoice]


class ContestantResult(Record):
    """result.json of one contestant."""

    name: str
    method: str
    task: Literal["classification", "language-model"]
    settings: dict[str, Any] = Field(description="Every setting, defaults resolved.")
    seed: int
    seeds: list[int] = Field([], description="All seeds, where the metrics are means over several; otherwise empty.")
    metrics: list[MetricValue] = Field(description="The first one decides the verdict.")
    training: TrainingCost
    token_unit: str = Field("tokens", description="What its training tokens are: words, or tokens of a model.")
    description: str = Field("", description="What the model is: a sentence in Markdown, without the final period.")
    pretrained_model: str | None = Field(None, description="The model that it started from.")
    total_parameters: int
    trainable_parameters: int
    model_bytes: int = Field(description="Size of model/ on disk.")
    confusion: Confusion | None = None
    classes: list[ClassScore] = Field([], description="In the order of the labels.")
    calibration: Calibration | None = Field(None, description="None where nothing was calibrated.")
    selective_prediction: SelectivePrediction | None = None
    label_issues: int | None = Field(None, description="Evaluated texts whose given label may be wrong.")
    notes: list[str] = Field([], description="What a reader must know, e.g. texts that were cut.")

    def metric(self, name: str, protocol: str | None = None) -> MetricValue | None:
        """The first metric of that name (and of a protocol that starts so), or None."""
        for metric in self.metrics:
            if metric.name == name and (protocol is None or metric.protocol.startswith(protocol)):
                return metric
        return None


class Comparison(Record):
    """A paired comparison of two contestants on the same test documents: `better` minus `worse`."""

    better: str
    worse: str
    metric: str = Field(description="accuracy, macro_f1, or the protocol whose loss (nats per token) is compared.")
    difference: float = Field(description="Of the metrics, or of losses in nats per token (negative: better is lower).")
    low: float
    high: float
    p_value: float | None = Field(None, description="McNemar's exact test, for accuracies.")
    distinguishable: bool = Field(description="The interval does not hold 0.")
    by_seed: list[float] = Field([], description="The difference with each seed, where there are several.")


class Verdict(Record):
    """verdict.json: the answer in words and the metrics that it rests on beside the contestants' own."""

    best: str
    sentences: list[str]
    comparisons: list[Comparison]
    time_limit: TimeLimit | None = Field(None, description="None where fewer than two contestants were trained.")
    fronts: list[Front] = Field([], description="One for each kind of cost.")
    texts: list[TextAverages] = Field([], description="Of contestants that wrote texts.")


Span = tuple[int, int]


class WordAttribution(Record):
    """A word's contribution to a classifier's decision."""

    word: str = Field(description="As first written in the text; several words if they were removed together.")
    spans: list[Span] = Field(description="[start, end] of each occurrence, counted in Unicode code points.")
    contribution: float = Field(
        description="Log-odds of the label with the word minus without it; above 0 the word supports the label."
    )


class Sample(Record):
    """A line of samples.jsonl: a generated text, or a classified test text."""

    prompt: str = Field(description="The prompt, or the (shortened) text that was classified.")
    text: str = Field("", description="What the model wrote after the prompt.")
    tokens: int = 0
    seconds: float = Field(0.0, description="To compute the tokens of `text`, its prompt included.")
    engine: Literal["transformers", "openvino"] | None = Field(None, description="What computed them.")
    statistics: TextStatistics | None = None
    label: str | None = Field(None, description="True label of a classified text.")
    predicted: str | None = None
    probability: float | None = Field(None, description="Probability of the predicted label.")
    document: str | None = Field(None, description="Name of the row of a classified text, as in scores.parquet.")
    kind: Literal["generated", "first", "mistake", "label_issue"] = Field(
        "generated", description="`label_issue`: the given label may be wrong, and `predicted` is the likelier one."
    )
    words: list[WordAttribution] = Field(
        [], description="The words of a classified text that moved the decision most, strongest first."
    )


class SplitReport(Record):
    """One side of the split."""

    name: str
    rows: int = Field(description="Texts, or documents.")
    tokens: int | None = None
    lines: int | None = None
    characters: int = 0
    labels: dict[str, int] = Field({}, description="Label -> texts.")
    fingerprint: str | None = Field(
        None, description="SHA-256 of its documents, or of its rows' names, texts and labels in the order of the names."
    )


class NearDuplicate(Record):
    """Two texts that are nearly the same; each list has one entry for each of them."""

    similarity: float = Field(description="Word pairs in both / word pairs in either: 0.8 to 1.")
    names: list[str]
    splits: list[str]
    labels: list[str] = Field([], description="Empty where texts have none.")
    texts: list[str] = Field(description="A stretch of each, from a little before their first difference.")


class DataReport(Record):
    """data.json: what was read, how it was split, and what was found on the way."""

    source: str
    files: dict[str, str] = Field({}, description="File (or packaged name) -> SHA-256 of its content.")
    fingerprint: str = Field(description="SHA-256 of the texts and labels as used, in order, by side.")
    split_seed: int | None = Field(None, description="None where the sides came as files or as a column.")
    splits: list[SplitReport]
    skipped: dict[str, int] = Field({}, description="Reason -> rows that were not used.")
    duplicate_texts: int = Field(0, description="Rows whose text occurs again elsewhere in the data.")
    across_splits: int = Field(0, description="Texts that stand on more than one side (0 unless the sides were given).")
    near_duplicate_texts: int = Field(0, description="Rows in groups of near-identical texts.")
    near_across_splits: int = Field(0, description="Groups of near-identical texts on more than one side.")
    near_duplicates: list[NearDuplicate] = Field([], description="Examples: those on different sides come first.")
    notes: list[str] = Field([], description="What a reader must know.")


class Environment(Record):
    """environment.json: enough to judge whether two machines may be compared."""

    command: list[str]
    created: str = Field(description="ISO 8601, UTC.")
    bakeoff: str
    python: str
    packages: dict[str, str]
    platform: str
    processor: str
    cores: int
    threads: int
    memory_bytes: int
    accelerator: str | None = None
    settings: dict[str, str] = Field({}, description="Machine settings chosen before torch started.")
    git_revision: str | None = None


class StepLine(Record):
    """A line of metrics.jsonl after an optimizer step."""

    kind: Literal["step"] = "step"
    step: int
    epoch: int
    loss: float = Field(
        description="Mean loss of the step per token (language models) or per text, class weights included."
    )
    learning_rate: float
    tokens: int = Field(description="Training tokens seen so far.")
    seconds: float = Field(description="Training seconds so far.")


class EpochLine(Record):
    """A line of metrics.jsonl after an evaluation on the validation side."""

    kind: Literal["epoch"] = "epoch"
    epoch: int
    step: int
    train_loss: float | None = None
    train_accuracy: float | None = None
    validation_loss: float
    validation_accuracy: float | None = None
    tokens: int = 0
    seconds: float = 0.0
    best: bool = Field(description="The best validation metric so far; these weights are kept.")
