"""Let a language model answer prompts, and compare its answers with those that the data have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from bakeoff.data.types import Corpus
from bakeoff.errors import UserError
from bakeoff.evaluation.answers import compare_answers
from bakeoff.evaluation.measuring import answer_metrics
from bakeoff.lm.config import LanguageModelEvaluationConfig
from bakeoff.lm.examples import ExampleTokens, cut_note, prompt_of
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.perplexity import DEFAULT_CONTEXT_LENGTH
from bakeoff.packages import require
from bakeoff.runs.results import MetricValue, Sample
from bakeoff.training.progress import Progress


@dataclass(frozen=True)
class Answered:
    """The answers of a model."""

    samples: list[Sample]
    scores: pa.Table  # rows of scores.parquet
    metrics: list[MetricValue]


def check_answers(config: LanguageModelEvaluationConfig) -> None:
    """Refuse to compare answers if the packages for it are missing.

    Raises:
        UserError: they are, and answers are wanted.
    """
    if config.answers:
        require(
            "answers",
            "Comparing generated answers with references",
            "Or measure the perplexity alone, in a new run: --set evaluation.answers=0",
        )


def with_shots(model: LanguageModel, corpus: Corpus) -> Corpus:
    """Return examples as the model is shown them: behind the examples of its prompt, if it has any."""
    if model.prompting is None or model.prompting.shots is None:
        return corpus
    return replace(corpus, documents=model.prompting.shots.before(corpus.documents))


def answered_prompts(
    model: LanguageModel, examples: Sequence[ExampleTokens], config: LanguageModelEvaluationConfig
) -> list[list[int]]:
    """Return the tokens of the prompts of the first examples, cut as `prompt_room` says."""
    room = prompt_room(model, config)
    return [prompt_of(example, room) for example in examples[: config.answers]]


def prompt_room(model: LanguageModel, config: LanguageModelEvaluationConfig) -> int:
    """Return the most tokens of a prompt that are shown: what `context_length` allows, and an answer leaves room for.

    Raises:
        UserError: an answer leaves none.
    """
    room = model.context_length - config.max_new_tokens
    if room < 1:
        raise UserError(
            f"evaluation.max_new_tokens is {config.max_new_tokens:,}, which leaves no room for a prompt: the model "
            f"sees no more than {model.context_length:,} tokens.",
            "Lower it to what an answer needs.",
        )
    return min(room, _context(model, config))


def answering_notes(
    model: LanguageModel, examples: Sequence[ExampleTokens], config: LanguageModelEvaluationConfig
) -> list[str]:
    """Say how many examples and prompts are longer than what the model is shown, and how generated answers end."""
    notes = cut_note(examples, _context(model, config), config.split)
    room, answered = prompt_room(model, config), examples[: config.answers]
    if long := sum(len(prompt_of(example, len(example.ids))) > room for example in answered):
        notes.append(
            f"{long:,} of {len(answered):,} prompts that were answered have more than {room:,} tokens. Their "
            "beginning was cut."
        )
    prompting = model.prompting
    if prompting and prompting.stops and prompting.template is not None:  # chats end by the mark of their template
        mark = "line break" if prompting.stops[0] == "\n" else "blank line"
        notes.append(f"No training answer has a {mark}, so generated ones end at the first one.")
    return notes


def _context(model: LanguageModel, config: LanguageModelEvaluationConfig) -> int:
    """Return how many tokens the model is shown at once."""
    return config.context_length or min(model.context_length, DEFAULT_CONTEXT_LENGTH)


def answer(
    model: LanguageModel,
    corpus: Corpus,
    examples: Sequence[ExampleTokens],
    config: LanguageModelEvaluationConfig,
    progress: Progress,
    *,
    seed: int,
) -> Answered:
    """Answer the first prompts of a corpus greedily.

    Args:
        corpus: Examples as the data have them.
        examples: The same as the model is shown them, tokenized.
        seed: Of the bootstrap.
    """
    prompts = answered_prompts(model, examples, config)
    documents = corpus.documents[: len(prompts)]
    texts = model.write_all(
        prompts, max_new_tokens=config.max_new_tokens, share=lambda share: progress.stage("answering", share)
    )
    samples = [
        Sample(
            kind="answer",
            prompt=document.prompt,
            text=text.strip(),
            reference=document.reference,
            document=document.name,
            tokens=report.tokens,
            seconds=report.seconds,
            engine=report.engine,
        )
        for document, (text, report) in zip(documents, texts, strict=True)
    ]
    protocol = f"greedy(max_new_tokens={config.max_new_tokens})"
    values = compare_answers([each.text for each in samples], [document.reference for document in documents])
    count = len(samples)
    scores = pa.table(
        {
            "protocol": pa.array([protocol] * count, pa.string()),
            "document": pa.array([document.name for document in documents], pa.string()),
            "piece": np.zeros(count, dtype=np.int64),
            **values,
        }
    )
    metrics = answer_metrics(
        values,
        protocol,
        split=config.split,
        confidence=config.confidence,
        resamples=config.resamples,
        seed=seed,
    )
    return Answered(samples, scores, metrics)
