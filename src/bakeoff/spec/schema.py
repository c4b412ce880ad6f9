"""Every key that a spec may have, with its type, default and meaning: the place to import them from.

Its modules are the single source of the YAML keys, of their checks and of ``docs/reference/spec.md``. Nothing in them
reads a file or imports torch.
"""

from __future__ import annotations

from bakeoff.spec.classification import (
    ClassificationContestant,
    ClassificationJudge,
    ClassificationSpec,
    EnsembleContestant,
    LinearContestant,
    MajorityContestant,
    Pretraining,
    RecurrentContestant,
    TableData,
    TableSplit,
    TransformerContestant,
    Vocabulary,
)
from bakeoff.spec.language_model import (
    FullContestant,
    LanguageModelContestant,
    LanguageModelSpec,
    LoraContestant,
    PretrainedContestant,
    Protocol,
    TextData,
    TrainedLanguageModel,
)
from bakeoff.spec.sections import (
    Budget,
    ClassWeights,
    RequestedPrecision,
    Section,
    Tracker,
)

Spec = ClassificationSpec | LanguageModelSpec

__all__ = [
    "Budget",
    "ClassWeights",
    "ClassificationContestant",
    "ClassificationJudge",
    "ClassificationSpec",
    "EnsembleContestant",
    "FullContestant",
    "LanguageModelContestant",
    "LanguageModelSpec",
    "LinearContestant",
    "LoraContestant",
    "MajorityContestant",
    "PretrainedContestant",
    "Pretraining",
    "Protocol",
    "RecurrentContestant",
    "RequestedPrecision",
    "Section",
    "Spec",
    "TableData",
    "TableSplit",
    "TextData",
    "Tracker",
    "TrainedLanguageModel",
    "TransformerContestant",
    "Vocabulary",
]
