"""Method `prompt`: labels from a language model without training, local or behind an endpoint."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.errors import UserError
from bakeoff.evaluation.wording import count, money
from bakeoff.methods.base import ClassificationMethod, SavedClassifier, TextModel
from bakeoff.methods.context import Context, FitContext, FitReport, PlanContext
from bakeoff.methods.evaluated import evaluated_texts
from bakeoff.methods.prompt.config import PromptConfig
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import TrainingCost
from bakeoff.spelling import nearest

if TYPE_CHECKING:
    from bakeoff.data.types import SplitTable
    from bakeoff.methods.prompt.local import LocalModel
    from bakeoff.methods.prompt.model import Prompt, PromptModel
    from bakeoff.methods.prompt.spending import Tokens
    from bakeoff.sections import RequestedPrecision

BIAS_TEXTS = 64
"""Texts, without their labels, that show which labels a local model prefers."""

MEASURED_TEXTS = 8
"""Texts by which a plan measures the speed of a local model."""

ANSWER_TOKENS = 8
ANSWER_SECONDS = 1.0
"""What a plan takes an answer of an endpoint to be; it asks for none. A list is longer by the names of its labels."""


class PromptMethod(ClassificationMethod[PromptConfig]):
    """Chooses examples, and asks."""

    config = PromptConfig
    multilabel = True

    def check(self, name: str, config: PromptConfig, data: SplitTable) -> None:
        from bakeoff.methods.prompt.matching import plain

        for label in config.labels:
            if label not in data.label_names:
                near = nearest(label, data.label_names)
                raise UserError(
                    f"contestants.{name}.labels names '{label}', which is not a label of the data"
                    + (f"; did you mean '{near}'?" if near else "."),
                    f"Labels: {', '.join(data.label_names[:20])}.",
                )
        names = [config.labels[label].name if label in config.labels else label for label in data.label_names]
        in_words = config.base_url is not None and not data.multilabel  # answers are words, with marks around a label
        spellings = {plain(each) if in_words else each.strip().casefold() for each in names}
        if len(spellings) < len(names) or "" in spellings:
            raise UserError(
                f"contestants.{name}: two labels have the same name in the prompt, or one has none: "
                f"{', '.join(names)}." + " Marks around a name do not count in answers." * in_words,
                f"Give each a name of its own: contestants.{name}.labels.",
            )
        if config.base_url is not None:
            _check_endpoint(name, config, data)

    def check_together(self, name: str, config: PromptConfig, trainings: Sequence[SplitTable]) -> None:
        from bakeoff.methods.prompt.spending import Tokens

        if config.prices is None or config.max_cost is None:
            return
        tokens = sum((_estimate(config, data)[1] for data in trainings), Tokens())
        cost = tokens.cost(config.prices)
        if cost > config.max_cost:
            each = f" in {len(trainings)} trainings" if len(trainings) > 1 else ""
            raise UserError(
                f"contestants.{name} would cost about {money(cost)}{each} ({count(tokens.input)} tokens of prompts and "
                f"{count(tokens.output)} of answers), and its max_cost is {money(config.max_cost)}.",
                "Raise max_cost, lower examples or max_length, or evaluate fewer texts: data.rows.",
            )

    def fit(self, config: PromptConfig, data: SplitTable, context: FitContext) -> FitReport:
        started = time.perf_counter()
        prompt, model = _prompt(config, data, context)
        seconds = time.perf_counter() - started
        context.save(prompt.save)
        precision = model.model.precision if model else "none"
        return FitReport(TrainingCost(seconds=seconds, precision=precision), trainable_parameters=0)

    def learns(self, config: PromptConfig) -> bool:
        return config.examples > 0

    def asks_anew(self, config: PromptConfig, data: SplitTable) -> bool:
        from bakeoff.methods.prompt.examples import POOL

        return config.examples > 0 and (config.choose == "random" or len(data.train) > POOL)

    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> PromptModel:
        from bakeoff.methods.prompt.model import PromptModel

        config = PromptConfig.model_validate(saved.settings)
        if precision is not None:
            config = config.model_copy(update={"precision": precision})
        return PromptModel.load(folder, config, saved.labels, multilabel=saved.multilabel)

    def chooses_thresholds(self, model: TextModel) -> bool:
        from bakeoff.methods.prompt.model import PromptModel

        return not (isinstance(model, PromptModel) and model.lists_labels)  # a list is taken as it is

    def plan(self, config: PromptConfig, data: SplitTable, context: PlanContext) -> ContestantPlan:
        if config.base_url is not None:
            return _endpoint_plan(config, data, context)
        from bakeoff import machine
        from bakeoff.methods.prompt.model import PromptModel

        prompt, local = _prompt(config, data, context, bias_texts=MEASURED_TEXTS)
        assert local is not None
        model = PromptModel(config, data.label_names, prompt, local, multilabel=data.multilabel)
        started = time.perf_counter()
        model.probabilities(data.validation.texts[:MEASURED_TEXTS])
        text_seconds = (time.perf_counter() - started) / min(MEASURED_TEXTS, len(data.validation))
        fitting = text_seconds * min(BIAS_TEXTS, len(data.train))
        evaluating = text_seconds * len(evaluated_texts(data))
        size = prompt.size
        return ContestantPlan(
            name=context.name,
            method=config.method,
            training_seconds=fitting,
            evaluation_seconds=evaluating,
            total_seconds=fitting + evaluating,
            peak_memory_bytes=machine.peak_memory_bytes(),
            model_bytes=size,
            disk_bytes=2 * size,
            trainable_parameters=0,
            total_parameters=local.parameters,
        )

    def describe(self, config: PromptConfig) -> str:
        where = f" at {config.base_url}" if config.base_url else ""
        model = config.model if config.base_url else Path(config.model).name
        each = "1 example" if config.examples == 1 else f"{config.examples} examples"
        examples = f"with {each} of each class" if config.examples else "without examples"
        return f"A prompt for the language model `{model}`{where}, {examples}"

    def sends_to(self, config: PromptConfig) -> str | None:
        return config.base_url

    def training_texts(self, folder: Path, saved: SavedClassifier) -> int:
        from bakeoff.methods.prompt.model import Prompt

        return len(Prompt.load(folder).examples)

    def memory_advice(self, config: PromptConfig) -> str:
        return "choose a smaller model"


def _prompt(
    config: PromptConfig, data: SplitTable, context: Context, bias_texts: int = BIAS_TEXTS
) -> tuple[Prompt, LocalModel | None]:
    """Choose examples and, with a local model, measure which labels it prefers."""
    from bakeoff.methods.prompt.examples import draw_without, drawn, pool
    from bakeoff.methods.prompt.model import Prompt, PromptModel

    train, classes = data.train, len(data.label_names)
    examples = []
    if config.examples:
        near = config.choose == "nearest"
        examples = pool(train, context.seed) if near else drawn(train, config.examples, context.seed)
    outcomes = 2 if data.multilabel else classes
    shares = [(texts + 1) / (len(train) + outcomes) for texts in train.label_counts(classes)]
    prompt = Prompt(examples, shares, [0.0] * classes, "")
    if config.base_url is not None:
        return prompt, None
    context.progress.stage(f"loading {config.model}")
    model = PromptModel(config, data.label_names, prompt, multilabel=data.multilabel)
    local: LocalModel = model.backend  # type: ignore[assignment]  # without a base_url
    local.progress = context.progress
    shown = [] if config.choose == "nearest" else examples  # the pool of the nearest is all training texts
    texts = draw_without(shown, data, bias_texts, context.seed)
    local.measure_bias(model.questions(texts, itself=False), shares)
    return Prompt(examples, shares, local.bias.tolist(), local.fingerprint), local


def _check_endpoint(name: str, config: PromptConfig, data: SplitTable) -> None:
    """Refuse what would end the run when it begins to ask: no package, no key, too short answers."""
    from bakeoff.methods.prompt.endpoint import api_key
    from bakeoff.packages import require

    require("llm", f"contestants.{name} (base_url)")
    try:
        api_key(config)
    except UserError as error:
        raise UserError(f"contestants.{name}: {error.message}", error.hint) from None
    if data.multilabel and (most := max(_list_tokens(config, data))) > config.max_tokens:
        raise UserError(
            f"contestants.{name}: a list of as many labels as a training text has takes about {most:,.0f} tokens, and "
            f"max_tokens is {config.max_tokens:,}: such answers would be cut off.",
            f"Raise it: max_tokens: {2 * math.ceil(most)}.",
        )


def _list_tokens(config: PromptConfig, data: SplitTable) -> list[float]:
    """Return about the tokens of a list of the labels of each training text."""
    from bakeoff.methods.prompt.spending import BYTES_PER_TOKEN
    from bakeoff.methods.prompt.template import Template

    names = Template.of(config, data.label_names, str).names
    tokens = [(len(name.encode()) + len('"", ')) / BYTES_PER_TOKEN for name in names]
    lists: list[float] = (ANSWER_TOKENS + data.train.sets @ tokens).tolist()
    return lists


def _estimate(config: PromptConfig, data: SplitTable) -> tuple[int, Tokens]:
    """Return the number of requests and about the tokens of all texts that the evaluation asks for."""
    from bakeoff.methods.prompt.model import CHARACTERS_PER_TOKEN
    from bakeoff.methods.prompt.spending import BYTES_PER_TOKEN, MESSAGE_TOKENS, Tokens
    from bakeoff.methods.prompt.template import Question, Template, cut_characters

    most = CHARACTERS_PER_TOKEN * config.max_length
    several = data.multilabel
    template = Template.of(config, data.label_names, lambda text: cut_characters(text, most), multilabel=several)
    tested = [] if data.folds else data.test.texts  # the folds are asked for them
    scope = data.out_of_scope
    unknown = [*scope.choosing.texts, *scope.test.texts] if scope else []
    texts = list(dict.fromkeys([*data.validation.texts, *tested, *unknown]))
    frame = template.chat(Question(""))
    around = sum(len(message["content"].encode()) / BYTES_PER_TOKEN + MESSAGE_TOKENS for message in frame)
    own = sum(len(template.cut(text).encode()) for text in texts) / BYTES_PER_TOKEN
    shown = [template.cut(text) for text in data.train.texts[:200]]
    examples = config.examples * len(data.label_names)
    mean = sum(len(text.encode()) for text in shown) / len(shown) / BYTES_PER_TOKEN + 3 * MESSAGE_TOKENS
    answer = ANSWER_TOKENS
    if data.multilabel:
        answer = math.ceil(statistics.fmean(_list_tokens(config, data)))
        mean += answer
    tokens = own + len(texts) * (around + examples * mean)
    return len(texts), Tokens(round(tokens), len(texts) * min(answer, config.max_tokens))


def _endpoint_plan(config: PromptConfig, data: SplitTable, context: PlanContext) -> ContestantPlan:
    """Forecast from lengths alone: a plan sends nothing."""
    from bakeoff import machine

    requests, tokens = _estimate(config, data)
    prompt, _ = _prompt(config, data, context)
    seconds = requests * ANSWER_SECONDS / config.parallel
    unknown = ", those that belong to no class" if data.out_of_scope else ""
    limit = f" Asking ends before it costs more than {money(config.max_cost)}." if config.max_cost is not None else ""
    return ContestantPlan(
        name=context.name,
        method=config.method,
        evaluation_seconds=seconds,
        total_seconds=seconds,
        peak_memory_bytes=machine.peak_memory_bytes(),
        model_bytes=prompt.size,
        disk_bytes=2 * prompt.size,
        trainable_parameters=0,
        total_parameters=None,
        requests=requests,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        money=tokens.cost(config.prices) if config.prices is not None else None,
        notes=[
            f"The texts of the validation and test splits{unknown}{' and examples' * bool(config.examples)} leave this "
            f"machine: they are sent to {config.base_url}. Nothing was sent for this plan.{limit} Tokens are estimated "
            f"from the lengths of the texts, and time at {ANSWER_SECONDS:g} second per answer."
        ],
    )
