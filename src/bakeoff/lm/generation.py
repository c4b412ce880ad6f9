"""Writing: one token at a time with a cache of keys and values, as text as soon as it is certain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from bakeoff.errors import UserError
from bakeoff.lm.tokens import prompt_tokens

if TYPE_CHECKING:
    from bakeoff.lm.language_model import LanguageModel


def stream_text(
    language_model: LanguageModel,
    prompt: str,
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> Iterator[str]:
    """The continuation of a prompt, piece by piece; `LanguageModel.stream` describes the arguments."""
    prompt_ids = prompt_tokens(language_model.tokenizer, prompt)
    new_ids = stream_tokens(
        language_model,
        prompt_ids,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
    )
    return text_pieces(language_model.tokenizer, prompt_ids, new_ids)


def stream_tokens(
    language_model: LanguageModel,
    prompt_ids: list[int],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> Iterator[int]:
    """Ids of the continuation, without the end-of-text token that ends it.

    Raises:
        UserError: the prompt fills the context, or a setting is out of its range.
    """
    _check(len(prompt_ids), language_model.context_length, max_new_tokens, temperature, top_k, top_p)
    return _stream_tokens(language_model, prompt_ids, max_new_tokens, temperature, top_k, top_p, seed)


def _stream_tokens(
    language_model: LanguageModel,
    prompt_ids: list[int],
    max_new_tokens: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    seed: int,
) -> Iterator[int]:
    forward = language_model.forward
    ends = end_tokens(language_model.model, language_model.tokenizer)
    random = torch.Generator().manual_seed(seed)
    waiting, cache = prompt_ids, None
    for _ in range(min(max_new_tokens, language_model.context_length - len(prompt_ids))):
        logits, cache = forward.next_logits(torch.tensor([waiting], device=forward.device), cache)
        greedy = temperature == 0
        token = int(logits.argmax()) if greedy else draw(logits.cpu(), temperature, top_k, top_p, random)
        if token in ends:
            return
        yield token
        waiting = [token]


def draw(
    logits: torch.Tensor, temperature: float, top_k: int | None, top_p: float | None, random: torch.Generator
) -> int:
    """Draw a token: temperature, then top-k (Fan et al. 2018), then nucleus sampling (Holtzman et al. 2020).

    Args:
        logits: fp32, shape (vocabulary,).
    """
    logits, ids = (logits / temperature).sort(descending=True, stable=True)
    if top_k is not None:
        logits, ids = logits[:top_k], ids[:top_k]
    probabilities = logits.softmax(-1)
    if top_p is not None:
        # A token stays if those before it do not reach top_p yet, so that the first one always stays.
        probabilities = probabilities * (probabilities.cumsum(-1) - probabilities < max(top_p, 1e-9))
    return int(ids[torch.multinomial(probabilities, 1, generator=random)])


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Tokens that end a text, by the model's generation settings and by its tokenizer."""
    ends = model.generation_config.eos_token_id if model.generation_config is not None else None
    ends = ends if isinstance(ends, list) else [ends]
    return {int(end) for end in [*ends, tokenizer.eos_token_id] if end is not None}


def text_pieces(tokenizer: Any, prompt_ids: list[int], new_ids: Iterator[int]) -> Iterator[str]:
    """The text of new tokens after a prompt.

    A token is not a piece of text by itself: a character may be spread over several, and whether a word begins with a
    space may depend on the token before it. So the last few tokens are decoded again with each new one, and the text
    that was added is passed on unless it ends in an unfinished character.
    """
    ids = list(prompt_ids)
    begin, passed_on = max(0, len(ids) - 8), len(ids)
    for token in new_ids:
        ids.append(token)
        before = tokenizer.decode(ids[begin:passed_on], skip_special_tokens=True)
        after = tokenizer.decode(ids[begin:], skip_special_tokens=True)
        if len(after) > len(before) and not after.endswith("\N{REPLACEMENT CHARACTER}"):
            yield after[len(before) :]
            begin, passed_on = max(begin, passed_on - 8), len(ids)
    before = tokenizer.decode(ids[begin:passed_on], skip_special_tokens=True)
    rest = tokenizer.decode(ids[begin:], skip_special_tokens=True)[len(before) :]
    if rest:
        yield rest


def _check(
    prompt: int, context: int, max_new_tokens: int, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    wrong = {
        f"max_new_tokens must be at least 1, not {max_new_tokens}.": max_new_tokens < 1,
        f"temperature must be at least 0, not {temperature}.": temperature < 0,
        f"top_k must be at least 1, not {top_k}.": top_k is not None and top_k < 1,
        f"top_p must lie between 0 and 1, not {top_p}.": top_p is not None and not 0 <= top_p <= 1,
    }
    for message, holds in wrong.items():
        if holds:
            raise UserError(message)
    if prompt >= context:
        raise UserError(
            f"The prompt has {prompt} tokens, and the model sees no more than {context}.", "Shorten the prompt."
        )
