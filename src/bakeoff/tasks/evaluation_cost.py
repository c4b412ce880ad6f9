"""Forecast the cost of evaluating a language model, measured on a little of its text."""

from __future__ import annotations

import time
from dataclasses import replace

from bakeoff.data.types import Corpus
from bakeoff.lm.batching import TokenBatch
from bakeoff.lm.config import LanguageModelEvaluationConfig
from bakeoff.lm.examples import example_tokens
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.perplexity import BATCH_TOKENS
from bakeoff.lm.scoring_plan import ScoringPlan
from bakeoff.lm.tokens import prompt_tokens
from bakeoff.tasks.answering import answered_prompts
from bakeoff.training.measuring import ALIKE
from bakeoff.training.memory import divided

PIECE_TOKENS = 1024
"""Scoring is measured on pieces of batches with about this many tokens."""

NEW_TOKENS = 8
"""Generation is measured on this many tokens."""

ANSWERED = 16
"""Answering is measured on this many prompts."""


def measure_evaluation(
    model: LanguageModel, plans: list[ScoringPlan], text: Corpus, config: LanguageModelEvaluationConfig
) -> float:
    """Return the seconds of scoring and generation: the same for every contestant, because adapters are merged."""
    batches = [[batch for _, batch in model.forward.batches(plan.rows, BATCH_TOKENS)] for plan in plans]
    # Score the largest batch whole, to see how much memory it takes and to warm up.
    model.forward.losses(max((batch for each in batches for batch in each), key=lambda batch: batch.input_ids.numel()))
    scoring = sum(_scoring_seconds(model, each) for each in batches)
    prompts = [prompt_tokens(model.tokenizer, prompt) for prompt in config.prompts]
    return scoring + _writing_seconds(model, prompts, config.max_new_tokens) + _answering_seconds(model, text, config)


def _scoring_seconds(model: LanguageModel, batches: list[TokenBatch]) -> float:
    """Forecast all batches from pieces of the first (the longest rows) and of later ones with shorter rows."""
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


def _writing_seconds(model: LanguageModel, prompts: list[list[int]], new_tokens: int) -> float:
    """Forecast all texts, assuming that none ends early, from the first tokens."""
    if not prompts:
        return 0.0
    seconds = []
    for count in (1, NEW_TOKENS):
        started = time.perf_counter()
        model.write_all(prompts, max_new_tokens=min(count, new_tokens), whole=True)
        seconds.append(time.perf_counter() - started)
    rest = max(0, new_tokens - NEW_TOKENS)
    return seconds[1] + (seconds[1] - seconds[0]) / (NEW_TOKENS - 1) * rest


def _answering_seconds(model: LanguageModel, text: Corpus, config: LanguageModelEvaluationConfig) -> float:
    """Forecast all answers from a few, no longer than the given ones."""
    if not text.has_examples or not config.answers:
        return 0.0
    count = min(len(text.documents), config.answers)
    examples = example_tokens(model.tokenizer, replace(text, documents=text.documents[: min(count, ANSWERED)]))
    prompts = answered_prompts(model, examples, config)
    wanted = max(len(example.ids) - len(ids) for example, ids in zip(examples, prompts, strict=True))
    started = time.perf_counter()
    model.write_all(prompts, max_new_tokens=min(wanted, config.max_new_tokens))
    return (time.perf_counter() - started) * count / len(prompts)
