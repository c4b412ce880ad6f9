"""Task `language-model`: read a text, adapt one model to it in several ways, evaluate them on the same test text."""

from __future__ import annotations

import time

import pyarrow as pa

from bakeoff import machine
from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.data.corpora import prepare_corpus
from bakeoff.data.types import Corpus, SplitCorpus
from bakeoff.errors import UserError
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.perplexity import plan_scoring, score_plan, summary
from bakeoff.lm.scoring_plan import ScoringPlan
from bakeoff.lm.sources import load_language_model
from bakeoff.lm.special_tokens import may_hold_special_tokens, special_token_notes
from bakeoff.methods.context import BaseModel, FitContext, PlanContext
from bakeoff.methods.registry import get_language_model_method
from bakeoff.pretrained.sources import load_tokenizer
from bakeoff.runs.data_report import DataReport
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import ContestantResult
from bakeoff.runs.writing import folder_bytes
from bakeoff.tasks import tuning
from bakeoff.tasks.base import BakeoffTask, Contestant
from bakeoff.tasks.evaluation_cost import measure_evaluation
from bakeoff.tasks.writing import check_prompt, perplexity_metrics, write_samples
from bakeoff.training import distributed
from bakeoff.training.precision import choose_precision
from bakeoff.training.progress import Progress


class LanguageModelTask(BakeoffTask[LanguageModelConfig, SplitCorpus]):
    """`task: language-model`."""

    def prepare(self, config: LanguageModelConfig) -> tuple[SplitCorpus, DataReport]:
        data, report = prepare_corpus(config.data, config.seed)
        corpora = [corpus for corpus in (data.train, data.validation, data.test) if corpus is not None]
        if any(may_hold_special_tokens(corpus) for corpus in corpora):
            tokenizer = load_tokenizer(config.model)
            report.notes += special_token_notes(tokenizer, corpora, "data.split_special_tokens: true")
        for name, settings in config.contestants.items():
            get_language_model_method(settings.method).check(name, settings, data)
            tuning.check(name, settings, config.budget.seconds)
        return data, report

    def bake(
        self, config: LanguageModelConfig, contestant: Contestant, data: SplitCorpus, progress: Progress
    ) -> ContestantResult:
        started = time.perf_counter()
        settings, folder, evaluation = config.contestants[contestant.name], contestant.folder, config.evaluation
        method = get_language_model_method(settings.method)
        precision = choose_precision(config.precision)
        progress.stage(f"loading {config.model}")
        base = BaseModel(config.model, precision)
        # Laid out first, so that a text or prompt that does not fit is refused before training.
        plans = scoring_plans(config, base.get(), data)
        for prompt in evaluation.prompts:
            check_prompt(base.get(), prompt)
        context = FitContext(contestant.name, contestant.seed, config.budget, progress, base, folder=folder)
        fitted = tuning.fit(method, settings, data, context, evaluate=None)  # every trial is validated in training
        settings, report = fitted.config, fitted.report
        machine.give_memory_back()  # the evaluation needs it
        distributed.wait()  # until the main process has written the model

        progress.stage("loading the best weights")
        best = method.load(folder.model, precision)
        scores = [score_plan(best, plan, progress=progress) for plan in plans]
        folder.write_scores(pa.concat_tables([each.table() for each in scores]))
        notes = ["Perplexity was computed in bf16."] if best.precision == "bf16" else []
        notes += method.conclude(settings, folder, best, plans[0], scores[0], progress)
        cost = report.cost
        # Generation does not count: its fast decoder keeps two more copies of the weights, and is optional.
        cost.peak_memory_bytes = max(cost.peak_memory_bytes, machine.peak_memory_bytes())
        if evaluation.prompts and best.precision != "fp32":
            del best
            best = method.load(folder.model, "fp32")  # so that texts do not depend on the machine
        folder.write_samples(write_samples(best, evaluation, data.train, progress))
        cost.total_seconds = report.earlier_seconds + time.perf_counter() - started
        summaries = [
            summary(each, confidence=evaluation.confidence, resamples=evaluation.resamples, seed=contestant.seed)
            for each in scores
        ]
        return ContestantResult(
            name=contestant.name,
            method=settings.method,
            task="language-model",
            settings=settings.model_dump(mode="json") | report.settings,
            seed=contestant.seed,
            metrics=[
                metric
                for each, scored in zip(summaries, scores, strict=True)
                for metric in perplexity_metrics(each, evaluation, len(set(scored.documents)))
            ],
            training=cost,
            token_unit=method.token_unit,
            description=method.describe(settings),
            pretrained_model=config.model,
            total_parameters=report.total_parameters or 0,
            trainable_parameters=report.trainable_parameters or 0,
            model_bytes=folder_bytes(folder.model),
            search=fitted.search,
            notes=[*notes, *report.notes],
        )

    def plan(self, config: LanguageModelConfig, data: SplitCorpus, progress: Progress) -> list[ContestantPlan]:
        progress.stage("measuring the evaluation")
        machine.reset_peak_memory()
        precision = choose_precision(config.precision)
        started = time.perf_counter()
        model = load_language_model(config.model, precision=precision)
        loading = time.perf_counter() - started
        evaluating = loading + measure_evaluation(model, scoring_plans(config, model, data), config.evaluation)
        evaluating_memory = machine.peak_memory_bytes()
        del model
        plans: dict[str, ContestantPlan] = {}
        for number, (name, settings) in enumerate(config.contestants.items(), start=1):
            progress.contestant(name, number, len(config.contestants))
            machine.reset_peak_memory()
            base = BaseModel(config.model, precision)
            context = PlanContext(name, config.seed, config.budget, progress, base, plans=plans)
            plan = get_language_model_method(settings.method).plan(settings, data, context)
            plan.evaluation_seconds += evaluating
            plan.total_seconds += evaluating
            plan.peak_memory_bytes = max(plan.peak_memory_bytes, evaluating_memory)
            plans[name] = tuning.planned(plan, settings, config.budget.seconds)
        return list(plans.values())


def scoring_plans(config: LanguageModelConfig, model: LanguageModel, data: SplitCorpus) -> list[ScoringPlan]:
    """Lay out the evaluated text for every protocol, the deciding one first.

    Raises:
        UserError: there is no such text, or it does not fit the settings.
    """
    evaluation = config.evaluation
    return [
        plan_scoring(
            model.tokenizer,
            evaluated_text(config, data),
            protocol,
            model_context=model.context_length,
            context_length=evaluation.context_length,
            stride=evaluation.stride,
        )
        for protocol in evaluation.protocols
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
