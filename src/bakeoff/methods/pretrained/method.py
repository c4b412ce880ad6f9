"""Method `pretrained`: the model without any training."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bakeoff import machine
from bakeoff.methods.base import LanguageModelMethod
from bakeoff.methods.context import FitContext, FitReport, PlanContext
from bakeoff.methods.pretrained.config import PretrainedConfig
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import TrainingCost

if TYPE_CHECKING:
    from bakeoff.data.types import SplitCorpus


class PretrainedMethod(LanguageModelMethod[PretrainedConfig]):
    """The baseline for every way to adapt a model. Its model/ only points at the base model."""

    config = PretrainedConfig
    uses_seed = False

    def fit(self, config: PretrainedConfig, data: SplitCorpus, context: FitContext) -> FitReport:
        from bakeoff.pretrained.adapters import count_parameters
        from bakeoff.pretrained.pointer import write_pointer
        from bakeoff.training.precision import choose_precision

        base = context.base
        assert base is not None
        context.save(lambda folder: write_pointer(folder, base.name))
        return FitReport(
            TrainingCost(precision=choose_precision(base.precision)),
            trainable_parameters=0,
            total_parameters=count_parameters(base.take().model),
        )

    def plan(self, config: PretrainedConfig, data: SplitCorpus, context: PlanContext) -> ContestantPlan:
        from bakeoff.pretrained.adapters import count_parameters

        assert context.base is not None
        context.progress.stage(f"loading {context.base.name}")
        started = time.perf_counter()
        parameters = count_parameters(context.base.take().model)
        size = len(context.base.name.encode()) + 20  # base_model.json
        return ContestantPlan(
            name=context.name,
            method=config.method,
            evaluation_seconds=0.0,
            total_seconds=time.perf_counter() - started,
            peak_memory_bytes=machine.peak_memory_bytes(),
            model_bytes=size,
            disk_bytes=size,
            trainable_parameters=0,
            total_parameters=parameters,
        )

    def describe(self, config: PretrainedConfig) -> str:
        return "The pretrained model itself: nothing was trained"
