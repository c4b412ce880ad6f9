"""What evaluating a language model will take, measured on a little of its text."""

from __future__ import annotations

import time

from bakeoff.lm.batching import TokenBatch, batches_of_rows
from bakeoff.lm.config import LanguageModelEvaluationConfig
from bakeoff.lm.generation import stream_tokens
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.perplexity import BATCH_TOKENS
from bakeoff.lm.scoring_plan import ScoringPlan
from bakeoff.lm.tokens import prompt_tokens
from bakeoff.training.measuring import ALIKE
from bakeoff.training.memory import divided

PIECE_TOKENS = 1024
"""Scoring is measured on pieces of batches of about this many tokens."""

NEW_TOKENS = 8
"""Writing is measured on this many tokens."""


def measure_evaluation(model: LanguageModel, plans: list[ScoringPlan], config: LanguageModelEvaluationConfig) -> float:
    """Return how many seconds scoring and writing take: the same for every contestant, since adapters are merged."""
    packed = model.forward.packs
    batches = [[batch for _, batch in batches_of_rows(plan.rows, BATCH_TOKENS, packed=packed)] for plan in plans]
    # The largest batch as it is, for the memory that it takes; it also warms up.
    model.forward.losses(max((batch for each in batches for batch in each), key=lambda batch: batch.input_ids.numel()))
    return sum(_scoring_seconds(model, each) for each in batches) + _writing_seconds(config, model)


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


def _writing_seconds(config: LanguageModelEvaluationConfig, model: LanguageModel) -> float:
    """Of all prompts, if none of the texts ends early."""
    total = 0.0
    for prompt in config.prompts:
        ids = prompt_tokens(model.tokenizer, prompt)
        wanted = min(config.max_new_tokens, model.context_length - len(ids))
        if total == 0.0:
            times = [time.perf_counter()]
            for _ in stream_tokens(model, ids, max_new_tokens=min(NEW_TOKENS, wanted)):
                times.append(time.perf_counter())
            first = times[min(1, len(times) - 1)] - times[0]
            rest = (times[-1] - times[1]) / (len(times) - 2) if len(times) > 2 else first
        total += first + rest * (wanted - 1)
    return total
