"""Method `embedding`: a frozen pretrained network, and a logistic regression on its vectors of texts."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff import machine
from bakeoff.methods.base import ClassificationMethod, SavedClassifier
from bakeoff.methods.context import Context, FitContext, FitReport, PlanContext
from bakeoff.methods.embedding.config import EmbeddingConfig
from bakeoff.methods.proposals import Proposal, TableFacts
from bakeoff.pretrained.names import SMALL_LANGUAGE_MODEL
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import TrainingCost
from bakeoff.runs.writing import folder_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakeoff.data.types import SplitTable
    from bakeoff.methods.embedding.encoder import Encoder
    from bakeoff.methods.embedding.model import EmbeddingModel
    from bakeoff.sections import RequestedPrecision

_MOST_WORDS_ON_A_CPU = 200_000  # of training texts: a small language model reads them in two minutes on two cores
_ROWS_FOR_A_LAYER = 100  # with fewer, its layer is chosen by chance, and looks better than it is


class EmbeddingMethod(ClassificationMethod[EmbeddingConfig]):
    """A convex problem on vectors of texts, which the main process solves alone."""

    config = EmbeddingConfig
    uses_seed = False
    token_unit = "tokens"
    multilabel = True

    def fit(self, config: EmbeddingConfig, data: SplitTable, context: FitContext) -> FitReport:
        from bakeoff.methods.embedding import fitting
        from bakeoff.training.precision import choose_precision

        report = FitReport(TrainingCost(precision="fp32" if config.static else choose_precision(config.precision)))
        if not context.folder.writes:
            return report
        fit = fitting.fit_static if config.static else fitting.fit_network
        fitted = fit(self._encoder(config, context), config, data, _reporter(context))
        context.save(fitted.save)
        report.cost.seconds = fitted.seconds + fitted.earlier_seconds
        report.earlier_seconds = fitted.earlier_seconds
        report.trainable_parameters = fitted.regression.parameters
        report.settings, report.notes = fitted.settings, fitted.notes
        del fitted
        machine.give_memory_back()  # the evaluation loads a network of its own
        return report

    def plan(self, config: EmbeddingConfig, data: SplitTable, context: PlanContext) -> ContestantPlan:
        from bakeoff.methods.embedding import planning

        started = time.perf_counter()
        encoder = self._encoder(config, context)
        loading_seconds = time.perf_counter() - started
        forecast = planning.forecast(encoder, config, data, _reporter(context))
        with tempfile.TemporaryDirectory() as folder:
            forecast.save(Path(folder))
            model_bytes = folder_bytes(Path(folder))
        return ContestantPlan(
            name=context.name,
            method=config.method,
            training_seconds=forecast.training_seconds,
            evaluation_seconds=loading_seconds + forecast.evaluation_seconds,
            total_seconds=2 * loading_seconds + forecast.training_seconds + forecast.evaluation_seconds,
            peak_memory_bytes=machine.peak_memory_bytes(),
            model_bytes=model_bytes,
            disk_bytes=2 * model_bytes,  # the new model is complete before the old one goes
            trainable_parameters=forecast.regression_parameters,
            total_parameters=None
            if forecast.encoder_parameters is None
            else forecast.encoder_parameters + forecast.regression_parameters,
            notes=forecast.notes,
        )

    def _encoder(self, config: EmbeddingConfig, context: Context) -> Encoder:
        from bakeoff.methods.embedding.encoder import load_encoder
        from bakeoff.training.precision import choose_precision

        context.progress.stage(f"loading {config.model}")
        return load_encoder(
            config.model,
            pooling=config.pooling,
            layer=config.layer,
            max_length=config.max_length,
            precision=choose_precision(config.precision),
            normalize=False if config.static else None,
        )

    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> EmbeddingModel:
        from bakeoff.methods.embedding.model import load_model

        chosen = precision or EmbeddingConfig.model_validate(saved.settings).precision
        return load_model(folder, chosen, multilabel=saved.multilabel, features=bool(saved.columns))

    def propose(self, facts: TableFacts) -> list[Proposal]:
        if not facts.is_english:
            return []
        reason = "vectors of a frozen encoder for English, and logistic regression: strong on few rows"
        proposals = [Proposal("embedding", reason, promise=3)]
        affordable = facts.has_gpu or facts.training_words <= _MOST_WORDS_ON_A_CPU
        if facts.has_language_model and affordable and facts.training_rows >= _ROWS_FOR_A_LAYER:
            reason = "the same with a layer of a small language model: slower, and it knows more"
            settings = f"{{method: embedding, model: {SMALL_LANGUAGE_MODEL}}}"
            proposals.append(Proposal("smollm2", reason, settings, promise=3))
        return proposals

    def describe(self, config: EmbeddingConfig) -> str:
        name = Path(config.model).name
        if config.static:
            return f"A logistic regression on sums of token vectors, which were distilled from the pretrained `{name}`"
        return f"A logistic regression on text embeddings of the pretrained `{name}`, which stays as it is"

    def memory_advice(self, config: EmbeddingConfig) -> str:
        return "" if config.static else "set its static: true, or choose a smaller model"


def _reporter(context: Context) -> Callable[[str, float | None], None]:
    return context.progress.stage
