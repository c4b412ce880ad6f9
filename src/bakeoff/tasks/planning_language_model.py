"""What the contestants of a language-model bake-off will take, before any of them is trained."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bakeoff import machine
from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.data.types import SplitCorpus
from bakeoff.lm.batching import TokenBatch, batches_of_rows
from bakeoff.lm.generation import stream_tokens
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.perplexity import BATCH_TOKENS
from bakeoff.lm.protocols import ScoringPlan
from bakeoff.lm.sources import load_language_model
from bakeoff.lm.tokens import prompt_tokens
from bakeoff.methods.fine_tuning.config import FineTuningConfig
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.pretrained.adapters import count_parameters
from bakeoff.runs.folder import folder_bytes
from bakeoff.runs.plans import ContestantPlan
from bakeoff.tasks.language_model import evaluated_split, scoring_plan, training_settings, training_task
from bakeoff.training.measuring import ALIKE, MeasuredTraining, measure_training
from bakeoff.training.memory import divided
from bakeoff.training.precision import Precision, choose_precision
from bakeoff.training.progress import Progress
from bakeoff.training.range_test import TRIALS, trial_steps

PIECE_TOKENS = 1024
"""Scoring is measured on pieces of batches of about so many tokens."""

NEW_TOKENS = 8
"""Writing is measured on so many tokens."""

_FLOAT32 = 4  # bytes


@dataclass(frozen=True)
class _EvaluationCost:
    """What evaluating takes, loading apart: the same for every contestant, since adapters are merged."""

    seconds: float
    seconds_per_token: float
    peak_memory_bytes: int


def plan_contestants(config: LanguageModelConfig, data: SplitCorpus, progress: Progress) -> list[ContestantPlan]:
    """Load, tokenize and count as the bake-off would; take a few steps, score and write a little.

    Raises:
        UserError: whatever would end the bake-off before its first step.
    """
    evaluating = _measure_evaluation(config, data, progress)
    plans = []
    for number, (name, settings) in enumerate(config.contestants.items(), start=1):
        progress.contestant(name, number, len(config.contestants))
        if isinstance(settings, FineTuningConfig):
            plans.append(_plan_trained(config, name, settings, data, evaluating, progress))
        else:
            plans.append(_plan_pretrained(config, name, evaluating, progress))
    return plans


def _measure_evaluation(config: LanguageModelConfig, data: SplitCorpus, progress: Progress) -> _EvaluationCost:
    progress.stage("measuring the judge")
    machine.reset_peak_memory()
    model = load_language_model(config.model, precision=choose_precision(config.precision))
    evaluated = evaluated_split(config, data)
    plans = [scoring_plan(config, model, evaluated, protocol) for protocol in config.evaluation.protocols]
    packed = model.forward.packs
    batches = [[batch for _, batch in batches_of_rows(plan.rows, BATCH_TOKENS, packed=packed)] for plan in plans]
    # The largest batch as it is, for the memory that it takes; it also warms up.
    model.forward.losses(max((batch for each in batches for batch in each), key=lambda batch: batch.input_ids.numel()))
    seconds = [_scoring_seconds(model, each) for each in batches]
    tokens = [_tokens(plan) for plan in plans]
    writing = _writing_seconds(config, model)
    return _EvaluationCost(
        seconds=sum(seconds) + writing,
        seconds_per_token=sum(seconds) / sum(tokens),
        peak_memory_bytes=machine.peak_memory_bytes(),
    )


def _tokens(plan: ScoringPlan) -> int:
    return sum(len(row.inputs) for row in plan.rows if len(row.targets))


def _scoring_seconds(model: LanguageModel, batches: list[TokenBatch]) -> float:
    """Of all batches, from pieces of the first (the longest rows) and, where rows are shorter there, of later ones."""
    chosen = [batches[0]]
    for batch in (batches[len(batches) // 2], batches[3 * len(batches) // 4]):
        if batch.input_ids.shape[1] < ALIKE * chosen[-1].input_ids.shape[1]:
            chosen.append(batch)
    taken, tokens = 0.0, 0
    for batch in chosen:
        piece = next(divided(batch, PIECE_TOKENS))
        started = time.perf_counter()
        model.forward.losses(piece)
        taken, tokens = taken + time.perf_counter() - started, tokens + piece.tokens
    return taken / tokens * sum(batch.tokens for batch in batches)


def _writing_seconds(config: LanguageModelConfig, model: LanguageModel) -> float:
    """Of all prompts, if none of the texts ends early."""
    total = 0.0
    for prompt in config.evaluation.prompts:
        ids = prompt_tokens(model.tokenizer, prompt)
        wanted = min(config.evaluation.max_new_tokens, model.context_length - len(ids))
        if total == 0.0:
            times = [time.perf_counter()]
            for _ in stream_tokens(model, ids, max_new_tokens=min(NEW_TOKENS, wanted)):
                times.append(time.perf_counter())
            first = times[min(1, len(times) - 1)] - times[0]
            rest = (times[-1] - times[1]) / (len(times) - 2) if len(times) > 2 else first
        total += first + rest * (wanted - 1)
    return total


def _plan_pretrained(config: LanguageModelConfig, name: str, evaluating: _EvaluationCost, progress: Progress) -> ContestantPlan:
    progress.stage(f"loading {config.model}")
    machine.reset_peak_memory()
    started = time.perf_counter()
    model = load_language_model(config.model, precision="fp32")
    loading = time.perf_counter() - started
    size = len(config.model.encode()) + 20  # base_model.json
    return ContestantPlan(
        name=name,
        method="pretrained",
        evaluation_seconds=loading + evaluating.seconds,
        total_seconds=2 * loading + evaluating.seconds,
        peak_memory_bytes=max(machine.peak_memory_bytes(), evaluating.peak_memory_bytes),
        model_bytes=size,
        disk_bytes=size,
        trainable_parameters=0,
        total_parameters=count_parameters(model.model),
    )


def _plan_trained(
    config: LanguageModelConfig,
    name: str,
    settings: FineTuningConfig,
    data: SplitCorpus,
    evaluating: _EvaluationCost,
    progress: Progress,
) -> ContestantPlan:
    progress.stage(f"loading {config.model}")
    machine.reset_peak_memory()
    started = time.perf_counter()
    precision: Precision = choose_precision(config.precision)
    base = load_language_model(config.model, precision="fp32")
    loading = time.perf_counter() - started
    plans = [scoring_plan(config, base, evaluated_split(config, data), protocol) for protocol in config.evaluation.protocols]
    del plans  # made for the time that it takes
    task, trainable, total = training_task(config, settings, base, data)
    preparing = time.perf_counter() - started
    training = measure_training(task, training_settings(config, settings, task, precision), name, progress)
    validating = training.evaluations * task.validation_tokens * evaluating.seconds_per_token
    evaluated = validating + loading + evaluating.seconds  # of the best weights
    model_bytes = _FLOAT32 * _saved_parameters(settings, trainable, total) + _tokenizer_bytes(base)
    testing, notes = _range_test(settings, training)
    checkpoint_bytes = 3 * _FLOAT32 * trainable  # the weights and AdamW's two moments
    return ContestantPlan(
        name=name,
        method=config.contestants[name].method,
        epochs=training.course.epochs,
        steps=training.course.steps,
        tokens=training.course.tokens,
        training_seconds=training.seconds,
        evaluation_seconds=evaluated,
        total_seconds=preparing + testing + training.seconds + evaluated,
        peak_memory_bytes=max(machine.peak_memory_bytes(), evaluating.peak_memory_bytes),
        model_bytes=model_bytes,
        disk_bytes=2 * (model_bytes + checkpoint_bytes),  # the new one is complete before the old one goes
        trainable_parameters=trainable,
        total_parameters=total,
        notes=[*training.notes, *notes],
    )


def _saved_parameters(settings: FineTuningConfig, trainable: int, total: int) -> int:
    if not isinstance(settings, LoraConfig):
        return total
    if settings.merge:
        return total - trainable
    return (2 if settings.variant == "pissa" else 1) * trainable  # the start is saved along, to be subtracted


def _range_test(settings: FineTuningConfig, training: MeasuredTraining) -> tuple[float, list[str]]:
    """Seconds that `learning_rate: auto` takes at most, and what to say of it."""
    steps = training.course.steps
    if settings.learning_rate != "auto" or not steps:
        return 0.0, []
    tried = TRIALS * trial_steps(steps)
    # Every step is trained on, and as many are evaluated on: a forward pass, a third of a step.
    seconds = training.seconds / steps * tried * 4 / 3
    return seconds, [f"The range test takes up to {tried} steps of its own, counted in the total time."]


def _tokenizer_bytes(model: LanguageModel) -> int:
    with tempfile.TemporaryDirectory() as folder:
        model.tokenizer.save_pretrained(folder)
        return folder_bytes(Path(folder))
