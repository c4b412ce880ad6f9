"""Compute steps in smaller micro-batches where memory runs short.

A step's gradient is that of its summed losses divided by its summed counts, so the size of the micro-batches does not
matter (up to rounding, and to the random numbers that dropout draws for each micro-batch).

A GPU refuses memory that it does not have. Linux grants it and kills the process that uses it, so on a CPU the need is
estimated before the first step.

Several processes agree on the estimate. If memory runs out in the middle of a step, the training ends: the others are
waiting for what the step would have sent them, so that none can start over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch

from bakeoff import machine
from bakeoff.errors import NotEnoughMemoryError
from bakeoff.evaluation.wording import size
from bakeoff.runs.results import TrainingCost
from bakeoff.training import distributed, sharding, torchrun
from bakeoff.training.checkpoint import TrainingState
from bakeoff.training.learner import Batch, Learner
from bakeoff.training.precision import MasterWeights

SPARE = 0.1
"""Share of the available memory that is kept free for other programs and errors of the estimate."""

Result = TypeVar("Result")
AnyBatch = TypeVar("AnyBatch", bound=Batch)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of torch means that an allocation failed, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    messages = ("DefaultCPUAllocator", "can't allocate memory")
    return isinstance(error, RuntimeError) and any(message in str(error) for message in messages)


class MicroBatches:
    """The limit on the micro-batches of a training. `state` keeps it for a resume."""

    def __init__(self, state: TrainingState, say: Callable[[str], None]) -> None:
        self._state = state
        self._say = say

    def compute(self, batches: Sequence[Any], step: Callable[[Sequence[Any]], Result]) -> Result:
        """Return `step(batches)`. If memory runs out, start over with the largest of the batches halved.

        Args:
            step: Must undo at its start any effect of a call that failed.

        Raises:
            NotEnoughMemoryError: memory runs out although no batch can be divided any further, or there are several
                processes.
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
                if smaller is None or torchrun.world_size() > 1:
                    largest = max((batch.tokens for batch in parts), default=0)
                    raise NotEnoughMemoryError(
                        f"There is not enough memory {'even ' if smaller is None else ''}for a micro-batch of "
                        f"{largest:,} tokens ({size(machine.available_memory_bytes())} are available).",
                        SAVING_MEMORY if smaller is None else f"{IN_ONE_PROCESS} {SAVING_MEMORY}",
                    ) from None
            # The activations of the failed step are freed only here, after the `except` block.
            machine.give_memory_back()
            _restore_random_state(random)
            self._limit(smaller, "Memory ran out")

    def look_ahead(self, learner: Learner, steps: Sequence[Sequence[Any]], still_needed: int) -> None:
        """On a CPU, limit micro-batches to what fits into the available memory.

        The forward pass of one text is measured and scaled by the number of tokens, with which activations grow.
        Weights and random number generators stay as they are. Every process must call this: the smallest limit counts.

        Args:
            steps: The steps of an epoch.
            still_needed: Bytes to be allocated in addition to the activations: gradients and the optimizer's state.
        """
        largest = max((batch for step in steps for batch in step), key=lambda batch: batch.tokens)
        text = max(divided(largest, 1), key=lambda batch: batch.tokens)
        if torch.cuda.is_available() or text.tokens >= (self._state.micro_batch_tokens or largest.tokens):
            return
        learner.model.eval()  # no dropout and no running statistics; the memory of dropout masks is small
        # Layers of transformers drop their activations only where they train, and the backward pass computes one layer
        # at a time again: here, the last one keeps its own.
        layers = [module for module in learner.model.modules() if getattr(module, "gradient_checkpointing", False)]
        for layer in layers[:-1]:
            layer.training = True
        try:
            with torch.random.fork_rng(devices=[]):
                activations = machine.memory_growth(lambda: learner.loss(text))
        except Exception as error:
            if is_out_of_memory(error) and torchrun.world_size() == 1:
                return  # the first step will fail in the same way and report it
            raise
        available = machine.available_memory_bytes() / torchrun.local_world_size() * (1 - SPARE) - still_needed
        fitting = largest.tokens
        if activations * largest.tokens > available * text.tokens:
            fitting = max(text.tokens, int(available / max(1, activations) * text.tokens))
        fitting = distributed.smallest(fitting)
        if available < activations:
            self._say(
                f"There may not be enough memory: one text of {text.tokens:,} tokens needs "
                f"{size(activations + still_needed)} in addition to the model, and "
                f"{size(machine.available_memory_bytes())} are available. {SAVING_MEMORY}"
            )
        if fitting < (self._state.micro_batch_tokens or largest.tokens):
            needed = size(int(activations * largest.tokens / text.tokens))
            self._limit(fitting, f"The largest micro-batch would need {needed}")

    def _limit(self, tokens: int, why: str) -> None:
        self._state.micro_batch_tokens = tokens
        self._say(f"{why}: from now on, micro-batches have at most {tokens:,} tokens. The result is the same.")


IN_ONE_PROCESS = "Without torchrun, `bakeoff resume` goes on with smaller micro-batches. Or lower batch_size."

SAVING_MEMORY = (
    "Close other programs, or lower max_length (or hidden_size, where there is one; of setfit, batch_size). A language "
    "model needs less memory with activation_checkpointing: true, still less with method: lora, and least with its "
    "quantization: nf4."
)


def divided(batch: AnyBatch, most_tokens: int | None) -> Iterator[AnyBatch]:
    """Yield the batch in order, halved until each part has at most `most_tokens` or cannot be divided."""
    halves = [batch] if most_tokens is None or batch.tokens <= most_tokens else batch.split(2)
    if len(halves) == 1:
        yield batch
        return
    for half in halves:
        yield from divided(half, most_tokens)


def by_parts(compute: Callable[[AnyBatch], Result], batch: AnyBatch, *, in_step: bool = False) -> list[Result]:
    """Return `compute` of the batch, or of its parts in order if there is not enough memory for the whole.

    Args:
        in_step: Other processes compute with the same sharded model, and would not wait for parts.
    """
    try:
        return [compute(batch)]
    except Exception as error:
        halves = batch.split(2)
        if not is_out_of_memory(error) or len(halves) == 1 or in_step:
            raise
    return [result for half in halves for result in by_parts(compute, half)]


def missing_bytes(weights: MasterWeights, optimizer: torch.optim.Optimizer) -> int:
    """Return the bytes that the first step will allocate for good: fp32 gradients, and AdamW's two moments."""
    gradients = [weight for weight in weights.named.values() if weight.grad is None]
    moments = 2 * [weight for weight in weights.named.values() if weight not in optimizer.state]
    return sum(sharding.local(weight).nbytes for weight in gradients + moments)


def memory_notes(cost: TrainingCost) -> list[str]:
    """Return a note for the result if memory ran short."""
    if cost.micro_batch_tokens is None:
        return []
    return [
        f"Memory ran short: micro-batches had at most {cost.micro_batch_tokens:,} tokens. Their losses are weighted by "
        "their counts, so the result is that of whole batches."
    ]


def _next_size(parts: Sequence[Batch]) -> int | None:
    """Return the tokens in the larger half of the largest part that can be divided, or None if none can."""
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
