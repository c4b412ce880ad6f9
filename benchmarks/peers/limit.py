"""bakeoff's training steps beside the matrix products and the attention that they contain, computed alone.

The products of a step are recorded, and computed again on random numbers: the same shapes, strides and types, by the
same functions of torch. Steps and products take turns, so that a machine that slows down slows both.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bakeoff.lm.batching import TokenBatch
from bakeoff.methods.context import BaseModel, PlanContext
from bakeoff.methods.registry import get_language_model_method
from bakeoff.pretrained.kernels.attention import causal_attention
from bakeoff.pretrained.kernels.blocks import blocks_of_rows
from bakeoff.sections import Budget
from bakeoff.training.checkpoint import TrainingState
from bakeoff.training.optimizer import adamw
from bakeoff.training.precision import MasterWeights, choose_precision
from bakeoff.training.progress import Progress
from bakeoff.training.steps import TrainingSteps
from peers import inputs
from peers.job import Job, Measured

Call = tuple[str, tuple[tuple[tuple[int, ...], tuple[int, ...], torch.dtype], ...]]

_PRODUCTS: dict[str, Callable[..., Any]] = {
    "aten::mm": torch.mm,
    "aten::addmm": torch.addmm,
    "aten::addmm_": lambda total, left, right: total.addmm_(left, right),
    "mkldnn::_linear_pointwise": lambda rows, weight, *bias: torch.ops.mkldnn._linear_pointwise(
        rows, weight, *(bias or (None,)), "none", [], ""
    ),
}

_COLD = 64 << 20
"""Bytes of operands that take turns, so that they come from memory as in a step and not from the cache."""


def step(job: Job) -> Measured:
    """Take optimizer steps; the value is the time of products and attention alone, as a share of theirs."""
    training, steps = _training(job)
    model: Any = training.learner.model
    training.timed_step(steps[0])
    with _Recorder() as recorder:
        training.timed_step(steps[1])
    products = [_repeated(call, count) for call, count in recorder.calls.items()]
    products += [_attention(batch, model.config, model.dtype) for batch in steps[1]]
    seconds: list[list[float]] = []
    for batches in steps[2 : 2 + job.steps]:
        seconds.append([_time(partial(training.timed_step, batches)), sum(map(_time, products))])
    taken, alone = (median(column) for column in zip(*seconds, strict=True))
    return Measured(
        taken,
        sum(batch.tokens for batch in steps[1]),
        median(products / step for step, products in seconds),
        details={"products and attention alone (s)": alone, "each": seconds},
    )


def _training(job: Job) -> tuple[TrainingSteps, Sequence[Sequence[TokenBatch]]]:
    precision = choose_precision(job.precision)
    method, settings = get_language_model_method(job.method), inputs.contestant(job)
    context = PlanContext("limit", inputs.SEED, Budget(epochs=1), Progress(), BaseModel(job.model, precision))
    torch.manual_seed(inputs.SEED)
    learner = method.learner(settings, inputs.split(job), context, None)  # type: ignore[attr-defined]
    chosen = method.training_settings(settings, learner, context)  # type: ignore[attr-defined]
    weights = MasterWeights(learner.model, precision)
    training = TrainingSteps(learner, chosen, "limit", Progress(), weights, adamw(weights, chosen), TrainingState())
    return training, learner.steps(1)


class _Recorder(TorchDispatchMode):
    """Counts the matrix products that are computed, but those of attention."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[Call] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function.name() in _PRODUCTS:
            tensors = [each for each in args if isinstance(each, torch.Tensor)]
            self.calls[function.name(), tuple((tuple(t.shape), t.stride(), t.dtype) for t in tensors)] += 1
        return function(*args, **(kwargs or {}))


def _repeated(call: Call, count: int) -> Callable[[], None]:
    """Return a function that computes a product so many times."""
    name, shapes = call
    size = sum(torch.Size(shape).numel() * dtype.itemsize for shape, _, dtype in shapes)
    copies = [
        [torch.empty_strided(shape, stride, dtype=dtype).normal_(0, 0.01) for shape, stride, dtype in shapes]
        for _ in range(max(1, min(count, _COLD // size)))
    ]

    def compute() -> None:
        for number in range(count):
            _PRODUCTS[name](*copies[number % len(copies)])

    return compute


def _attention(batch: TokenBatch, config: Any, dtype: torch.dtype) -> Callable[[], None]:
    """Return a function that computes the attention of every layer on a batch, forward and backward."""
    rows, length = batch.input_ids.shape
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads = (config.num_attention_heads, *2 * [getattr(config, "num_key_value_heads", config.num_attention_heads)])
    positions = torch.arange(length)[None] if batch.position_ids is None else batch.position_ids
    copies = [[torch.randn(rows, count, length, size).to(dtype).requires_grad_() for count in heads] for _ in range(2)]
    outer = torch.randn(rows, length, heads[0], size).to(dtype)

    def compute() -> None:
        blocks = blocks_of_rows(positions, dtype)[0]
        for number in range(config.num_hidden_layers):
            inputs = copies[number % 2]
            attended = causal_attention(*inputs, blocks=blocks, scaling=size**-0.5)
            torch.autograd.grad(attended, inputs, outer)

    return compute


def _time(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
