"""A config of either task."""

from __future__ import annotations

from bakeoff.config.classification import ClassificationConfig
from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.methods.base import Task

BakeoffConfig = ClassificationConfig | LanguageModelConfig

CONFIGS: dict[Task, type[BakeoffConfig]] = {
    "classification": ClassificationConfig,
    "language-model": LanguageModelConfig,
}
