"""One contestant of a language-model bake-off from spec to result: load, train, judge, write."""

from __future__ import annotations

import math
import time
from typing import Any

import pyarrow as pa

from bakeoff import machine
from bakeoff.data.types import Corpus, SplitCorpus
from bakeoff.errors import UserError
from bakeoff.judge.text_statistics import text_statistics, word_counts
from bakeoff.lm.activation_checkpointing import checkpoint_activations
from bakeoff.lm.generation import WritingReport, stream_tokens, text_pieces
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.merging import is_adapter, merging_note, write_merged
from bakeoff.lm.perplexity import Perplexity, score_plan, summary
from bakeoff.lm.protocols import ScoringPlan, plan_scoring
from bakeoff.lm.sources import load_language_model
from bakeoff.lm.task import LanguageModelTask
from bakeoff.lm.tokens import prompt_tokens
from bakeoff.pretrained.adapters import add_lora, count_parameters, rate_multipliers
from bakeoff.pretrained.pointer import write_pointer
from bakeoff.runs.folder import ContestantFolder, folder_bytes, replaced_folder
from bakeoff.runs.results import ContestantResult, Figure, RangeTest, Sample, TrainingCost
from bakeoff.spec.schema import LanguageModelSpec, LoraContestant, PretrainedContestant, TrainedLanguageModel
from bakeoff.training import distributed
from bakeoff.training.checkpoint import trained_seconds
from bakeoff.training.loop import train
from bakeoff.training.memory import memory_notes
from bakeoff.training.precision import Precision, choose_precision
from bakeoff.training.progress import Progress
from bakeoff.training.task import TrainingSettings


def bake(
    spec: LanguageModelSpec, name: str, data: SplitCorpus, folder: ContestantFolder, progress: Progress
) -> ContestantResult:
    """Train (or take as it is) and judge the contestant `name` of `spec`.

    Raises:
        UserError: the model cannot be loaded, or the text does not fit the settings; found out before any training.
    """
    started = time.perf_counter() - trained_seconds(folder.checkpoint)
    settings = spec.contestants[name]
    precision = choose_precision(spec.precision)
    progress.stage(f"loading {spec.model}")
    base = load_language_model(spec.model, precision="fp32")
    judged = judged_side(spec, data)
    plans = [scoring_plan(spec, base, judged, protocol) for protocol in spec.judge.protocols]
    for prompt in spec.judge.prompts:
        _check_prompt(base, prompt)

    if isinstance(settings, PretrainedContestant):
        if folder.writes:
            with replaced_folder(folder.model) as temporary:
                write_pointer(temporary, spec.model)
        cost, trainable, total = TrainingCost(precision=precision), 0, count_parameters(base.model)
    else:
        task, trainable, total = training_task(spec, settings, base, data)
        cost = train(task, training_settings(spec, settings, task, precision), folder, progress)
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
    if isinstance(settings, LoraContestant) and settings.merge and is_adapter(folder.model):
        if note := merging_note(folder.model, best, scores[0], plans[0], progress):
            progress.message(f"{name}: {note}")
            notes.append(note)
        if folder.writes:
            write_merged(folder.model)
        distributed.wait()
    # The texts do not count: what writes them fast holds the weights twice more, and could be done without.
    cost.peak_memory_bytes = max(cost.peak_memory_bytes, machine.peak_memory_bytes())
    if spec.judge.prompts and best.precision != "fp32":
        del best
        best = load_language_model(str(folder.path), precision="fp32")  # texts do not depend on the machine
    folder.write_samples(_samples(spec, best, data, progress))
    cost.total_seconds = time.perf_counter() - started
    judge = spec.judge
    figures = []
    for each in scores:
        found = summary(each, confidence=judge.confidence, resamples=judge.resamples, seed=spec.seed)
        figures += _figures(found, spec, len(set(each.documents)))
    return ContestantResult(
        name=name,
        method=settings.method,
        task="language-model",
        settings=settings.model_dump(mode="json") | _chosen_rate(cost),
        seed=spec.seed,
        figures=figures,
        training=cost,
        total_parameters=total,
        trainable_parameters=trainable,
        model_bytes=folder_bytes(folder.model),
        notes=[*notes, *memory_notes(cost)],
    )


def judged_side(spec: LanguageModelSpec, data: SplitCorpus) -> Corpus:
    side = data.test if spec.judge.split == "test" else data.validation
    if side is None:
        raise UserError("There is no test text to judge on.", "Give data.test, or set judge.split: validation.")
    return side


def scoring_plan(spec: LanguageModelSpec, base: LanguageModel, judged: Corpus, protocol: Any) -> ScoringPlan:
    return plan_scoring(
        base.tokenizer,
        judged,
        protocol,
        model_context=base.context_length,
        context_length=spec.judge.context_length,
        stride=spec.judge.stride,
    )


def _check_prompt(base: LanguageModel, prompt: str) -> None:
    stream_tokens(base, prompt_tokens(base.tokenizer, prompt), max_new_tokens=1)


def training_task(
    spec: LanguageModelSpec, settings: TrainedLanguageModel, base: LanguageModel, data: SplitCorpus
) -> tuple[LanguageModelTask, int, int]:
    """The task, and how many of its parameters are trained, of how many."""
    model = base.model
    if isinstance(settings, LoraContestant):
        model = add_lora(model, settings, reference=base.reference, seed=spec.seed)
    if settings.activation_checkpointing:
        checkpoint_activations(model)
    task = LanguageModelTask(
        model,
        base.tokenizer,
        data,
        settings,
        base_model=spec.model,
        context_length=base.context_length,
        seed=spec.seed,
    )
    return task, count_parameters(model, trained_only=True), count_parameters(model)


def training_settings(
    spec: LanguageModelSpec, settings: TrainedLanguageModel, task: LanguageModelTask, precision: Precision
) -> TrainingSettings:
    default_rate = type(settings).model_fields["learning_rate"].default
    return TrainingSettings(
        budget=spec.budget,
        learning_rate=default_rate if settings.learning_rate == "auto" else settings.learning_rate,
        range_test=settings.learning_rate == "auto",
        rate_multipliers=rate_multipliers(task.model, settings) if isinstance(settings, LoraContestant) else {},
        schedule=settings.schedule,
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        gradient_clip=settings.gradient_clip,
        seed=spec.seed,
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


def _samples(spec: LanguageModelSpec, best: LanguageModel, data: SplitCorpus, progress: Progress) -> list[Sample]:
    samples = []
    training = word_counts(document.text for document in data.train.documents) if spec.judge.prompts else None
    best.decoder_for(len(spec.judge.prompts) * spec.judge.max_new_tokens)
    for number, prompt in enumerate(spec.judge.prompts):
        progress.stage("writing texts", number / len(spec.judge.prompts))
        report = WritingReport()
        prompt_ids = prompt_tokens(best.tokenizer, prompt)
        new_ids = list(stream_tokens(best, prompt_ids, max_new_tokens=spec.judge.max_new_tokens, report=report))
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


def _figures(found: Perplexity, spec: LanguageModelSpec, documents: int) -> list[Figure]:
    """Perplexity under a protocol; under `document` also the figures that do not depend on the tokenizer."""
    low, high = found.interval
    bounded = not math.isnan(low)
    perplexity = Figure(
        name="perplexity",
        value=found.perplexity,
        low=low if bounded else None,
        high=high if bounded else None,
        confidence=spec.judge.confidence,
        protocol=found.protocol,
        split=spec.judge.split,
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
