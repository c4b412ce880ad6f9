"""Names of local files in a config become full paths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.classification import ClassificationConfig
from bakeoff.data.raw_tables import PACKAGED_TABLES
from bakeoff.data.text_sources import PACKAGED_TEXTS
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.transformer.config import TransformerConfig


def with_absolute_paths(config: BakeoffConfig) -> BakeoffConfig:
    """Local files by their full path, so that a run can be resumed from any folder."""
    if isinstance(config, ClassificationConfig):
        table = {"table": config.data.table} if config.data.table not in PACKAGED_TABLES else {}
        contestants = {name: _with_absolute_source(settings) for name, settings in config.contestants.items()}
        data = config.data.model_copy(update=_absolute(table))
        return config.model_copy(update={"data": data, "contestants": contestants})
    files = config.data.model_dump(include={"text", "train", "validation", "test"})
    if config.data.text in PACKAGED_TEXTS:
        del files["text"]
    text = config.data.model_copy(update=_absolute(files))
    return config.model_copy(update={"data": text, **_absolute_model(config.model)})


def _absolute_model(model: str) -> dict[str, str]:
    from bakeoff.pretrained.packaged_models import PACKAGED

    return _absolute({"model": model}) if model not in PACKAGED else {}


def _with_absolute_source(settings: ClassificationContestant) -> ClassificationContestant:
    if isinstance(settings, TransformerConfig):
        return settings.model_copy(update=_absolute_model(settings.model))
    if isinstance(settings, RecurrentConfig) and settings.pretrain is not None:
        pretrain = settings.pretrain.model_copy(update=_absolute({"text": settings.pretrain.text}))
        return settings.model_copy(update={"pretrain": pretrain})
    return settings


def _absolute(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: str(Path(value).resolve()) for name, value in values.items() if value and Path(value).exists()}
