"""When memory runs short: the same step in smaller micro-batches.

A step's gradient is that of its summed losses divided by its summed counts, so it does not matter in how many pieces
the losses are computed (up to the rounding of sums, and to the random numbers that dropout draws for each piece).

A GPU refuses memory that it does not have. Linux grants it and ends the process when it is used, so on a CPU the need
is found out before the first step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch

from bakeoff import machine
from bakeoff.errors import UserError
from bakeoff.evaluation.wording import size
from bakeoff.runs.results import TrainingCost
from bakeoff.training.checkpoint import TrainingState
from bakeoff.training.learner import Batch, Learner
from bakeoff.training.precision import MasterWeights

SPARE = 0.1
"""Share of the available memory that is not planned for: other programs need some, and estimates err."""

Found = TypeVar("Found")
AnyBatch = TypeVar("AnyBatch", bound=Batch)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is how torch says that an allocation failed, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = ("DefaultCPUAllocator", "can't allocate memory")
    return isinstance(error, RuntimeError) and any(words in str(error) for words in said)


class MicroBatches:
    """How large the micro-batches of a training may be; `state` remembers it for a resume."""

    def __init__(self, state: TrainingState, say: Callable[[str], None]) -> None:
        self._state = state
        self._say = say

    def compute(self, batches: Sequence[Any], step: Callable[[Sequence[Any]], Found]) -> Found:
        """`step(batches)`; where memory runs out, again from the start with the largest of the batches halved.

        Args:
            step: Has no effect before it succeeds that it does not undo at its start.

        Raises:
            UserError: memory runs out although no batch can be divided any more.
        """
        random = _random_state()
        while True:
            parts = [part for batch in batches for part in divided(batch, self._state.micro_batch_tokens)]
            try:
                return step(parts)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                smaller = _next_size(parts)
                if smaller is None:
                    raise UserError(
                        f"There is not enough memory, although only {max(batch.tokens for batch in parts):,} tokens go "
                        f"through the model at once ({size(machine.available_memory_bytes())} are available).",
                        SAVING_MEMORY,
                    ) from None
            # Only here, outside of `except`, are the activations of the failed step free.
            machine.give_memory_back()
            _restore_random_state(random)
            self._limit(smaller, "Memory ran out")

    def look_ahead(self, learner: Learner, steps: Sequence[Sequence[Any]], still_needed: int) -> None:
        """On a CPU, choose micro-batches that fit into the memory that is available.

        Their need is that of one text, whose forward pass is measured, times their size: activations grow with the
        number of tokens. Changes no weight and no random number.

        Args:
            steps: Of an epoch.
            still_needed: Bytes that will be allocated beside the activations: gradients and the optimizer's state.
        """
        largest = max((batch for step in steps for batch in step), key=lambda batch: batch.tokens)
        text = max(divided(largest, 1), key=lambda batch: batch.tokens)
        if torch.cuda.is_available() or text.tokens >= (self._state.micro_batch_tokens or largest.tokens):
            return
        learner.model.eval()  # so that nothing counts or draws; what dropout keeps is little
        try:
            with torch.random.fork_rng(devices=[]):
                activations = machine.memory_growth(lambda: learner.loss(text))
        except Exception as error:
            if is_out_of_memory(error):
                return  # the first step will find that out, too, and say it
            raise
        available = machine.available_memory_bytes() * (1 - SPARE) - still_needed
        if activations * largest.tokens <= available * text.tokens:
            return
        fitting = max(text.tokens, int(available / activations * text.tokens))
        if available < activations:
            self._say(
                f"Memory may not suffice: one text of {text.tokens:,} tokens needs {size(activations + still_needed)} "
                f"beside the model, and {size(machine.available_memory_bytes())} are available. {SAVING_MEMORY}"
            )
        if fitting < (self._state.micro_batch_tokens or largest.tokens):
            self._limit(fitting, f"{size(int(activations * largest.tokens / text.tokens))} would be needed at once")

    def _limit(self, tokens: int, why: str) -> None:
        self._state.micro_batch_tokens = tokens
        self._say(
            f"{why}: from here on no more than {tokens:,} tokens go through the model at once. The result is the same."
        )


SAVING_MEMORY = (
    "Close other programs, or lower max_length (or hidden_size, where there is one). A language model takes less "
    "with activation_checkpointing: true, and less again as lora."
)


def divided(batch: AnyBatch, most_tokens: int | None) -> Iterator[AnyBatch]:
    """The batch, halved until no part has more than `most_tokens` or a part cannot be divided; in order."""
    halves = [batch] if most_tokens is None or batch.tokens <= most_tokens else batch.split(2)
    if len(halves) == 1:
        yield batch
        return
    for half in halves:
        yield from divided(half, most_tokens)


def by_parts(compute: Callable[[AnyBatch], Found], batch: AnyBatch) -> list[Found]:
    """`compute` of the batch, or of its parts in order where memory does not suffice for the whole."""
    try:
        return [compute(batch)]
    except Exception as error:
        halves = batch.split(2)
        if not is_out_of_memory(error) or len(halves) == 1:
            raise
    return [found for half in halves for found in by_parts(compute, half)]


def missing_bytes(weights: MasterWeights, optimizer: torch.optim.Optimizer) -> int:
    """What the first step allocates for good: fp32 gradients, and AdamW's two moments of each weight."""
    gradients = [weight for weight in weights.named.values() if weight.grad is None]
    moments = 2 * [weight for weight in weights.named.values() if weight not in optimizer.state]
    return sum(weight.numel() * weight.element_size() for weight in gradients + moments)


def memory_notes(cost: TrainingCost) -> list[str]:
    """What a reader of the result must know."""
    if cost.micro_batch_tokens is None:
        return []
    return [
        f"Memory ran short: no more than {cost.micro_batch_tokens:,} tokens went through the model at once. The losses "
        "are weighted by their counts, so the result is that of whole batches."
    ]


def _next_size(parts: Sequence[Batch]) -> int | None:
    """Tokens in the larger half of the largest part that can be divided."""
    divisible = [halves for part in parts if len(halves := part.split(2)) > 1]
    if not divisible:
        return None
    largest = max(divisible, key=lambda halves: sum(half.tokens for half in halves))
    return max(half.tokens for half in largest)


def _random_state() -> tuple[torch.Tensor, torch.Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state() if torch.cuda.is_available() else None


def _restore_random_state(state: tuple[torch.Tensor, torch.Tensor | None]) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1])
