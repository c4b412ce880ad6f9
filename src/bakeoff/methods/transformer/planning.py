"""What a transformer will take, before it is trained."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from bakeoff.config.classification import ClassificationConfig
from bakeoff.data.types import SplitTable
from bakeoff.methods.encoded import EncodedTexts
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.methods.transformer.learner import TransformerTask
from bakeoff.runs.folder import folder_bytes
from bakeoff.runs.plans import ContestantPlan
from bakeoff.tasks.classification import training_settings
from bakeoff.tasks.planning_classification import plan_of_training
from bakeoff.training.measuring import measure_training
from bakeoff.training.progress import Progress

MEASURED_TOKENS = 8192
"""Evaluating is measured on validation texts of about so many tokens."""


def plan_transformer(
    config: ClassificationConfig, name: str, settings: TransformerConfig, data: SplitTable, progress: Progress
) -> ContestantPlan:
    """Load, encode and count as the bake-off would; take a few steps, and judge a part of the validation texts.

    Raises:
        UserError: whatever would end the bake-off before its first step.
    """
    progress.stage(f"loading {settings.model}")
    started = time.perf_counter()
    task = TransformerTask(data, settings, config.seed)
    preparing = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        task.save_model(Path(folder), {name: each.detach() for name, each in task.model.named_parameters()})
        model_bytes = folder_bytes(Path(folder))
    training = measure_training(task, training_settings(config, settings), name, progress)
    progress.stage("evaluating a part")
    part = _first_texts(task.validation, MEASURED_TOKENS)
    started = time.perf_counter()
    task.classifier.probabilities(part)
    text_seconds = (time.perf_counter() - started) / len(part)
    # The validation side once an evaluation and once for the temperature, and the test side.
    evaluating = text_seconds * ((training.evaluations + 1) * len(data.validation) + len(data.test))
    return plan_of_training(
        name,
        settings.method,
        training,
        preparing_seconds=2 * preparing,  # the best weights are loaded, the test side encoded
        evaluation_seconds=evaluating,
        model_bytes=model_bytes,
        trainable_parameters=task.trained_parameters,
        total_parameters=task.total_parameters,
    )


def _first_texts(encoded: EncodedTexts, tokens: int) -> EncodedTexts:
    """The split is random, so the first texts stand for all of them."""
    count = max(1, int(np.searchsorted(encoded.offsets, tokens, side="right")) - 1)
    return EncodedTexts(encoded.numbers[: encoded.offsets[count]], encoded.offsets[: count + 1])
