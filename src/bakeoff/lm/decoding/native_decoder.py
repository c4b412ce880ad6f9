"""A decoder in C: one call computes a token, from weights in the smallest form that keeps their values.

The cost of a token is reading the weights (at batch 1 every weight is used once). Weights that need all of fp32 have a
draft in 8 bits with the same cache.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch

from bakeoff import machine, native
from bakeoff.compiling import compiled
from bakeoff.lm.decoding.architectures import Architecture, Linear, Norm, read_architecture
from bakeoff.lm.decoding.decoder import Choose, DraftCounts, Engine
from bakeoff.lm.decoding.packing import KINDS, LANES, PackedMatrix, pack, pack_rounded
from bakeoff.lm.decoding.speculation import speculate

ROOM = 256  # tokens: the cache grows by this many; a multiple of LANES
BYTES_A_WEIGHT = 8  # most memory of building: a copy in fp32, the draft, and a matrix that is being packed
CHUNK = 128  # tokens of a prompt that go through at once
TOLERANCE = 1e-4  # of the largest logit; other orders of summation differ by a few 1e-6

_ACTIVATIONS = ("silu", "gelu_tanh", "gelu")  # in the order of the enum in native_decoder.c


class NoDecoderError(Exception):
    """The reason, in words, why this model cannot be decoded in C here. No failure: transformers takes over."""


class NativeDecoder:
    """A model that is decoded in C. Any number of texts may be in progress.

    Raises:
        NoDecoderError: there is no C compiler or not enough memory, the architecture is unknown, adapters are not
            merged, or the logits differ from the model's own.
    """

    engine: Engine = "native"
    reason = ""

    def __init__(self, model: Any, context_length: int) -> None:
        if {(weight.dtype, weight.device.type) for weight in model.parameters()} != {(torch.float32, "cpu")}:
            raise NoDecoderError("the model does not compute in fp32 on the CPU")
        if hasattr(model, "get_base_model"):  # PEFT's, whose layers show the weights that they adapt as their own
            raise NoDecoderError("its adapters are not merged")
        architecture = read_architecture(model, context_length)
        if architecture is None:
            raise NoDecoderError(f"this kind of {model.config.model_type} model is not among those that it knows")
        if _library() is None:
            raise NoDecoderError("there is no C compiler")
        if machine.available_memory_bytes() < BYTES_A_WEIGHT * sum(weight.numel() for weight in model.parameters()):
            raise NoDecoderError("there is not enough memory for its copy of the weights")
        self._architecture = architecture
        self.exact = _Weights(architecture, pack)
        self.draft = _Weights(architecture, pack_rounded) if "fp32" in self.exact.kinds else None
        self._compare(model)

    @property
    def bytes_read(self) -> int:
        """The memory of weights that was read for all texts so far: the cost of decoding."""
        return sum(weights.bytes_read for weights in (self.exact, self.draft) if weights)

    def decode(
        self,
        prompt_ids: list[int],
        *,
        limit: int,
        ends: set[int],
        choose: Choose,
        random: torch.Generator,
        counts: DraftCounts,
    ) -> Iterator[int]:
        """Yield the ids of the continuation; see `Decoder`."""
        return speculate(self.begin(), prompt_ids, limit=limit, ends=ends, choose=choose, random=random, counts=counts)

    def begin(self) -> TextCache:
        """Return the cache of a new text."""
        return TextCache(self._architecture, self.exact, self.draft)

    @torch.inference_mode()
    def _compare(self, model: Any) -> None:
        """Raise NoDecoderError unless the logits are those of transformers, with a draft in between."""
        ids = [token % model.get_input_embeddings().num_embeddings for token in range(3, 35, 4)]
        expected = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -3:]
        cache = self.begin()
        cache.exact_logits(ids[:5])
        if cache.drafts:
            cache.draft_logits(ids[5])
            cache.length = 5
        logits = cache.exact_logits(ids[5:], wanted=3)
        if not torch.allclose(logits, expected, rtol=0, atol=TOLERANCE * max(1.0, float(expected.abs().max()))):
            raise NoDecoderError("its logits are not those of transformers")


class TextCache:
    """Keys and values of one text. The first `length` tokens are valid; lower it to forget the later ones."""

    def __init__(self, architecture: Architecture, exact: _Weights, draft: _Weights | None) -> None:
        self.length = 0
        self._architecture, self._exact, self._draft = architecture, exact, draft
        heads = (architecture.layer_count, architecture.key_value_heads)
        size = architecture.head_size
        self._keys = torch.zeros(*heads, 0, size, LANES)  # sixteen tokens side by side
        self._values = torch.zeros(*heads, 0, -(-size // LANES) * LANES)
        self._rotation: tuple[torch.Tensor, torch.Tensor] | None = None

    @property
    def drafts(self) -> bool:
        """True if there is a draft that is faster than the exact model."""
        return self._draft is not None

    def exact_logits(self, ids: list[int], wanted: int = 1) -> torch.Tensor:
        """Append tokens and return the logits after the last `wanted` of them, fp32, shape (wanted, vocabulary)."""
        last = max(wanted, (len(ids) - 1) % CHUNK + 1)
        beginning = ids[:-last]
        for start in range(0, len(beginning), CHUNK):
            self._run(self._exact, beginning[start : start + CHUNK], 0)
        return self._run(self._exact, ids[-last:], wanted)

    def draft_logits(self, token: int) -> torch.Tensor:
        """Append a token and return the draft's logits after it, fp32, shape (vocabulary,)."""
        assert self._draft is not None
        return self._run(self._draft, [token], 1)[0]

    @torch.inference_mode()
    def _run(self, weights: _Weights, ids: list[int], wanted: int) -> torch.Tensor:
        begin, end = self.length, self.length + len(ids)
        self._make_room(end)
        hidden = self._architecture.embed(torch.tensor(ids), begin).contiguous()
        cosine, sine = (None, None) if self._rotation is None else (table[begin:end] for table in self._rotation)
        logits = torch.empty(wanted, weights.vocabulary)
        weights.run(
            hidden, cosine, sine, self._keys, self._values, logits, self._values.shape[2], begin, len(ids), wanted
        )
        self.length = end
        return logits

    def _make_room(self, tokens: int) -> None:
        if tokens <= self._values.shape[2]:
            return
        room = -(-tokens // ROOM) * ROOM
        for name, rows in (("_keys", room // LANES), ("_values", room)):
            before = getattr(self, name)
            after = before.new_zeros(*before.shape[:2], rows, *before.shape[3:])
            after[:, :, : before.shape[2]] = before
            setattr(self, name, after)
        if self._architecture.rotation is not None:
            cosine, sine = self._architecture.rotation(room)
            self._rotation = cosine.contiguous(), sine.contiguous()


class _Weights:
    """A model as native_decoder.c reads it."""

    @torch.inference_mode()
    def __init__(self, architecture: Architecture, pack: Callable[[torch.Tensor], PackedMatrix]) -> None:
        self._pack = pack
        self._kept: list[Any] = []  # what the pointers point to
        self.bytes = 0  # of the matrices: what a pass reads
        self.bytes_read = 0  # by all passes so far
        self.kinds: set[str] = set()
        a = architecture
        layers = (_Layer * a.layer_count)(*map(self._layer, a.layers()))
        self._model = _Model(
            *(a.layer_count, a.heads, a.key_value_heads, a.head_size, a.hidden_size),
            *(self._inner_size, _ACTIVATIONS.index(a.activation), self._gated),
            *(self._norm(a.final_norm), self._linear(a.head), layers),
        )
        self._kept.append(layers)
        self.vocabulary = len(a.head.weights[0])

    def run(self, *arguments: torch.Tensor | int | None) -> None:
        """Call `decode` of native_decoder.c with this model."""
        library = _library()
        assert library is not None
        if not library.decode(ctypes.byref(self._model), *map(native.as_c, arguments)):
            raise MemoryError
        self.bytes_read += self.bytes

    def _layer(self, layer: Any) -> _Layer:
        self._gated, self._inner_size = layer.gated, layer.down.weights[0].shape[1]
        norms = (layer.attention_norm, layer.query_norm, layer.key_norm, layer.feed_forward_norm)
        linears = (layer.query_key_value, layer.attention_output, layer.up, layer.down)
        return _Layer(*map(self._norm, norms), *map(self._linear, linears), layer.attention_scale)

    def _linear(self, linear: Linear) -> _Linear:
        parts = (_Matrix * 3)()
        for number, weight in enumerate(linear.weights):
            packed = self._pack(weight)
            self.bytes += packed.bytes
            self.kinds.add(packed.kind)
            pointers = (self._pointer(packed.data), self._pointer(packed.scales))
            parts[number] = _Matrix(*pointers, packed.rows, packed.columns, KINDS.index(packed.kind))
        return _Linear(parts, self._pointer(linear.bias))

    def _norm(self, norm: Norm | None) -> _Norm:
        return _Norm(self._pointer(norm.weight), self._pointer(norm.bias), norm.epsilon) if norm else _Norm()

    def _pointer(self, tensor: torch.Tensor | None) -> int | None:
        if tensor is None:
            return None
        self._kept.append(tensor.contiguous())
        return int(self._kept[-1].data_ptr())


class _Matrix(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("data", "scales")),
        *((name, ctypes.c_int64) for name in ("rows", "columns", "kind")),
    ]


class _Linear(ctypes.Structure):
    _fields_ = [("parts", _Matrix * 3), ("bias", ctypes.c_void_p)]


class _Norm(ctypes.Structure):
    _fields_ = [("weight", ctypes.c_void_p), ("bias", ctypes.c_void_p), ("epsilon", ctypes.c_float)]


class _Layer(ctypes.Structure):
    _fields_ = [
        *((name, _Norm) for name in ("attention_norm", "query_norm", "key_norm", "feed_forward_norm")),
        *((name, _Linear) for name in ("query_key_value", "attention_output", "up", "down")),
        ("attention_scale", ctypes.c_float),
    ]


class _Model(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("layer_count", "heads", "key_value_heads", "head_size", "hidden_size")),
        *((name, ctypes.c_int64) for name in ("inner_size", "activation", "gated")),
        ("final_norm", _Norm),
        ("head", _Linear),
        ("layers", ctypes.POINTER(_Layer)),
    ]


@functools.cache
def _library() -> ctypes.CDLL | None:
    return compiled("native_decoder.c")
