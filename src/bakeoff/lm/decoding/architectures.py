"""Read a model's matrices, norms and positions into one form, whatever the model calls them.

Two families are supported: Llama's (Llama, SmolLM2, Mistral, Qwen2, Qwen3: rotary positions, RMS norms, a gated
feed-forward network) and GPT-2's (learned positions, layer norms). An unforeseen variant may be read wrongly, so the
decoder compares its logits with the model's own before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

LLAMA_FAMILY = ("llama", "mistral", "qwen2", "qwen3")


@dataclass(frozen=True)
class Linear:
    """`x @ weight.T + bias`, or several such products of the same x, concatenated."""

    weights: tuple[torch.Tensor, ...]  # each fp32, shape (out, in)
    bias: torch.Tensor | None  # of all products together, shape (sum of out,)


@dataclass(frozen=True)
class Norm:
    """A layer norm, or an RMS norm if it has no bias."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    epsilon: float


@dataclass(frozen=True)
class Layer:
    """One block: attention, then a feed-forward network."""

    attention_norm: Norm
    query_key_value: Linear
    query_norm: Norm | None  # over each head
    key_norm: Norm | None
    attention_output: Linear
    feed_forward_norm: Norm
    up: Linear  # gate and up together if the network is gated
    down: Linear
    gated: bool
    attention_scale: float


@dataclass(frozen=True)
class Architecture:
    """A decoder-only transformer with pre-norms. `layers` yields one at a time to save memory."""

    layer_count: int
    heads: int
    key_value_heads: int
    head_size: int
    hidden_size: int
    activation: str  # silu | gelu_tanh | gelu
    final_norm: Norm
    head: Linear
    embed: Callable[[torch.Tensor, int], torch.Tensor]  # ids (length,), first position -> (length, hidden_size)
    rotation: Callable[[int], tuple[torch.Tensor, torch.Tensor]] | None  # length -> cos, sin: (length, head_size) each
    layers: Callable[[], Iterator[Layer]]


def read_architecture(model: Any, context_length: int) -> Architecture | None:
    """Return the architecture of a transformers model in fp32, or None if its family is not supported."""
    kind = model.config.model_type
    if kind in LLAMA_FAMILY:
        return _llama(model, context_length)
    if kind == "gpt2" and not model.config.add_cross_attention:
        return _gpt2(model)
    return None


_ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu": "gelu",
}
_FIXED_ROTATIONS = ("default", "linear", "llama3", "yarn")  # the others depend on the length of the text


def _llama(model: Any, context_length: int) -> Architecture | None:
    config, backbone = model.config, model.model
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if (
        config.hidden_act not in _ACTIVATIONS
        or backbone.rotary_emb.rope_type not in _FIXED_ROTATIONS
        or (window is not None and window < context_length)
    ):
        return None

    def rotation(length: int) -> tuple[torch.Tensor, torch.Tensor]:
        cosine, sine = backbone.rotary_emb(torch.zeros(1), torch.arange(length)[None])
        return cosine[0], sine[0]

    def layers() -> Iterator[Layer]:
        for layer in backbone.layers:
            attention, network = layer.self_attn, layer.mlp
            yield Layer(
                attention_norm=_rms(layer.input_layernorm),
                query_key_value=_linear(attention.q_proj, attention.k_proj, attention.v_proj),
                query_norm=_rms(attention.q_norm) if hasattr(attention, "q_norm") else None,
                key_norm=_rms(attention.k_norm) if hasattr(attention, "k_norm") else None,
                attention_output=_linear(attention.o_proj),
                feed_forward_norm=_rms(layer.post_attention_layernorm),
                up=_linear(network.gate_proj, network.up_proj),
                down=_linear(network.down_proj),
                gated=True,
                attention_scale=attention.scaling,
            )

    return Architecture(
        layer_count=len(backbone.layers),
        heads=config.num_attention_heads,
        key_value_heads=config.num_key_value_heads,
        head_size=backbone.layers[0].self_attn.head_dim,
        hidden_size=config.hidden_size,
        activation=_ACTIVATIONS[config.hidden_act],
        final_norm=_rms(backbone.norm),
        head=_linear(model.lm_head),
        embed=lambda ids, start: backbone.embed_tokens(ids),
        rotation=rotation,
        layers=layers,
    )


def _gpt2(model: Any) -> Architecture | None:
    config, backbone = model.config, model.transformer
    if config.activation_function not in _ACTIVATIONS:
        return None

    def embed(ids: torch.Tensor, start: int) -> torch.Tensor:
        embedded: torch.Tensor = backbone.wte(ids) + backbone.wpe.weight[start : start + len(ids)]
        return embedded

    def layers() -> Iterator[Layer]:
        for layer in backbone.h:
            yield Layer(
                attention_norm=_layer_norm(layer.ln_1),
                query_key_value=_transposed(layer.attn.c_attn),
                query_norm=None,
                key_norm=None,
                attention_output=_transposed(layer.attn.c_proj),
                feed_forward_norm=_layer_norm(layer.ln_2),
                up=_transposed(layer.mlp.c_fc),
                down=_transposed(layer.mlp.c_proj),
                gated=False,
                attention_scale=layer.attn.scaling,
            )

    return Architecture(
        layer_count=len(backbone.h),
        heads=config.n_head,
        key_value_heads=config.n_head,
        head_size=config.n_embd // config.n_head,
        hidden_size=config.n_embd,
        activation=_ACTIVATIONS[config.activation_function],
        final_norm=_layer_norm(backbone.ln_f),
        head=_linear(model.lm_head),
        embed=embed,
        rotation=None,
        layers=layers,
    )


def _linear(*modules: Any) -> Linear:
    bias = None
    if any(module.bias is not None for module in modules):
        zeros = [torch.zeros(module.out_features) for module in modules]
        bias = torch.cat([zero if m.bias is None else m.bias for m, zero in zip(modules, zeros, strict=True)])
    return Linear(tuple(module.weight for module in modules), bias)


def _transposed(module: Any) -> Linear:
    """Return the layer of GPT-2's Conv1D, which stores its weight as (in, out)."""
    return Linear((module.weight.T,), module.bias)


def _rms(module: Any) -> Norm:
    return Norm(module.weight, None, module.variance_epsilon)


def _layer_norm(module: Any) -> Norm:
    return Norm(module.weight, module.bias, module.eps)
