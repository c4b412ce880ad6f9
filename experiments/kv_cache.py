"""A KV cache saves recomputation when generating.

**Measured:** the same model continues the same prompt greedily, with a cache of keys and values and without (then it
reads the whole text again for every token). The texts must be equal, token by token. Operations of the matrix
products are counted, seconds taken in turns, and exponents are slopes by the number of tokens. With a cache they are
expected near 1, and without near 2 (both more once attention outweighs the layers). Small models spend most of their
time outside the products, so their times grow more slowly than their counts. The second table has the bytes that the
cache holds. In training, all tokens of a text are known and one pass predicts all of them: the loss costs the same
number of operations with a cache as without.

**Rule:** the statement holds if the texts are equal, and generation without a cache has a counted exponent at least
0.5 larger and takes at least 1.2 times as long at the greatest length, for every model. It depends if the texts are
equal and only one of the other two is so, or not for every model. Otherwise it does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, islice
from typing import Any

import torch

from bakeoff import load_language_model
from bakeoff.lm.forward import CausalForward
from bakeoff.lm.tokens import prompt_tokens
from experiments.shared import (
    Exponent,
    Result,
    SizeName,
    Table,
    Verdict,
    fit_exponent,
    new_figure,
    operations,
    plot_growth,
    si,
    time_in_turns,
)

PROMPT = "Once upon a time, there was"


@dataclass(frozen=True)
class Size:
    lengths: dict[str, tuple[int, ...]]  # new tokens, by model
    rounds: int


SIZES: dict[SizeName, Size] = {
    "tiny": Size({"stories260k": (4, 8, 16)}, 1),
    "quick": Size({"stories260k": (32, 64, 128, 192)}, 3),
    "full": Size({"stories260k": (32, 64, 128, 256, 480), "smollm2-135m": (16, 32, 64)}, 3),
}


@dataclass(frozen=True)
class ModelFindings:
    """What was found for one model; lists by length."""

    name: str
    lengths: tuple[int, ...]
    same_text: bool
    counts: dict[str, list[int]]  # by `cache` and `none`
    seconds: dict[str, list[float]]
    cache_bytes: list[int]
    training_counts: tuple[int, int]  # operations of one pass over the longest text, without and with a cache

    def exponent(self, way: str) -> Exponent:
        return fit_exponent(self.lengths, self.counts[way])

    @property
    def time_ratio(self) -> float:
        """Time without a cache divided by that with one, at the greatest length."""
        return self.seconds["none"][-1] / self.seconds["cache"][-1]


def continued(forward: CausalForward, prompt: list[int], *, cached: bool) -> Iterator[tuple[int, Any]]:
    """Yield the most probable next tokens without end, and the cache of keys and values (None if there is none)."""
    ids, waiting, cache = list(prompt), list(prompt), None
    while True:
        logits, new = forward.next_logits(torch.tensor([waiting if cached else ids]), cache)
        cache = new if cached else None
        waiting = [int(logits.argmax())]
        ids += waiting
        yield waiting[0], cache


def generate(forward: CausalForward, prompt: list[int], tokens: int, *, cached: bool) -> list[int]:
    """Return so many tokens of the continuation."""
    return [token for token, _ in islice(continued(forward, prompt, cached=cached), tokens)]


def walk(
    forward: CausalForward, prompt: list[int], tokens: int, *, cached: bool
) -> tuple[list[int], list[int], list[int]]:
    """Return the tokens, and after each of them the operations so far and the bytes of the cache."""
    steps = continued(forward, prompt, cached=cached)
    texts: list[int] = []
    held: list[int] = []

    def step() -> None:
        token, cache = next(steps)
        texts.append(token)
        held.append(cache_bytes(cache) if cached else 0)

    counts = list(accumulate(operations(step) for _ in range(tokens)))
    return texts, counts, held


def decide(findings: list[ModelFindings]) -> tuple[Verdict, str]:
    """Apply the rule."""
    said = " ".join(
        f"{found.name}: {'the same' if found.same_text else 'another'} text; counted exponents "
        f"{found.exponent('cache').value:.2f} with a cache and {found.exponent('none').value:.2f} without, "
        f"{found.time_ratio:.1f} times the time without at {found.lengths[-1]} tokens."
        for found in findings
    )
    if not all(found.same_text for found in findings):
        return "does not hold", said
    signs = [
        sign
        for found in findings
        for sign in (found.exponent("none").value >= found.exponent("cache").value + 0.5, found.time_ratio >= 1.2)
    ]
    return ("holds" if all(signs) else "depends" if any(signs) else "does not hold"), said


def measure(name: str, lengths: tuple[int, ...], rounds: int) -> ModelFindings:
    """Generate with a cache and without."""
    model = load_language_model(name)
    prompt = prompt_tokens(model.tokenizer, PROMPT)
    ways = {"cache": True, "none": False}
    tasks = {
        (way, length): partial(generate, model.forward, prompt, length, cached=cached)
        for length in lengths
        for way, cached in ways.items()
    }
    seconds = time_in_turns(tasks, rounds)
    walked = {way: walk(model.forward, prompt, lengths[-1], cached=cached) for way, cached in ways.items()}
    ids = torch.tensor([[*prompt, *walked["cache"][0]]])
    passes = [operations(partial(model.model, input_ids=ids, labels=ids, use_cache=use)) for use in (False, True)]
    return ModelFindings(
        name,
        lengths,
        walked["cache"][0] == walked["none"][0],
        {way: [walked[way][1][length - 1] for length in lengths] for way in ways},
        {way: [seconds[way, length] for length in lengths] for way in ways},
        [walked["cache"][2][length - 1] for length in lengths],
        (passes[0], passes[1]),
    )


def cache_bytes(cache: Any) -> int:
    """Return the bytes of the keys and values that a cache of transformers holds."""
    return sum(part.nbytes for layer in cache.layers for part in (layer.keys, layer.values))


def run(name: SizeName) -> Result:
    size = SIZES[name]
    with torch.no_grad():
        findings = [measure(model, lengths, size.rounds) for model, lengths in size.lengths.items()]
    verdict, reason = decide(findings)
    words = {"cache": "with", "none": "without"}
    rows = [
        [found.name, words[way], str(found.exponent(way)), str(fit_exponent(found.lengths, found.seconds[way]))]
        for found in findings
        for way in words
    ]
    by_length = [
        [
            f"{found.name}, {length}",
            si(found.counts["cache"][place]),
            si(found.counts["none"][place]),
            f"{found.seconds['cache'][place]:.3f}",
            f"{found.seconds['none'][place]:.3f}",
            si(found.cache_bytes[place]),
        ]
        for found in findings
        for place, length in enumerate(found.lengths)
    ]
    training = [[found.name, *map(si, found.training_counts)] for found in findings]
    figure, axes = new_figure(len(findings))
    for found, panel in zip(findings, axes, strict=True):
        lines = {f"{words[way]} cache": (found.lengths, found.seconds[way]) for way in words}
        plot_growth(panel, lines, f"new tokens, {found.name}", "seconds")
    return Result(
        verdict,
        reason,
        [
            Table("Fitted exponents by new tokens", ["model", "cache", "operations", "time"], rows),
            Table(
                "Counts, times and memory",
                ["model, tokens", "operations with", "without", "seconds with", "without", "bytes of the cache"],
                by_length,
            ),
            Table("One pass of training over the longest text", ["model", "without", "with"], training),
        ],
        figure,
        "Time of generation by new tokens, with a cache and without.",
    )
