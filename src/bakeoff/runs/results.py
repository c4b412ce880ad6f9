"""Records of what a run measured. The same records are written to disk, reported and printed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from bakeoff.runs.findings import Front, LearningCurve, Rank, Slices, TextAverages, TextStatistics, TimeLimit
from bakeoff.runs.record import Record
from bakeoff.targets import load_target


class MetricValue(Record):
    """The value of one metric, with everything needed to defend it."""

    name: str = Field(description="Name of a metric, such as `accuracy`.")
    value: float
    low: float | None = Field(None, description="Lower end of the confidence interval, if one was computed.")
    high: float | None = None
    confidence: float = 0.95
    protocol: str = Field(description="How it was measured, e.g. `accuracy` or `window(context=1024, stride=512)`.")
    protocol_version: int = 1
    split: str
    documents: int = Field(description="Documents (texts, articles) that the value was measured on.")
    interval_unit: str = Field("document", description="Unit that was resampled or counted for the interval.")
    higher_is_better: bool
    by_seed: list[float] = Field([], description="With several seeds: the value of each; `value` is their mean.")
    deviation: float | None = Field(None, description="Standard deviation over several seeds.")
    folds: int = Field(
        0, description="Folds that were tested, each by a model of the others; `value` is of all their texts together."
    )
    by_fold: list[float] = Field([], description="The value of each fold alone, if all of them have one.")

    @property
    def of_first_seed(self) -> float:
        """The value with the first seed, beside what is known of that seed alone."""
        return self.by_seed[0] if self.by_seed else self.value


class RangeTest(Record):
    """A learning-rate range test: short trial trainings, each undone, and the held-out loss after each."""

    learning_rate: float = Field(description="The rate that was chosen.")
    rates: list[float] = Field(description="The rates that were tried, in ascending order.")
    losses: list[float | None] = Field(description="Loss on held-out training text at each rate; null: it diverged.")
    steps: int = Field(description="Optimizer steps of all trials; they do not count against the budget.")
    seconds: float = Field(description="Part of the contestant's total seconds, not of its training seconds.")


class TrainingCost(Record):
    """The cost of training. Times are wall-clock seconds; memory is the peak resident set, or the peak of a GPU."""

    epochs: float = 0  # passes over the training split; 0.5 is half of one
    steps: int = 0
    tokens: int = Field(0, description="Training tokens seen (words, for classifiers); padding is not counted.")
    seconds: float = Field(0.0, description="Training alone, over all sessions of a resumed run.")
    total_seconds: float = Field(0.0, description="Preparing, training, evaluating, saving.")
    peak_memory_bytes: int = 0
    micro_batch_tokens: int | None = Field(
        None, description="Most tokens in one micro-batch, where memory ran short; None: there was enough memory."
    )
    precision: str = "fp32"
    best_epoch: int | None = None
    stopped_by: Literal["epochs", "tokens", "seconds", "nothing to train"] = "nothing to train"
    range_test: RangeTest | None = Field(None, description="Where `learning_rate: auto` was asked for.")


class Usage(Record):
    """What the answers of a metered service took: all that a contestant needed, in earlier sessions too."""

    requests: int = Field(description="Answers asked for; a repeated question is asked once.")
    input_tokens: int = Field(description="Tokens of prompts, as the service counts them.")
    output_tokens: int = Field(description="Tokens of answers.")
    money: float | None = Field(None, description="USD, by the prices in the config; None: there are none.")
    median_seconds: float | None = Field(None, description="Median time of an answer.")
    slow_seconds: float | None = Field(None, description="95th percentile of the time of an answer.")


class Confusion(Record):
    """A confusion matrix of counts: rows are true labels, columns predicted labels, both in the order of `labels`."""

    labels: list[str]
    counts: list[list[int]]


class Estimate(Record):
    """A share or score between 0 and 1, with its confidence interval if one was computed."""

    value: float
    low: float | None = None
    high: float | None = None


class ClassScore(Record):
    """Precision, recall and F1 of one class. None where undefined: no text has the label, or none was predicted so."""

    label: str
    texts: int = Field(description="Texts that have this label.")
    predicted: int = Field(description="Texts that were predicted to have this label.")
    precision: Estimate | None = Field(description="Share of the texts predicted to have this label that have it.")
    recall: Estimate | None = Field(description="Share of the texts with this label that were predicted to have it.")
    f1: Estimate | None = Field(description="Harmonic mean of precision and recall.")
    average_precision: Estimate | None = Field(
        None, description="Area under the precision-recall curve, where a text can have several labels, as all below."
    )
    calibration_error: float | None = Field(None, description="Of the label's probability.")
    temperature: float | None = Field(None, description="Divides the label's logits.")
    threshold: float | None = Field(
        None, description="From this probability on the label is predicted. With folds: by the model that is kept."
    )


class ReliabilityBin(Record):
    """Texts whose predicted label has a probability in (low, high], with their mean confidence and accuracy.

    Where a text can have several labels: pairs of text and label, their mean probability and share of true ones.
    """

    low: float
    high: float
    texts: int
    confidence: float = Field(description="Mean probability of the predicted label.")
    accuracy: float


class Calibration(Record):
    """The effect of temperature scaling. Logits are divided by the temperature; predicted labels do not change."""

    temperature: float = Field(
        description="Above 1: the classifier was overconfident. 1: nothing changed. Of several labels: their median."
    )
    validation_texts: int = Field(description="Texts that the temperature was fitted on.")
    loss_before: float = Field(description="Loss on the evaluated split before scaling, nats per text.")
    chance: float = Field(description="Expected calibration error that perfect calibration would show on these texts.")
    bins: list[ReliabilityBin] = Field(description="After scaling; bins without texts are left out.")
    bins_before: list[ReliabilityBin]


class CoveragePoint(Record):
    """Coverage and accuracy if only texts whose label has at least the probability `threshold` are answered."""

    threshold: float
    coverage: float = Field(description="Share of the texts that are answered.")
    accuracy: Estimate = Field(description="Share of the answers that are correct.")


class ThresholdChoice(Record):
    """The lowest threshold that reached an accuracy on the validation split, and its effect on the evaluated split."""

    wanted: float
    threshold: float | None = Field(description="None: no threshold reached it.")
    coverage: float = 0.0
    accuracy: Estimate | None = Field(None, description="None: no text was answered.")


class SelectivePrediction(Record):
    """The accuracy that a classifier gains by leaving uncertain texts unanswered."""

    curve: list[CoveragePoint] = Field(description="From the most confident answers to all; a subset of the points.")
    choices: list[ThresholdChoice]


class RocPoint(Record):
    """Shares of the test texts that are refused at one threshold."""

    in_scope: float
    out_of_scope: float


class OutOfScope(Record):
    """How well a contestant tells texts apart that belong to no class, by its confidence, on the test split.

    A text is refused where the largest probability is below the threshold.
    """

    label: str = Field(description="The label that marks such texts in the data.")
    threshold: float
    choosing_texts: int = Field(description="Such texts that chose the threshold, beside the validation texts.")
    texts: int = Field(description="Such texts in the test split.")
    in_scope_texts: int
    auroc: Estimate = Field(
        description="Chance that a text of the classes gets a higher confidence than such a text; a tie counts half."
    )
    recall: Estimate = Field(description="Share of such texts that are refused.")
    in_scope_refused: float = Field(description="Share of the texts of the classes that are refused.")
    precision: Estimate | None = Field(description="Share of the refused texts that are such; None: none was refused.")
    in_scope_accuracy: Estimate = Field(
        description="Share of the texts of the classes that are answered, and answered right."
    )
    joint_accuracy: Estimate = Field(description="Share of all test texts that are answered right or rightly refused.")
    roc: list[RocPoint] = Field(description="For rising thresholds; a subset of the points.")


class Trial(Record):
    """A line of trials.jsonl: one training of a search, evaluated on the validation split."""

    number: int
    settings: dict[str, Any] = Field(description="The settings that were searched, with the values of this trial.")
    state: Literal["finished", "pruned", "failed"] = Field(
        description="`pruned`: stopped early, because earlier trials were better at the same point; `failed`: the loss "
        "was not a number."
    )
    value: float | None = Field(None, description="None where the trial failed.")
    values: list[float] = Field([], description="The value after each evaluation during training.")
    training: TrainingCost
    chosen: dict[str, Any] = Field({}, description="Settings that were left open and chosen in training.")
    trainable_parameters: int | None = None
    total_parameters: int | None = None
    notes: list[str] = Field([], description="As of a contestant.")

    @property
    def used(self) -> dict[str, Any]:
        """Return the searched settings, those that were left open as they were chosen."""
        return {name: self.chosen.get(name, value) for name, value in self.settings.items()}


class Search(Record):
    """A search for better settings, which cost what all its trials cost."""

    metric: Literal["accuracy", "micro-F1", "loss"] = Field(
        description="Of the validation split. `micro-F1` where a text can have several labels."
    )
    higher_is_better: bool
    importance: dict[str, float] = Field(
        {}, description="Share of the variance of the metric that each setting explains (fANOVA, Hutter et al. 2014)."
    )
    best: int = Field(description="Number of the trial whose model was evaluated on the test split.")
    trials: list[Trial]


class ContestantResult(Record):
    """result.json of one contestant."""

    name: str
    method: str
    task: Literal["classification", "language-model"]
    settings: dict[str, Any] = Field(description="Every setting of the contestant, defaults filled in.")
    seed: int
    seeds: list[int] = Field([], description="All seeds, where the metrics are means over several; otherwise empty.")
    metrics: list[MetricValue] = Field(description="The first one decides the verdict.")
    training: TrainingCost
    usage: Usage | None = Field(None, description="None where nothing was asked from a metered service.")
    token_unit: str = Field("tokens", description="Unit of its training tokens: words, or tokens of a model.")
    description: str = Field("", description="One sentence about the model in Markdown, without the final period.")
    pretrained_model: str | None = Field(None, description="The model that it started from.")
    multilabel: bool = Field(False, description="A text can have several labels, or none.")
    columns: list[str] = Field([], description="Columns of the table that it reads beside the text.")
    total_parameters: int | None = Field(None, description="None where nobody tells, such as an endpoint.")
    trainable_parameters: int
    model_bytes: int = Field(description="Size of model/ on disk.")
    confusion: Confusion | None = None
    classes: list[ClassScore] = Field([], description="In the order of the labels.")
    calibration: Calibration | None = Field(None, description="None where nothing was calibrated.")
    selective_prediction: SelectivePrediction | None = None
    out_of_scope: OutOfScope | None = Field(None, description="None where no label of the data marks such texts.")
    label_issues: int | None = Field(None, description="Evaluated texts whose given label may be wrong.")
    search: Search | None = Field(None, description="Where `tune` was asked for.")
    notes: list[str] = Field([], description="Sentences that a reader should see, e.g. about texts that were cut.")

    def metric(self, name: str, protocol: str | None = None) -> MetricValue | None:
        """Return the first metric with that name (and a protocol that starts with `protocol`), or None."""
        for metric in self.metrics:
            if metric.name == name and (protocol is None or metric.protocol.startswith(protocol)):
                return metric
        return None


class Failure(Record):
    """failure.json of a contestant that has no result, because its loss became infinite or not a number."""

    reason: str


class Comparison(Record):
    """A paired comparison of two contestants on the same test documents: `better` minus `worse`."""

    better: str
    worse: str
    metric: str = Field(description="The deciding metric, or the protocol whose loss (nats per token) is compared.")
    difference: float = Field(description="Of the metrics, or of losses in nats per token (negative: better is lower).")
    low: float
    high: float
    p_value: float | None = Field(None, description="Two-sided, that there is no difference.")
    corrected_p_value: float | None = Field(
        None, description="Corrected for the number of comparisons in the verdict (Holm 1979)."
    )
    test: Literal["McNemar", "bootstrap", "Student"] = Field("McNemar", description="Where the p-value comes from.")
    distinguishable: bool = Field(
        description="The interval does not contain 0, and the corrected p-value is below 1 - confidence."
    )
    by_seed: list[float] = Field([], description="The difference for each seed, where there are several.")

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return str(load_target("bakeoff.report.notebook:comparison_html")(self))


class OutOfScopeDifference(Record):
    """The difference of a measure of two contestants on the same texts, with its bootstrap interval."""

    value: float
    low: float
    high: float
    p_value: float
    corrected_p_value: float = Field(description="Corrected for the number of contestants compared (Holm 1979).")
    distinguishable: bool


class OutOfScopeComparison(Record):
    """A paired comparison of two contestants on texts of the classes and of none: `first` minus `second`."""

    first: str
    second: str
    differences: dict[str, OutOfScopeDifference] = Field(description="By measure, such as `auroc`.")


class Verdict(Record):
    """verdict.json: the answer in words, with the comparisons that it is based on."""

    best: str
    recommended: str | None = Field(
        None,
        description="The cheapest contestant that is not told apart from the best, by `rule`; null where it is the "
        "only one, or an earlier version of bakeoff wrote the verdict.",
    )
    rule: str = Field("", description="The rule behind `recommended`.")
    summary: list[str] = Field(
        [], description="The answer in at most three sentences: the winner, the recommendation, the main caution."
    )
    sentences: list[str] = Field(description="The summary, and then everything else.")
    comparisons: list[Comparison]
    ranks: list[Rank] = Field([], description="Best first; empty where there is nothing to resample.")
    features: list[Comparison] = Field(
        [], description="Contestants that read columns beside the text, with those that differ in nothing else."
    )
    learning_curve: LearningCurve | None = Field(None, description="Where `learning_curve` was asked for.")
    slices: Slices | None = Field(None, description="Where classifiers fail; null where there are too few test texts.")
    failed: dict[str, str] = Field({}, description="Contestants without a result, and why: they are ranked last.")
    time_limit: TimeLimit | None = Field(
        None, description="None where fewer than two contestants were trained, or not on one machine."
    )
    fronts: list[Front] = Field([], description="One Pareto front for each kind of cost.")
    out_of_scope: list[OutOfScopeComparison] = Field(
        [], description="The contestant that tells texts of no class apart best, by AUROC, with each of the others."
    )
    texts: list[TextAverages] = Field([], description="Averages for contestants that generated texts.")

    @model_validator(mode="after")
    def _summary_of_earlier_versions(self) -> Verdict:
        """Take the first sentence for the summary where there is none: it has always named the winner."""
        self.summary = self.summary or self.sentences[:1]
        return self

    @property
    def details(self) -> list[str]:
        """The sentences after the summary."""
        return self.sentences[len(self.summary) :]

    @property
    def tied(self) -> list[str]:
        """The contestants that are not told apart from the best."""
        return [comparison.worse for comparison in self.comparisons if not comparison.distinguishable]


Span = tuple[int, int]


class WordAttribution(Record):
    """A word's contribution to a classifier's decision."""

    word: str = Field(description="As first written in the text; several words if they were removed together.")
    spans: list[Span] = Field(description="[start, end] of each occurrence, counted in Unicode code points.")
    contribution: float = Field(
        description="Log-odds of the label with the word minus without it; above 0 the word supports the label."
    )


class ColumnAttribution(Record):
    """A cell's contribution to a classifier's decision."""

    column: str
    value: str | None = Field(description="Null: the cell is missing.")
    contribution: float = Field(
        description="Log-odds of the label with the cell minus with a missing one; above 0 it supports the label."
    )


class Sample(Record):
    """A line of samples.jsonl: a generated text, or a classified test text."""

    prompt: str = Field(description="The prompt, or the (shortened) text that was classified.")
    text: str = Field("", description="Text that the model generated after the prompt.")
    tokens: int = 0
    seconds: float = Field(0.0, description="Time to generate `text`, processing of the prompt included.")
    engine: Literal["transformers", "native", "openvino"] | None = Field(
        None, description="Engine that generated the text; openvino in older runs only."
    )
    statistics: TextStatistics | None = None
    label: str | None = Field(None, description="True label of a classified text.")
    predicted: str | None = Field(None, description="Several labels, and those of `label`, are joined by commas.")
    probability: float | None = Field(
        None, description="Probability of the predicted label; of several labels, of the decision on `explained`."
    )
    explained: str | None = Field(None, description="Of several labels: the one that `words` speak for or against.")
    reference: str | None = Field(None, description="The answer that the data have, beside a generated one.")
    document: str | None = Field(None, description="Name of the row that was classified or answered.")
    kind: Literal["generated", "answer", "first", "mistake", "label_issue"] = Field(
        "generated", description="`label_issue`: the given label may be wrong, and `predicted` is more likely."
    )
    words: list[WordAttribution] = Field(
        [], description="The words of a classified text that moved the decision most, strongest first."
    )


class Environment(Record):
    """environment.json: the machine and its software, to tell whether two runs are comparable."""

    command: list[str]
    created: str = Field(description="ISO 8601, UTC.")
    bakeoff: str
    python: str
    packages: dict[str, str]
    platform: str
    processor: str
    cores: int
    threads: int = Field(description="Of each training.")
    trainings_at_once: int = Field(1, description="Trainings that ran at the same time, and share the machine.")
    memory_bytes: int
    accelerator: str | None = None
    compiled_kernels: bool | None = Field(
        None, description="Whether a C compiler made the kernels for bf16 on the CPU. None: a run of an older version."
    )
    settings: dict[str, str] = Field({}, description="Environment variables that were set before torch was loaded.")
    git_revision: str | None = None


class StepLine(Record):
    """A line of metrics.jsonl, written after an optimizer step."""

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
    """A line of metrics.jsonl, written after an evaluation on the validation split."""

    kind: Literal["epoch"] = "epoch"
    epoch: int
    step: int
    train_loss: float | None = None
    train_accuracy: float | None = None
    validation_loss: float
    validation_accuracy: float | None = None
    measure: Literal["accuracy", "micro-F1"] = Field(
        "accuracy", description="What `validation_accuracy` is: micro-F1 where a text can have several labels."
    )
    tokens: int = 0
    seconds: float = 0.0
    best: bool = Field(description="Best validation result so far; these weights are saved.")
