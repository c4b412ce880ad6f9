"""One contestant of a language-model bake-off from config to result: load, train, judge, write."""

from __future__ import annotations

import math
import time
from typing import Any

import pyarrow as pa

from bakeoff import machine
from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.data.types import Corpus, SplitCorpus
from bakeoff.errors import UserError
from bakeoff.evaluation.text_statistics import text_statistics, word_counts
from bakeoff.lm.generation import WritingReport, stream_tokens, text_pieces
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.perplexity import Perplexity, score_plan, summary
from bakeoff.lm.protocols import ScoringPlan, plan_scoring
from bakeoff.lm.sources import load_language_model
from bakeoff.lm.tokens import prompt_tokens
from bakeoff.methods.fine_tuning.activation_checkpointing import checkpoint_activations
from bakeoff.methods.fine_tuning.config import FineTuningConfig
from bakeoff.methods.fine_tuning.learner import LanguageModelTask
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.methods.lora.merging import is_adapter, merging_note, write_merged
from bakeoff.methods.pretrained.config import PretrainedConfig
from bakeoff.pretrained.adapters import add_lora, count_parameters, rate_multipliers
from bakeoff.pretrained.pointer import write_pointer
from bakeoff.runs.folder import ContestantFolder, folder_bytes, replaced_folder
from bakeoff.runs.results import ContestantResult, MetricValue, RangeTest, Sample, TrainingCost
from bakeoff.training import distributed
from bakeoff.training.checkpoint import trained_seconds
from bakeoff.training.learner import TrainingSettings
from bakeoff.training.loop import train
from bakeoff.training.memory import memory_notes
from bakeoff.training.precision import Precision, choose_precision
from bakeoff.training.progress import Progress


def bake(
    config: LanguageModelConfig, name: str, data: SplitCorpus, folder: ContestantFolder, progress: Progress
) -> ContestantResult:
    """Train (or take as it is) and judge the contestant `name` of `config`.

    Raises:
        UserError: the model cannot be loaded, or the text does not fit the settings; found out before any training.
    """
    started = time.perf_counter() - trained_seconds(folder.checkpoint)
    settings = config.contestants[name]
    precision = choose_precision(config.precision)
    progress.stage(f"loading {config.model}")
    base = load_language_model(config.model, precision="fp32")
    evaluated = evaluated_split(config, data)
    plans = [scoring_plan(config, base, evaluated, protocol) for protocol in config.evaluation.protocols]
    for prompt in config.evaluation.prompts:
        _check_prompt(base, prompt)

    if isinstance(settings, PretrainedConfig):
        if folder.writes:
            with replaced_folder(folder.model) as temporary:
                write_pointer(temporary, config.model)
        cost, trainable, total = TrainingCost(precision=precision), 0, count_parameters(base.model)
    else:
        task, trainable, total = training_task(config, settings, base, data)
        cost = train(task, training_settings(config, settings, task, precision), folder, progress)
        del task
    del base  # its memory is needed for the judge
    machine.give_memory_back()
    distributed.wait()  # until the first process has written the model

    progress.stage("loading the best weights")
    best = load_language_model(str(folder.path), precision=precision)
    scores = [score_plan(best, plan, progress=progress) for plan in plans]
    folder.write_scores(pa.concat_tables([each.table() for each in scores]))
    notes = [f"Perplexity was computed in {best.precision}."] if best.precision != "fp32" else []
    if cost.range_test:
        notes.append(_range_test_note(cost.range_test))
    if isinstance(settings, LoraConfig) and settings.merge and is_adapter(folder.model):
        if note := merging_note(folder.model, best, scores[0], plans[0], progress):
            progress.message(f"{name}: {note}")
            notes.append(note)
        if folder.writes:
            write_merged(folder.model)
        distributed.wait()
    # The texts do not count: what writes them fast holds the weights twice more, and could be done without.
    cost.peak_memory_bytes = max(cost.peak_memory_bytes, machine.peak_memory_bytes())
    if config.evaluation.prompts and best.precision != "fp32":
        del best
        best = load_language_model(str(folder.path), precision="fp32")  # texts do not depend on the machine
    folder.write_samples(_samples(config, best, data, progress))
    cost.total_seconds = time.perf_counter() - started
    evaluation = config.evaluation
    metrics = []
    for each in scores:
        found = summary(each, confidence=evaluation.confidence, resamples=evaluation.resamples, seed=config.seed)
        metrics += _metrics(found, config, len(set(each.documents)))
    return ContestantResult(
        name=name,
        method=settings.method,
        task="language-model",
        settings=settings.model_dump(mode="json") | _chosen_rate(cost),
        seed=config.seed,
        metrics=metrics,
        training=cost,
        total_parameters=total,
        trainable_parameters=trainable,
        model_bytes=folder_bytes(folder.model),
        notes=[*notes, *memory_notes(cost)],
    )


def evaluated_split(config: LanguageModelConfig, data: SplitCorpus) -> Corpus:
    side = data.test if config.evaluation.split == "test" else data.validation
    if side is None:
        raise UserError("There is no test text to judge on.", "Give data.test, or set evaluation.split: validation.")
    return side


def scoring_plan(config: LanguageModelConfig, base: LanguageModel, evaluated: Corpus, protocol: Any) -> ScoringPlan:
    return plan_scoring(
        base.tokenizer,
        evaluated,
        protocol,
        model_context=base.context_length,
        context_length=config.evaluation.context_length,
        stride=config.evaluation.stride,
    )


def _check_prompt(base: LanguageModel, prompt: str) -> None:
    stream_tokens(base, prompt_tokens(base.tokenizer, prompt), max_new_tokens=1)


def training_task(
    config: LanguageModelConfig, settings: FineTuningConfig, base: LanguageModel, data: SplitCorpus
) -> tuple[LanguageModelTask, int, int]:
    """The task, and how many of its parameters are trained, of how many."""
    model = base.model
    if isinstance(settings, LoraConfig):
        model = add_lora(model, settings, reference=base.reference, seed=config.seed)
    if settings.activation_checkpointing:
        checkpoint_activations(model)
    task = LanguageModelTask(
        model,
        base.tokenizer,
        data,
        settings,
        base_model=config.model,
        context_length=base.context_length,
        seed=config.seed,
    )
    return task, count_parameters(model, trained_only=True), count_parameters(model)


def training_settings(
    config: LanguageModelConfig, settings: FineTuningConfig, task: LanguageModelTask, precision: Precision
) -> TrainingSettings:
    default_rate = type(settings).model_fields["learning_rate"].default
    return TrainingSettings(
        budget=config.budget,
        learning_rate=default_rate if settings.learning_rate == "auto" else settings.learning_rate,
        range_test=settings.learning_rate == "auto",
        rate_multipliers=rate_multipliers(task.model, settings) if isinstance(settings, LoraConfig) else {},
        schedule=settings.schedule,
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        gradient_clip=settings.gradient_clip,
        seed=config.seed,
        precision=precision,
    )


def _chosen_rate(cost: TrainingCost) -> dict[str, float]:
    return {"learning_rate": cost.range_test.learning_rate} if cost.range_test else {}


def _range_test_note(found: RangeTest) -> str:
    tried = ", ".join(
        f"{rate:g}: {'not a number' if loss is None else format(loss, '.4f')}"
        for rate, loss in zip(found.rates, found.losses, strict=True)
    )
    return (
        f"The learning rate {found.learning_rate:g} was chosen by a range test of {found.steps} steps "
        f"({found.seconds:.1f} s, not part of the budget). Loss of held-out training text by rate: {tried}."
    )


def _samples(config: LanguageModelConfig, best: LanguageModel, data: SplitCorpus, progress: Progress) -> list[Sample]:
    samples = []
    training = word_counts(document.text for document in data.train.documents) if config.evaluation.prompts else None
    best.decoder_for(len(config.evaluation.prompts) * config.evaluation.max_new_tokens)
    for number, prompt in enumerate(config.evaluation.prompts):
        progress.stage("writing texts", number / len(config.evaluation.prompts))
        report = WritingReport()
        prompt_ids = prompt_tokens(best.tokenizer, prompt)
        new_ids = list(stream_tokens(best, prompt_ids, max_new_tokens=config.evaluation.max_new_tokens, report=report))
        text = "".join(text_pieces(best.tokenizer, prompt_ids, iter(new_ids)))
        samples.append(
            Sample(
                prompt=prompt,
                text=text,
                tokens=len(new_ids),
                seconds=report.seconds,
                engine=report.engine,
                statistics=text_statistics(text, training),
            )
        )
    return samples


def _metrics(found: Perplexity, config: LanguageModelConfig, documents: int) -> list[MetricValue]:
    """Perplexity under a protocol; under `document` also the metrics that do not depend on the tokenizer."""
    low, high = found.interval
    bounded = not math.isnan(low)
    perplexity = MetricValue(
        name="perplexity",
        value=found.perplexity,
        low=low if bounded else None,
        high=high if bounded else None,
        confidence=config.evaluation.confidence,
        protocol=found.protocol,
        split=config.evaluation.split,
        documents=documents,
        interval_unit=found.interval_unit,
        higher_is_better=False,
    )
    if not found.protocol.startswith("document"):
        return [perplexity]
    others = {
        "word_perplexity": found.word_perplexity,
        "byte_perplexity": found.byte_perplexity,
        "bits_per_byte": found.bits_per_byte,
    }
    return [
        perplexity,
        *(
            perplexity.model_copy(update={"name": name, "value": value, "low": None, "high": None})
            for name, value in others.items()
        ),
    ]
