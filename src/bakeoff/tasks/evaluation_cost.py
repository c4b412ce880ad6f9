"""Forecast the cost of evaluating a language model, measured on a little of its text."""

from __future__ import annotations

import time

from bakeoff.data.types import Corpus
from bakeoff.lm.batching import TokenBatch, batches_of_rows
from bakeoff.lm.config import LanguageModelEvaluationConfig
from bakeoff.lm.generation import stream_tokens
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


def measure_evaluation(
    model: LanguageModel, plans: list[ScoringPlan], text: Corpus, config: LanguageModelEvaluationConfig
) -> float:
    """Return the seconds of scoring and generation: the same for every contestant, because adapters are merged."""
    packed = model.forward.packs
    batches = [[batch for _, batch in batches_of_rows(plan.rows, BATCH_TOKENS, packed=packed)] for plan in plans]
    # Score the largest batch whole, to see how much memory it takes and to warm up.
    model.forward.losses(max((batch for each in batches for batch in each), key=lambda batch: batch.input_ids.numel()))
    scoring = sum(_scoring_seconds(model, each) for each in batches)
    return scoring + _writing_seconds(model, _texts_to_write(model, text, config))


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


def _texts_to_write(
    model: LanguageModel, text: Corpus, config: LanguageModelEvaluationConfig
) -> list[tuple[list[int], int]]:
    """Return the tokens of each prompt and the most new ones; of an answer, as many as the given one has."""
    texts = [(prompt_tokens(model.tokenizer, prompt), config.max_new_tokens) for prompt in config.prompts]
    if text.has_examples and config.answers:
        for example, ids in zip(*answered_prompts(model, text, config), strict=True):
            texts.append((ids, min(config.max_new_tokens, len(example.ids) - len(ids))))
    return texts


def _writing_seconds(model: LanguageModel, texts: list[tuple[list[int], int]]) -> float:
    """Forecast all texts, assuming that none ends early."""
    total = 0.0
    for ids, new_tokens in texts:
        wanted = max(1, min(new_tokens, model.context_length - len(ids)))
        if total == 0.0:
            times = [time.perf_counter()]
            for _ in stream_tokens(model, ids, max_new_tokens=min(NEW_TOKENS, wanted)):
                times.append(time.perf_counter())
            first = times[min(1, len(times) - 1)] - times[0]
            rest = (times[-1] - times[1]) / (len(times) - 2) if len(times) > 2 else first
        total += first + rest * (wanted - 1)
    return total
