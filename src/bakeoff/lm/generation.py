"""Text generation, token after token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

import torch

from bakeoff.errors import UserError
from bakeoff.lm.causal_model import CausalModel
from bakeoff.lm.decoding.decoder import Choose, DraftCounts, Engine


@dataclass
class WritingReport:
    """Facts about a generation, filled in while it runs."""

    engine: Engine = "transformers"
    engine_reason: str = ""  # why it was not the decoder in C
    tokens: int = 0
    seconds: float = 0.0  # computing the tokens, including the prompt, without `preparing_seconds`
    preparing_seconds: float = 0.0  # building the decoder, if this text was the first to need it
    drafted: int = 0  # tokens that were drafted, and how many of them were accepted
    accepted: int = 0

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds if self.seconds else 0.0


class WritingOptions(TypedDict, total=False):
    """The options of `stream_tokens`, for functions that pass them on."""

    max_new_tokens: int
    temperature: float
    top_k: int | None
    top_p: float | None
    seed: int
    report: WritingReport | None


def stream_tokens(
    model: CausalModel,
    prompt_ids: list[int],
    *,
    max_new_tokens: int = 100,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    report: WritingReport | None = None,
) -> Iterator[int]:
    """Yield the ids of the continuation, without the end-of-text token that ends it. No chat template is applied.

    Args:
        max_new_tokens: Most tokens to generate; the text also ends where the model's context is full.
        temperature: 0 takes the most probable token; otherwise logits are divided by it and drawn from.
        top_k: Draw only from the k most probable tokens.
        top_p: Draw only from the most probable tokens that together reach this probability.
        seed: The same seed draws the same text.
        report: Filled in with how, and how fast, the text is generated.

    Raises:
        UserError: the prompt fills the context, or a setting is out of range.
    """
    _check(len(prompt_ids), model.context_length, max_new_tokens, temperature, top_k, top_p)
    random = torch.Generator().manual_seed(seed)

    def choose(logits: torch.Tensor) -> int:
        return int(logits.argmax()) if temperature == 0 else draw(logits.cpu(), temperature, top_k, top_p, random)

    limit = min(max_new_tokens, model.context_length - len(prompt_ids))
    return _stream_tokens(model, prompt_ids, limit, choose, random, report or WritingReport())


def _stream_tokens(
    model: CausalModel,
    prompt_ids: list[int],
    limit: int,
    choose: Choose,
    random: torch.Generator,
    report: WritingReport,
) -> Iterator[int]:
    started = time.perf_counter()
    decoder = model.decoder_for(limit)
    report.preparing_seconds = time.perf_counter() - started
    report.engine, report.engine_reason = decoder.engine, decoder.reason
    counts = DraftCounts()
    new_ids = decoder.decode(
        prompt_ids,
        limit=limit,
        ends=model.ends,
        choose=choose,
        random=random,
        counts=counts,
    )
    while True:
        started = time.perf_counter()
        token = next(new_ids, None)
        report.seconds += time.perf_counter() - started
        report.drafted, report.accepted = counts.drafted, counts.accepted
        if token is None:
            return
        report.tokens += 1
        yield token


def draw(
    logits: torch.Tensor, temperature: float, top_k: int | None, top_p: float | None, random: torch.Generator
) -> int:
    """Draw a token: temperature, then top-k (Fan et al. 2018), then nucleus sampling (Holtzman et al. 2020).

    Random numbers belong to the tokens of the vocabulary, not to their ranks, so that slightly different logits nearly
    always draw the same token. Speculative decoding depends on that.

    Args:
        logits: fp32, shape (vocabulary,).
    """
    probabilities = (logits / temperature).softmax(-1)
    if top_k is not None or top_p is not None:
        probabilities = _most_probable(probabilities, top_k, top_p)
    return int(torch.multinomial(probabilities, 1, generator=random))


def _most_probable(probabilities: torch.Tensor, top_k: int | None, top_p: float | None) -> torch.Tensor:
    """Set all but the most probable tokens to zero; the rest need not add up to 1."""
    ranked, ids = probabilities.sort(descending=True, stable=True)
    ranked, ids = ranked[:top_k], ids[:top_k]
    if top_p is not None:
        # Keep a token if the ones before it do not reach top_p yet, so that the first one is always kept.
        ranked = ranked * (ranked.cumsum(-1) - ranked < max(top_p, 1e-9) * ranked.sum())
    return torch.zeros_like(probabilities).scatter(0, ids, ranked)


def _check(
    prompt: int, context: int, max_new_tokens: int, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    problems = {
        f"max_new_tokens must be at least 1, not {max_new_tokens}.": max_new_tokens < 1,
        f"temperature must be at least 0, not {temperature}.": temperature < 0,
        f"top_k must be at least 1, not {top_k}.": top_k is not None and top_k < 1,
        f"top_p must lie between 0 and 1, not {top_p}.": top_p is not None and not 0 <= top_p <= 1,
    }
    for message, applies in problems.items():
        if applies:
            raise UserError(message)
    if prompt >= context:
        raise UserError(
            f"The prompt has {prompt} tokens, and the model sees no more than {context}.", "Shorten the prompt."
        )
