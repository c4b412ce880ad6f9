"""A frozen network that turns texts into vectors: no padding, no gradients, weights in the order of the processor."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from bakeoff import machine
from bakeoff.errors import UserError
from bakeoff.methods.embedding.cache import Vectors, digest
from bakeoff.methods.embedding.pooling import Pooling, read_pooling
from bakeoff.methods.encoded import EncodedTexts, Rows, TextBatch
from bakeoff.pretrained.adapters import count_parameters
from bakeoff.pretrained.causality import is_causal
from bakeoff.pretrained.kernels.install import install_kernels
from bakeoff.pretrained.kernels.packed_linear import pack_linear_layers
from bakeoff.pretrained.sources import context_length, find, load_weights
from bakeoff.training.memory import by_parts
from bakeoff.training.precision import Precision, choose_device

TOKENS_AT_ONCE = 1024
"""At most this many tokens go through the network at once, or one text: their states stay in the processor's caches."""

_MOST_TOKENS = 512
"""Longest text where neither the config nor the model's files say how long texts may be."""

_MOST_LAYERS = 8
"""So many layers of a causal language model are tried."""


class Encoder:
    """A frozen network, its tokenizer, and the way in which it reads texts."""

    def __init__(
        self, network: Any, tokenizer: Any, pooling: Pooling, layers: Sequence[int], precision: Precision
    ) -> None:
        """
        Args:
            network: Without an output layer, in fp32 on the CPU; it is changed.
            pooling: With a `max_length`.
            layers: The layers that are read, counted from 1, in ascending order.
        """
        self.fingerprint = _fingerprint(network)
        self._settings = _settings(network, tokenizer)
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.layers = list(layers)
        self.precision = precision
        self.causal = is_causal(network)
        blocks = _blocks(network)
        self._states: dict[int, torch.Tensor] = {}
        if blocks is not None:
            self._last_norm = layers[-1] == len(blocks)  # the network's own output is that of its last layer
            del blocks[layers[-1] :]
            for layer in layers[: -1 if self._last_norm else None]:
                blocks[layer - 1].register_forward_hook(self._keep(layer))
        else:
            self._last_norm = True
        self.parameters = count_parameters(network)
        self.dimension = int(network.config.get_text_config().hidden_size)
        if precision == "bf16":
            for parameter in network.parameters():  # buffers stay: rotary frequencies in bf16 would shift positions
                parameter.data = parameter.data.to(torch.bfloat16)
        self._network = network.to(choose_device()).eval().requires_grad_(False)
        install_kernels(self._network, causal=self.causal)
        pack_linear_layers(self._network)
        self._device = choose_device()

    def key(self, layer: int, *more: str) -> bytes:
        """Return a name for everything that the vectors of a layer depend on, besides the texts."""
        way = [self.pooling.mode, self.pooling.normalize, self.pooling.max_length, layer, self.precision, *more]
        return digest(self.fingerprint, self._settings, json.dumps(way))

    def tokenize(self, texts: Sequence[str]) -> EncodedTexts:
        """Return the tokens of texts, cut to the longest that are read; an empty text becomes one token."""
        return tokenize(self.tokenizer, texts, self.pooling)

    @torch.inference_mode()
    def vectors(self, batch: TextBatch, tokens: EncodedTexts) -> Vectors:
        """Return the vectors of texts of one length, shape (layers, texts, values)."""
        parts = by_parts(lambda part: self._vectors(tokens, part.rows), batch)
        return np.concatenate(parts, axis=1)

    def _vectors(self, tokens: EncodedTexts, rows: Rows) -> Vectors:
        ids = tokens.padded(rows)[0].to(self._device)
        self._states.clear()
        settings = {"use_cache": False} if self.causal else {}
        output = self._network(input_ids=ids, **settings)[0]
        if self._last_norm:
            self._states[self.layers[-1]] = self._pooled(output)
        result: Vectors = torch.stack([self._states[layer] for layer in self.layers]).cpu().numpy()
        return result

    def _keep(self, layer: int) -> Callable[..., None]:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            self._states[layer] = self._pooled(output[0] if isinstance(output, tuple) else output)

        return hook

    def _pooled(self, states: torch.Tensor) -> torch.Tensor:
        """Return shape (texts, values), in fp32, from states of shape (texts, tokens, values)."""
        return self.pooling.pooled(states, causal=self.causal)


def load_encoder(
    model: str,
    *,
    pooling: str,
    layer: int | str,
    max_length: int | None,
    precision: Precision,
    normalize: bool | None = None,
) -> Encoder:
    """Load a model by name.

    Args:
        pooling: A `Mode`, or `auto`: what the model's files say, otherwise the mean.
        layer: Counted from 1, `last`, or `auto`: the last one of an encoder, several of a causal model.
        normalize: Whether vectors get the length 1; absent: what the model's files say, otherwise not.

    Raises:
        UserError: there is no such model or layer, or the model reads shorter texts.
    """
    network, tokenizer, _ = load_weights(model, labels=())
    way = resolve_pooling(model, network, tokenizer, pooling, max_length, normalize)
    return Encoder(network, tokenizer, way, _layers(model, network, layer), precision)


def resolve_pooling(
    model: str, network: Any, tokenizer: Any, pooling: str, max_length: int | None, normalize: bool | None = None
) -> Pooling:
    """Return how a model's states become vectors, with the longest text that is read; see `load_encoder`.

    Raises:
        UserError: the model reads shorter texts than `max_length`.
    """
    path = find(model).path
    mode: Any = None if pooling == "auto" else pooling
    own = (read_pooling(path, mode) if path.is_dir() else None) or Pooling(mode or "mean", False, None)
    longest = context_length(network, tokenizer)
    if max_length is not None and max_length > longest:
        raise UserError(
            f"{model} reads at most {longest:,} tokens, and max_length is {max_length:,}.",
            f"Set max_length to {longest} or less.",
        )
    length = max_length or min(own.max_length or _MOST_TOKENS, longest)
    return Pooling(own.mode, own.normalize if normalize is None else normalize, length)


@machine.all_cores()
def tokenize(tokenizer: Any, texts: Sequence[str], pooling: Pooling) -> EncodedTexts:
    """Return the tokens of texts, cut to the longest that are read; an empty text becomes one token."""
    limit: dict[str, Any] = {"truncation": True, "max_length": pooling.max_length}
    rows = tokenizer(list(texts), return_attention_mask=False, return_token_type_ids=False, **limit)
    return encoded([row or [0] for row in rows["input_ids"]])


def encoded(ids: Sequence[Sequence[int]]) -> EncodedTexts:
    """Return texts from their token ids."""
    flat = np.concatenate([np.asarray(row, dtype=np.int32) for row in ids])
    return EncodedTexts.from_lengths(flat, np.array([len(row) for row in ids], dtype=np.int64))


def batches_of_one_length(tokens: EncodedTexts) -> list[TextBatch]:
    """Return batches of texts with the same number of tokens, which need no padding, shortest first."""
    lengths = tokens.lengths
    batches = []
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        for part in np.array_split(rows, -(-len(rows) // max(1, TOKENS_AT_ONCE // int(length)))):
            batches.append(TextBatch(part, lengths[part]))
    return batches


def _blocks(network: Any) -> torch.nn.ModuleList | None:
    count = getattr(network.config.get_text_config(), "num_hidden_layers", None)
    lists = (module for module in network.modules() if isinstance(module, torch.nn.ModuleList))
    return next((blocks for blocks in lists if len(blocks) == count), None)


def _layers(model: str, network: Any, layer: int | str) -> list[int]:
    blocks = _blocks(network)
    count = 1 if blocks is None else len(blocks)
    if isinstance(layer, int):
        if layer > count:
            raise UserError(f"{model} has {count} layers, and layer is {layer}.", f"Set layer to {count} or less.")
        return [layer]
    if layer == "last" or not is_causal(network) or blocks is None:
        return [count]
    # In the middle: the last layers are about the next token (Skean et al. 2025).
    middle = np.linspace(max(1, count // 4), max(1, round(count * 0.75)), _MOST_LAYERS)
    return sorted({round(place) for place in middle.tolist()})


def _fingerprint(network: Any) -> bytes:
    """Return a digest of the weights. Other versions of transformers may change everything else about a model.

    An encoder's pooler is left out: it is not used, and where the files lack it, its weights are random.
    """
    weights = [weight for name, weight in network.state_dict().items() if not name.startswith("pooler.")]
    return digest(*(digest(weight.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data) for weight in weights))


def _settings(network: Any, tokenizer: Any) -> str:
    """Return everything besides the weights that vectors depend on."""
    config = network.config.to_dict()
    for key in ("_name_or_path", "transformers_version", "dtype"):
        config.pop(key, None)
    return f"{json.dumps(config, sort_keys=True, default=str)}{tokenizer.backend_tokenizer.to_str()}"
