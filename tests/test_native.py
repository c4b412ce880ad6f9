"""In bf16, the kernels in C are as near to the exact result as torch's operations, which take their place elsewhere."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Callable

import pytest
import torch
import transformers

from bakeoff import native
from bakeoff.lm import loss
from bakeoff.lm.loss import cross_entropies, summed_cross_entropy
from bakeoff.pretrained.kernels import encoder_attention
from bakeoff.pretrained.kernels.attention import causal_attention
from bakeoff.pretrained.kernels.blocks import BLOCK, blocks_of_rows
from bakeoff.pretrained.kernels.dropout import dropped, random_bits
from bakeoff.pretrained.kernels.install import install_kernels
from bakeoff.pretrained.kernels.mlp import install_mlp
from bakeoff.pretrained.kernels.norm import install_norm
from bakeoff.sections import Budget
from bakeoff.training.learner import TrainingSettings
from bakeoff.training.optimizer import adamw, allocate_averages, update
from bakeoff.training.precision import MasterWeights
from tests.pretrained.kernels.test_install import IDS, adapted, llama, loss_and_gradients

compiled = pytest.mark.skipif(native._library() is None, reason="there is no C compiler")

Computed = list[torch.Tensor]


def check(compute: Callable[[torch.dtype], Computed], monkeypatch: pytest.MonkeyPatch, slack: float = 1.1) -> None:
    """Compare both ways in bf16 with the exact results in fp64."""
    torch.manual_seed(0)
    exact = compute(torch.float64)
    run, used = native.run, []
    monkeypatch.setattr(native, "run", lambda name, *arguments: (used.append(name), run(name, *arguments)))
    ours = errors(compute(torch.bfloat16), exact)
    assert used
    monkeypatch.setattr(native, "_library", lambda: None)
    theirs = errors(compute(torch.bfloat16), exact)
    assert ours.max() < 0.1
    assert ours.norm() <= slack * theirs.norm() + 1e-3


def errors(found: Computed, exact: Computed) -> torch.Tensor:
    """Return the relative error of each tensor."""
    return torch.stack([(one.double() - right).norm() / right.norm() for one, right in zip(found, exact, strict=True)])


def values(*shape: int, dtype: torch.dtype, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    """Return the same numbers, which bf16 holds, in any dtype."""
    random = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale
    return random.bfloat16().to(dtype).requires_grad_()


def with_gradients(output: torch.Tensor, inputs: Computed) -> Computed:
    outer = values(*output.shape, dtype=output.dtype, seed=9).detach()
    return [output.detach(), *torch.autograd.grad(output, inputs, outer)]


@compiled
@pytest.mark.parametrize("columns", [48, 61])
def test_norm(monkeypatch, columns):
    def compute(dtype: torch.dtype) -> Computed:
        norm = transformers.models.llama.modeling_llama.LlamaRMSNorm(columns).to(dtype)
        norm.weight.data = values(columns, dtype=dtype, seed=1).detach()
        if dtype == torch.bfloat16:
            install_norm(norm)
        inputs = values(3, 41, columns, dtype=dtype)
        return with_gradients(norm(inputs), [inputs, norm.weight])

    check(compute, monkeypatch)


@compiled
@pytest.mark.parametrize("trained", [True, False])
def test_gated_layer(monkeypatch, trained):
    def compute(dtype: torch.dtype) -> Computed:
        torch.manual_seed(2)
        config = transformers.LlamaConfig(hidden_size=24, intermediate_size=43, num_attention_heads=4)
        layer = transformers.models.llama.modeling_llama.LlamaMLP(config).bfloat16().to(dtype)
        install_mlp(layer)
        layer.down_proj.weight.requires_grad_(trained)
        inputs = values(7, 33, 24, dtype=dtype, scale=4.0)
        return with_gradients(layer(inputs), [inputs, *filter(lambda weight: weight.requires_grad, layer.parameters())])

    check(compute, monkeypatch)


@compiled
def test_attention(monkeypatch):
    positions = torch.cat([torch.arange(20), 20 + torch.arange(BLOCK), 20 + torch.arange(70)])[None]

    def compute(dtype: torch.dtype) -> Computed:
        inputs = [values(1, count, positions.shape[1], 8, dtype=dtype, seed=count) for count in (6, 2, 2)]
        blocks = blocks_of_rows(positions, dtype)[0]
        return with_gradients(causal_attention(*inputs, blocks=blocks, scaling=0.4), inputs)

    check(compute, monkeypatch)


@compiled
@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_attention_of_an_encoder(monkeypatch, padding, dropout):
    visible = torch.arange(53)[None, None, None] < torch.tensor([53, 1, 40])[:, None, None, None] if padding else None
    monkeypatch.setattr(encoder_attention, "_SCORES", 2 * 53**2)  # two heads at a time

    def compute(dtype: torch.dtype) -> Computed:
        torch.manual_seed(3)  # the same weights are dropped each time
        inputs = [values(3, 5, 53, 8, dtype=dtype, seed=seed) for seed in range(3)]
        attended = encoder_attention.encoder_attention(*inputs, visible=visible, scaling=0.4, dropout=dropout)
        return with_gradients(attended, inputs)

    check(compute, monkeypatch)


@compiled
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_cross_entropy(monkeypatch, scale):
    targets = torch.arange(37) * 5 % 211
    monkeypatch.setattr(loss, "SLAB_IDS", 50)
    monkeypatch.setattr(loss, "SLAB_BYTES", 0)

    def compute(dtype: torch.dtype) -> Computed:
        hidden, weight = values(37, 16, dtype=dtype, scale=scale), values(211, 16, dtype=dtype, seed=1)
        total = summed_cross_entropy(hidden, weight, None, targets)
        losses = cross_entropies(hidden.detach(), weight.detach(), None, targets)
        return [total.detach(), losses, *torch.autograd.grad(total, [hidden, weight])]

    check(compute, monkeypatch)


@compiled
@pytest.mark.parametrize("factor", [1.0, 1.25])
def test_dropout(monkeypatch, factor):
    inputs = values(9, 31, dtype=torch.bfloat16).detach()
    mask = (torch.arange(inputs.numel()).view(inputs.shape) % 3 > 0).to(torch.int8)

    ours = dropped(inputs, mask, factor)
    monkeypatch.setattr(native, "_library", lambda: None)

    assert torch.equal(ours, dropped(inputs, mask, factor))


@compiled
def test_the_same_random_bits(monkeypatch):
    def drawn() -> Computed:
        torch.manual_seed(4)
        return list(random_bits([7, 4000, 12, 3999, 1]))

    ours = drawn()
    monkeypatch.setattr(native, "_library", lambda: None)

    assert all(map(torch.equal, ours, drawn()))


@compiled
def test_gradients_of_micro_batches_add_up(monkeypatch):
    def summed() -> torch.Tensor:
        layer = torch.nn.Linear(30, 70)
        weights = MasterWeights(layer, "bf16")
        weights.zero_gradients()
        for seed in range(3):
            layer(values(5, 30, dtype=torch.bfloat16, seed=seed)).square().sum().backward()
        weights.finish_gradients()
        return weights.named["weight"].grad

    torch.manual_seed(5)
    ours = summed()
    monkeypatch.setattr(native, "_library", lambda: None)
    torch.manual_seed(5)

    assert torch.equal(ours, summed())


@compiled
def test_what_is_no_number_is_not_hidden():
    hidden, weight = torch.randn(4, 16).bfloat16(), torch.randn(50, 16).bfloat16()
    hidden[2, 3] = torch.nan

    losses = cross_entropies(hidden, weight, None, torch.arange(4))

    assert losses.isnan().tolist() == [False, False, True, False]


@compiled
@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize("packed", [False, True], ids=["rows", "packed"])
def test_a_whole_model(monkeypatch, lora, packed):
    positions = {"position_ids": torch.cat([torch.arange(50), torch.arange(100)])[None]} if packed else {}
    ids = IDS.view(1, -1) if packed else IDS
    model = (adapted(llama()) if lora else llama()).eval().bfloat16()

    def compute(dtype: torch.dtype) -> Computed:
        copied = copy.deepcopy(model).to(dtype)
        if dtype == torch.bfloat16:
            install_kernels(copied)
        loss, gradients = loss_and_gradients(copied, input_ids=ids, labels=ids, use_cache=False, **positions)
        return [loss, *gradients.values()]

    check(compute, monkeypatch, slack=1.2)


def test_without_a_compiler_torch_computes(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert native._library.__wrapped__() is None


@compiled
def test_a_compiler_that_fails_is_as_good_as_none(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def fail(*arguments: object, **settings: object) -> None:
        raise subprocess.CalledProcessError(1, "cc")

    monkeypatch.setattr(subprocess, "run", fail)

    assert native._library.__wrapped__() is None


@compiled
@pytest.mark.parametrize("gradient_clip", [None, 0.1])
def test_adamw(monkeypatch, gradient_clip):
    settings = TrainingSettings(Budget(epochs=1), learning_rate=0.01, weight_decay=0.1)

    def trained(steps: int) -> tuple[MasterWeights, torch.optim.AdamW]:
        torch.manual_seed(0)
        weights = MasterWeights(torch.nn.Sequential(torch.nn.Linear(300, 250), torch.nn.Linear(250, 1)), "bf16")
        optimizer = adamw(weights, settings)
        allocate_averages(optimizer)
        for _ in range(steps):
            for weight in weights.named.values():
                weight.grad = torch.randn_like(weight)
            update(weights, optimizer, gradient_clip)
        return weights, optimizer

    weights, optimizer = trained(3)
    monkeypatch.setattr(native, "_library", lambda: None)
    expected, plain = trained(3)
    for name, weight in expected.named.items():
        torch.testing.assert_close(weights.named[name], weight)
        torch.testing.assert_close(optimizer.state[weights.named[name]], plain.state[weight])
        image, right = weights.rounded[weights.named[name]], expected.rounded[weight]
        assert (image != right).float().mean() < 1e-3  # a weight at the border between two roundings
