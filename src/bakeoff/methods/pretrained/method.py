"""Method `pretrained`: the model without any training."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bakeoff import machine
from bakeoff.methods.base import LanguageModelMethod
from bakeoff.methods.context import Context, FitContext, FitReport, PlanContext
from bakeoff.methods.export_formats import ExportFormat
from bakeoff.methods.pretrained.config import PretrainedConfig, UntrainedConfig
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import TrainingCost

if TYPE_CHECKING:
    from bakeoff.data.types import SplitCorpus

Config = TypeVar("Config", bound=UntrainedConfig)


class UntrainedMethod(LanguageModelMethod[Config]):
    """A model as it is. Its model/ points at the base model, and holds what a subclass puts beside it."""

    def write_more(self, config: Config, data: SplitCorpus, context: Context, folder: Path) -> None:
        """Write what the contestant needs besides the base model."""

    def fit(self, config: Config, data: SplitCorpus, context: FitContext) -> FitReport:
        from bakeoff.pretrained.adapters import count_parameters
        from bakeoff.training.precision import choose_precision

        base = context.base
        assert base is not None
        context.save(lambda folder: self._write(config, data, context, folder))
        return FitReport(
            TrainingCost(precision=choose_precision(base.precision)),
            trainable_parameters=0,
            total_parameters=count_parameters(base.take().model),
        )

    def plan(self, config: Config, data: SplitCorpus, context: PlanContext) -> ContestantPlan:
        from bakeoff.pretrained.adapters import count_parameters
        from bakeoff.runs.writing import folder_bytes

        assert context.base is not None
        context.progress.stage(f"loading {context.base.name}")
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            self._write(config, data, context, Path(folder))
            size = folder_bytes(Path(folder))
        parameters = count_parameters(context.base.take().model)
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

    def export_refusal(self, config: Config, format: ExportFormat) -> str | None:
        return f"its weights are stored in {config.quantization}" if config.quantization else None

    def _write(self, config: Config, data: SplitCorpus, context: Context, folder: Path) -> None:
        from bakeoff.pretrained.pointer import write_pointer

        assert context.base is not None
        write_pointer(folder, context.base.name, config.quantization)
        self.write_more(config, data, context, folder)


class PretrainedMethod(UntrainedMethod[PretrainedConfig]):
    """The baseline for every way to adapt a model."""

    config = PretrainedConfig
    uses_seed = False

    def describe(self, config: PretrainedConfig) -> str:
        return "The pretrained model itself: nothing was trained"
