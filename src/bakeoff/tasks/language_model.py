"""Task `language-model`: read a text or examples, adapt one model to them in several ways, evaluate all on the rest."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from bakeoff import machine
from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.data.corpora import prepare_corpus
from bakeoff.data.example_config import ExampleData
from bakeoff.data.examples import prepare_examples
from bakeoff.data.types import Corpus, SplitCorpus
from bakeoff.errors import UserError
from bakeoff.lm.examples import example_tokens
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.perplexity import plan_scoring, score_plan, summary
from bakeoff.lm.prompting import chat_renderer, prompting_of_chats, prompting_of_pairs
from bakeoff.lm.protocols.registry import EXAMPLES
from bakeoff.lm.scoring_plan import ScoringPlan
from bakeoff.lm.sources import load_language_model
from bakeoff.lm.special_tokens import may_hold_special_tokens, special_token_notes
from bakeoff.methods.context import BaseModel, FitContext, PlanContext
from bakeoff.methods.registry import get_language_model_method
from bakeoff.pretrained.quantization import require_quantization
from bakeoff.pretrained.sources import load_tokenizer
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.data_report import DataReport
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import ContestantResult
from bakeoff.runs.writing import folder_bytes
from bakeoff.sections import Quantization
from bakeoff.tasks import tuning
from bakeoff.tasks.answering import answer, answering_notes, check_answers, prompt_room, with_shots
from bakeoff.tasks.base import BakeoffTask, Contestant
from bakeoff.tasks.evaluation_cost import measure_evaluation
from bakeoff.tasks.writing import check_prompt, perplexity_metrics, write_samples
from bakeoff.training import distributed, torchrun
from bakeoff.training.precision import Precision, choose_precision
from bakeoff.training.progress import Progress


class LanguageModelTask(BakeoffTask[LanguageModelConfig, SplitCorpus]):
    """`task: language-model`."""

    def prepare(self, config: LanguageModelConfig) -> tuple[SplitCorpus, DataReport]:
        if isinstance(config.data, ExampleData):
            check_answers(config.evaluation)
        data, report = read_splits(config)
        setting = "" if isinstance(config.data, ExampleData) else "data.split_special_tokens: true"
        corpora = [corpus for corpus in (data.train, data.validation, data.test) if corpus and not corpus.chat]
        if any(may_hold_special_tokens(corpus) for corpus in corpora):
            report.notes += special_token_notes(load_tokenizer(config.model), corpora, setting)
        for name, settings in config.contestants.items():
            method = get_language_model_method(settings.method)
            if quantization := method.quantization(settings):
                require_quantization(quantization)
            method.check(name, settings, data)
            tuning.check(name, settings, config.budget.seconds)
        return data, report

    def bake(
        self, config: LanguageModelConfig, contestant: Contestant, data: SplitCorpus, progress: Progress
    ) -> ContestantResult | None:
        started = time.perf_counter()
        settings = config.contestants[contestant.name]
        method = get_language_model_method(settings.method)
        progress.stage(f"loading {config.model}")
        base = _base_model(config, method.quantization(settings))
        # Laid out first, so that a text or prompt that does not fit is refused before training.
        text = evaluated_text(config, data)
        plans = scoring_plans(config, base.get(), text)
        for prompt in config.evaluation.prompts:
            check_prompt(base.get(), prompt)
        if text.has_examples and (config.evaluation.answers or config.evaluation.prompts):
            prompt_room(base.get(), config.evaluation)
        context = _context(config, contestant, base, progress)
        fitted = tuning.fit(method, settings, data, context, evaluate=None)  # every trial is validated in training
        machine.give_memory_back()  # the evaluation needs it
        write_prompting(config, data, contestant.folder)
        distributed.wait()  # until the main process has written the model
        return distributed.share_or_leave(
            config.distributed.strategy,
            lambda: self._evaluate(config, contestant, data, plans, fitted, started, progress),
        )

    def _evaluate(
        self,
        config: LanguageModelConfig,
        contestant: Contestant,
        data: SplitCorpus,
        plans: Sequence[ScoringPlan],
        fitted: tuning.Fitted,
        started: float,
        progress: Progress,
    ) -> ContestantResult | None:
        """Evaluate a contestant that has been trained.

        Under torchrun, all processes score the text, and none but the main one has a result.

        Args:
            plans: As `scoring_plans` has laid out the text.
            started: When its training has begun, by `time.perf_counter`.
        """
        settings, report = fitted.config, fitted.report
        folder, evaluation = contestant.folder, config.evaluation
        method, precision = get_language_model_method(settings.method), choose_precision(config.precision)
        text = evaluated_text(config, data)
        progress.stage("loading the best weights")
        best = method.load(folder.model, precision)
        shown = with_shots(best, text)
        if shown is not text:
            plans = scoring_plans(config, best, shown)
        scores = [score_plan(best, plan, progress=progress) for plan in plans]
        tables = [each.table() for each in scores]
        notes = ["Perplexity was computed in bf16."] if best.precision == "bf16" else []
        notes += method.conclude(settings, folder, best, plans[0], scores[0], progress)
        if not torchrun.is_main_process():  # which generates texts and writes; the others go on to the next contestant
            return None
        write_prompting(config, data, folder)  # what was concluded may have replaced the model
        cost = report.cost
        # Generation does not count: its fast decoder keeps two more copies of the weights, and is optional.
        cost.peak_memory_bytes = max(cost.peak_memory_bytes, machine.peak_memory_bytes())
        answering = text.has_examples and evaluation.answers > 0
        if (evaluation.prompts or answering) and best.precision != "fp32":
            del best
            best = method.load(folder.model, "fp32")  # so that texts do not depend on the machine
        samples, answer_metrics = write_samples(best, evaluation, data.train, progress), []
        if answering:
            examples = example_tokens(best.tokenizer, shown)
            notes += answering_notes(best, examples, evaluation)
            answered = answer(best, text, examples, evaluation, progress, seed=contestant.seed)
            samples += answered.samples
            tables.append(answered.scores)
            answer_metrics = answered.metrics
        folder.write_samples(samples)
        folder.write_scores(pa.concat_tables(tables, promote_options="default"))
        cost.total_seconds = report.earlier_seconds + time.perf_counter() - started
        summaries = [
            summary(each, confidence=evaluation.confidence, resamples=evaluation.resamples, seed=contestant.seed)
            for each in scores
        ]
        metrics = [
            metric
            for each, scored in zip(summaries, scores, strict=True)
            for metric in perplexity_metrics(each, evaluation, len(set(scored.documents)))
        ]
        if answering and (deciding := evaluation.metric or "token_f1") != "perplexity":
            metrics = [*sorted(answer_metrics, key=lambda metric: metric.name != deciding), *metrics]
        else:
            metrics += answer_metrics
        return ContestantResult(
            name=contestant.name,
            method=settings.method,
            task="language-model",
            settings=settings.model_dump(mode="json") | report.settings,
            seed=contestant.seed,
            metrics=metrics,
            training=cost,
            token_unit=method.token_unit,
            description=method.describe(settings),
            pretrained_model=config.model,
            total_parameters=report.total_parameters,
            trainable_parameters=report.trainable_parameters or 0,
            model_bytes=folder_bytes(folder.model),
            search=fitted.search,
            notes=[*notes, *report.notes],
        )

    def make_trial(
        self, config: LanguageModelConfig, contestant: Contestant, data: SplitCorpus, progress: Progress
    ) -> None:
        settings = config.contestants[contestant.name]
        method = get_language_model_method(settings.method)
        context = _context(config, contestant, _base_model(config, method.quantization(settings)), progress)
        tuning.make_trial(method, settings, data, context, None, contestant.trial)

    def plan(self, config: LanguageModelConfig, data: SplitCorpus, progress: Progress) -> list[ContestantPlan]:
        precision = choose_precision(config.precision)
        evaluations: dict[Quantization | None, _PlannedEvaluation] = {}
        plans: dict[str, ContestantPlan] = {}
        for number, (name, settings) in enumerate(config.contestants.items(), start=1):
            progress.contestant(name, number, len(config.contestants))
            method = get_language_model_method(settings.method)
            quantization = method.quantization(settings)
            if quantization not in evaluations:
                progress.stage("measuring the evaluation")
                evaluations[quantization] = _plan_evaluation(config, data, precision, quantization)
            evaluation = evaluations[quantization]
            machine.reset_peak_memory()
            base = BaseModel(config.model, precision, quantization)
            context = PlanContext(name, config.seed, config.budget, progress, base, plans=plans)
            plan = method.plan(settings, data, context)
            seconds = evaluation.loading + evaluation.evaluating * method.prompt_factor(settings)
            plan.evaluation_seconds += seconds
            plan.total_seconds += seconds
            plan.peak_memory_bytes = max(plan.peak_memory_bytes, evaluation.peak_memory_bytes)
            plans[name] = tuning.planned(plan, settings, config.budget.seconds)
        return list(plans.values())


def _base_model(config: LanguageModelConfig, quantization: Quantization | None) -> BaseModel:
    """Return the model that a contestant starts from."""
    sharded = distributed.shards(config.distributed.strategy) and quantization is None  # of an untrained contestant
    return BaseModel(config.model, choose_precision(config.precision), quantization, sharded)


def _context(config: LanguageModelConfig, contestant: Contestant, base: BaseModel, progress: Progress) -> FitContext:
    """Return what a contestant's method is told."""
    strategy = config.distributed.strategy
    return FitContext(
        contestant.name, contestant.seed, config.budget, progress, base, strategy, folder=contestant.folder
    )


@dataclass(frozen=True)
class _PlannedEvaluation:
    """The forecast of an evaluation, the same for every contestant whose base model is stored in the same way."""

    loading: float  # seconds
    evaluating: float  # seconds
    peak_memory_bytes: int


def _plan_evaluation(
    config: LanguageModelConfig, data: SplitCorpus, precision: Precision, quantization: Quantization | None
) -> _PlannedEvaluation:
    machine.reset_peak_memory()
    started = time.perf_counter()
    model = load_language_model(config.model, precision=precision, quantization=quantization)
    loading = time.perf_counter() - started
    text = evaluated_text(config, data)
    evaluating = measure_evaluation(model, scoring_plans(config, model, text), text, config.evaluation)
    return _PlannedEvaluation(loading, evaluating, machine.peak_memory_bytes())


def read_splits(config: LanguageModelConfig) -> tuple[SplitCorpus, DataReport]:
    """Read and split the text or the examples of a config.

    Raises:
        UserError: they cannot be read or used.
    """
    if isinstance(config.data, ExampleData):
        return prepare_examples(config.data, config.seed, lambda: chat_renderer(load_tokenizer(config.model)))
    return prepare_corpus(config.data, config.seed)


def write_prompting(config: LanguageModelConfig, data: SplitCorpus, folder: ContestantFolder) -> None:
    """Write beside a model how it is asked, where it is for examples."""
    if folder.writes and isinstance(config.data, ExampleData):
        if data.train.chat:
            prompting = prompting_of_chats(data.train, load_tokenizer(config.model))
        else:
            prompting = prompting_of_pairs(data.train, config.data.template)
        prompting.write(folder.model)


def scoring_plans(config: LanguageModelConfig, model: LanguageModel, text: Corpus) -> list[ScoringPlan]:
    """Lay out a text for every protocol, the deciding one first.

    Raises:
        UserError: it does not fit the settings.
    """
    evaluation = config.evaluation
    return [
        plan_scoring(
            model.tokenizer,
            text,
            protocol,
            model_context=model.context_length,
            context_length=evaluation.context_length,
            stride=evaluation.stride,
        )
        for protocol in ([EXAMPLES.name] if text.has_examples else evaluation.protocols)
    ]


def evaluated_text(config: LanguageModelConfig, data: SplitCorpus) -> Corpus:
    """Return the split that `evaluation.split` names.

    Raises:
        UserError: the data have no such split.
    """
    text = data.test if config.evaluation.split == "test" else data.validation
    if text is None:
        raise UserError("There is no test text to evaluate on.", "Give data.test, or set evaluation.split: validation.")
    return text
