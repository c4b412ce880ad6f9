"""Every key that a config may have, with its type, default and meaning: the place to import them from.

Its modules are the single source of the YAML keys, of their checks and of ``docs/reference/config.md``. Nothing in them
reads a file or imports torch.
"""

from __future__ import annotations

from bakeoff.config.classification import ClassificationConfig
from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.data.config import TableData, TableSplit, TextData
from bakeoff.evaluation.config import ClassificationEvaluationConfig, Protocol
from bakeoff.methods.ensemble.config import EnsembleConfig
from bakeoff.methods.fine_tuning.config import FineTuningConfig
from bakeoff.methods.full.config import FullConfig
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.methods.majority.config import MajorityConfig
from bakeoff.methods.pretrained.config import PretrainedConfig
from bakeoff.methods.recurrent.config import Pretraining, RecurrentConfig, Vocabulary
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.sections import Budget, ClassWeights, RequestedPrecision, Section, Tracker

BakeoffConfig = ClassificationConfig | LanguageModelConfig

__all__ = [
    "Budget",
    "ClassWeights",
    "ClassificationContestant",
    "ClassificationEvaluationConfig",
    "ClassificationConfig",
    "EnsembleConfig",
    "FullConfig",
    "LanguageModelContestant",
    "LanguageModelConfig",
    "LinearConfig",
    "LoraConfig",
    "MajorityConfig",
    "PretrainedConfig",
    "Pretraining",
    "Protocol",
    "RecurrentConfig",
    "RequestedPrecision",
    "Section",
    "BakeoffConfig",
    "TableData",
    "TableSplit",
    "TextData",
    "Tracker",
    "FineTuningConfig",
    "TransformerConfig",
    "Vocabulary",
]
