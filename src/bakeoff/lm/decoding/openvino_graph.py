"""One step of a decoder-only transformer as an OpenVINO graph: tokens in, logits and new keys and values out.

The graph only reads the cache of keys and values, with a mask for rows that are still empty, and returns the new rows
as an output. So a rejected draft leaves no trace, and two graphs (exact and draft) can share one cache.

The graph is written operation by operation. OpenVINO's own converter would trace the model, which takes longer and
depends on the internals of transformers, and it reports its use over the network by default.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from bakeoff.lm.decoding.architectures import Architecture, Layer, Linear, Norm

Weights = Literal["fp32", "int8"]

SLAB = 128  # rows rounded at a time, so that intermediate results stay in the CPU's cache


def build_graph(architecture: Architecture, weights: Weights, *, room: int | None = None) -> Any:
    """Build the graph, an `openvino.Model`.

    Args:
        room: Tokens that every cache has room for. The graph then takes one token at a time, in 15 % less time because
            all shapes are known. Absent: any number of tokens and any room.

    Inputs for `length` new tokens after a cache with room for `room` tokens, all fp32 except `wanted` (int64):
        hidden: Embedded tokens, shape (length, hidden_size).
        cos, sin: Only with rotary positions, shape (length, head_size).
        mask: Added to the scores, shape (heads / key_value_heads * length, room + length).
        wanted: Indices of the new tokens whose logits are wanted, shape (wanted,).
        key.N, value.N: The cache of layer N, shape (key_value_heads, room, head_size).
    Outputs:
        logits: Shape (wanted, vocabulary).
        added: New keys and values, shape (layers * 2 * key_value_heads, length, head_size).
    """
    return _Builder(architecture, weights).build(*((-1, -1) if room is None else (1, room)))


class _Builder:
    def __init__(self, architecture: Architecture, weights: Weights) -> None:
        import openvino
        from openvino import opset13

        self.openvino = openvino
        self.ops = opset13
        self.architecture = architecture
        self.weights = weights

    def build(self, length: int, room: int) -> Any:
        """Build the graph; -1 leaves a dimension open."""
        a, ops = self.architecture, self.ops
        float32 = self.openvino.Type.f32
        mask_shape = [-1, -1] if length == -1 else [a.heads // a.key_value_heads * length, room + length]
        hidden = ops.parameter([length, a.hidden_size], float32, name="hidden")
        mask = ops.parameter(mask_shape, float32, name="mask")
        wanted = ops.parameter([length], self.openvino.Type.i64, name="wanted")
        inputs = [hidden, mask, wanted]
        rotation = None
        if a.rotation is not None:
            tables = [ops.parameter([length, a.head_size], float32, name=name) for name in ("cos", "sin")]
            inputs += tables
            rotation = [ops.unsqueeze(table, self._integers(1)) for table in tables]
        added = []
        state = hidden
        for number, layer in enumerate(a.layers()):
            cache = [
                ops.parameter([a.key_value_heads, room, a.head_size], float32, name=f"{name}.{number}")
                for name in ("key", "value")
            ]
            inputs += cache
            attended, key, value = self._attention(
                layer, self._norm(state, layer.attention_norm), rotation, mask, cache
            )
            added += [key, value]
            state = ops.add(state, attended)
            state = ops.add(state, self._feed_forward(layer, self._norm(state, layer.feed_forward_norm)))
        state = self._norm(ops.gather(state, wanted, self._integers(0)), a.final_norm)
        logits = self._linear(state, a.head)
        return self.openvino.Model([logits, ops.concat(added, 0)], inputs, f"decoder-{self.weights}")

    def _attention(self, layer: Layer, state: Any, rotation: Any, mask: Any, cache: list[Any]) -> tuple[Any, Any, Any]:
        a, ops = self.architecture, self.ops
        groups = a.heads // a.key_value_heads
        joint = self._linear(state, layer.query_key_value)
        joint = ops.reshape(joint, self._integers([0, a.heads + 2 * a.key_value_heads, a.head_size]), True)
        query, key, value = ops.variadic_split(
            joint, self._integers(1), self._integers([a.heads, a.key_value_heads, a.key_value_heads])
        ).outputs()
        if layer.query_norm is not None:
            query = self._norm(query, layer.query_norm)
        if layer.key_norm is not None:
            key = self._norm(key, layer.key_norm)
        if rotation is not None:
            query, key = self._rotate(query, rotation), self._rotate(key, rotation)
        # Heads that share keys and values become rows of one product: (key_value_heads, groups * length, size).
        query = ops.multiply(query, self._floats(layer.attention_scale))
        query = ops.reshape(query, self._integers([0, a.key_value_heads, groups, a.head_size]), True)
        query = ops.transpose(query, self._integers([1, 2, 0, 3]))
        query = ops.reshape(query, self._integers([a.key_value_heads, -1, a.head_size]), False)
        key, value = (ops.transpose(state, self._integers([1, 0, 2])) for state in (key, value))
        # Separate products for cache and new rows: concatenating them would copy the whole cache at every step.
        old, new = cache[0], key
        scores = ops.concat([ops.matmul(query, old, False, True), ops.matmul(query, new, False, True)], 2)
        attention = ops.softmax(ops.add(scores, mask), -1)
        room = ops.gather(ops.shape_of(cache[0]), self._integers([1]), self._integers(0))
        lengths = ops.concat([room, self._integers([-1])], 0)
        attention_old, attention_new = ops.variadic_split(attention, self._integers(2), lengths).outputs()
        mixed = ops.add(
            ops.matmul(attention_old, cache[1], False, False), ops.matmul(attention_new, value, False, False)
        )
        mixed = ops.reshape(mixed, self._integers([a.heads, -1, a.head_size]), False)
        mixed = ops.reshape(ops.transpose(mixed, self._integers([1, 0, 2])), self._integers([0, -1]), True)
        return self._linear(mixed, layer.attention_output), key, value

    def _rotate(self, heads: Any, rotation: Any) -> Any:
        """Apply rotary positions (Su et al. 2021); the two halves of a head are the two coordinates."""
        ops, half = self.ops, self.architecture.head_size // 2
        first, second = ops.variadic_split(heads, self._integers(2), self._integers([half, half])).outputs()
        turned = ops.concat([ops.multiply(second, self._floats(-1.0)), first], 2)
        return ops.add(ops.multiply(heads, rotation[0]), ops.multiply(turned, rotation[1]))

    def _feed_forward(self, layer: Layer, state: Any) -> Any:
        ops, act = self.ops, self.architecture.activation
        up = self._linear(state, layer.up)
        gate = up
        if layer.gated:
            gate, up = ops.split(up, self._integers(1), 2).outputs()
        gate = ops.swish(gate) if act == "silu" else ops.gelu(gate, "tanh" if act == "gelu_tanh" else "erf")
        return self._linear(ops.multiply(gate, up) if layer.gated else gate, layer.down)

    def _norm(self, state: Any, norm: Norm) -> Any:
        ops = self.ops
        epsilon, last = self._floats(norm.epsilon), self._integers([-1])
        if norm.bias is not None:
            state = ops.mvn(state, last, True, norm.epsilon, "inside_sqrt")
            return ops.add(ops.multiply(state, self._constant(norm.weight)), self._constant(norm.bias))
        mean = ops.reduce_mean(ops.power(state, self._floats(2.0)), last, True)
        state = ops.multiply(state, ops.divide(self._floats(1.0), ops.sqrt(ops.add(mean, epsilon))))
        return ops.multiply(state, self._constant(norm.weight))

    def _linear(self, state: Any, linear: Linear) -> Any:
        ops = self.ops
        weight = torch.cat(linear.weights) if len(linear.weights) > 1 else linear.weights[0]
        product = ops.matmul(state, self._matrix(weight), False, True)
        return product if linear.bias is None else ops.add(product, self._constant(linear.bias))

    def _matrix(self, weight: torch.Tensor) -> Any:
        if self.weights == "fp32":
            return self._constant(weight)
        # Symmetric, one scale per row: the arithmetic stays in fp32, only reading the weights gets four times cheaper.
        rounded, scales = torch.empty(weight.shape, dtype=torch.int8), torch.empty(len(weight), 1)
        for rows, whole, scale in zip(weight.split(SLAB), rounded.split(SLAB), scales.split(SLAB), strict=True):
            scale.copy_(rows.abs().amax(1, keepdim=True).clamp_(min=1e-12).div_(127))
            whole.copy_((rows / scale).round_())
        return self.ops.multiply(self.ops.convert(self._constant(rounded), "f32"), self._constant(scales))

    def _constant(self, tensor: torch.Tensor) -> Any:
        """Make a constant, without a copy if the tensor is contiguous: the graph never outlives the model."""
        return self.ops.constant(tensor.detach().contiguous().numpy(), shared_memory=True)

    def _floats(self, value: float) -> Any:
        return self.ops.constant(np.float32(value))

    def _integers(self, value: int | list[int]) -> Any:
        return self.ops.constant(np.array(value, dtype=np.int64))
