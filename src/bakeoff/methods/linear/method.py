"""Method `linear`: TF-IDF of n-grams of words or characters, and logistic regression."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.methods.base import ClassificationMethod, SavedClassifier, planned_part
from bakeoff.methods.context import FitContext, FitReport, PlanContext
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.proposals import Proposal, TableFacts
from bakeoff.runs.results import TrainingCost

if TYPE_CHECKING:
    from bakeoff.data.types import SplitTable
    from bakeoff.methods.linear.model import LinearModel
    from bakeoff.runs.plans import ContestantPlan
    from bakeoff.sections import RequestedPrecision


class LinearMethod(ClassificationMethod[LinearConfig]):
    """A convex problem, which the main process solves alone."""

    config = LinearConfig
    uses_gpu = False
    uses_seed = False
    multilabel = True

    def fit(self, config: LinearConfig, data: SplitTable, context: FitContext) -> FitReport:
        from bakeoff.data.words import tokenize
        from bakeoff.methods.linear.choice import choose_settings
        from bakeoff.methods.linear.model import PUNCTUATION, LinearModel

        report = FitReport(TrainingCost(precision="fp64"))
        if context.folder.writes:
            context.progress.stage("fitting")
            started = time.perf_counter()
            texts = tokenize(data.train.texts, PUNCTUATION)
            settings, note = choose_settings(config, texts, data.train.targets)
            rows = data.train.texts if self.columns(config, data) else None
            model = LinearModel.fit_tokenized(texts, data.train.targets, settings, rows)
            report.cost.seconds = time.perf_counter() - started
            report.settings = settings.model_dump(include={"ngrams", "naive_bayes", "inverse_regularization"})
            report.notes = [note] if note else []
            context.save(model.save)
        return report

    def plan(self, config: LinearConfig, data: SplitTable, context: PlanContext) -> ContestantPlan:
        settings, note = choose_for_plan(config, data)
        plan, _ = plan_of_part(settings, data, context)
        return plan.model_copy(update={"name": context.name, "notes": [*plan.notes, *([note] if note else [])]})

    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> LinearModel:
        from bakeoff.methods.linear.model import LinearModel

        return LinearModel.load(folder, multilabel=saved.multilabel, features=bool(saved.columns))

    def propose(self, facts: TableFacts) -> list[Proposal]:
        reason = "TF-IDF of n-grams and logistic regression: takes seconds, and is hard to beat on long texts"
        return [Proposal("linear", reason, is_quick=True)]

    def describe(self, config: LinearConfig) -> str:
        words, characters = (
            f"1- to {config.max_ngram}-grams of words",
            f"1- to {config.max_characters}-grams of characters",
        )
        ngrams = {
            "auto": "n-grams of words or characters",
            "words": words,
            "characters": characters,
            "both": f"{words} and {characters}",
        }[config.ngrams]
        weighted = " weighted by naive Bayes" if config.naive_bayes else ""
        return f"A logistic regression on the TF-IDF of {ngrams}{weighted}"


def plan_of_part(settings: LinearConfig, data: SplitTable, context: PlanContext) -> tuple[ContestantPlan, LinearModel]:
    """Return the plan that a fit on a part of the texts gives, and the model of that fit.

    Contestants of one plan with the same settings share it: with many classes, it takes most of the time.
    """
    settings = settings.model_copy(update={"features": settings.features and bool(data.features)})
    name = f"linear {settings.model_dump_json()}"
    if name not in context.measured:
        context.measured[name] = LinearMethod().plan_from_sample(settings, data, context)
    plan, model = context.measured[name]
    return plan, model


def choose_for_plan(config: LinearConfig, data: SplitTable) -> tuple[LinearConfig, str]:
    """Return the settings and the note of a fit on all texts, judged from the part that a plan looks at."""
    from bakeoff.data.words import tokenize
    from bakeoff.methods.linear.choice import choose_settings
    from bakeoff.methods.linear.model import PUNCTUATION

    part = planned_part(data).train
    return choose_settings(config, tokenize(part.texts, PUNCTUATION), part.targets, sample_of=len(data.train))
