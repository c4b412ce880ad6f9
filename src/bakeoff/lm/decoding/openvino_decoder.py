"""A decoder by OpenVINO: the model compiled twice, exact and as a cheap draft, with one cache for both.

The cost of a token is reading the weights (at batch 1 every weight is used once), so the draft keeps them in int8.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from bakeoff import machine
from bakeoff.lm.decoding.architectures import Architecture, read_architecture
from bakeoff.lm.decoding.decoder import Choose, DraftCounts, Engine
from bakeoff.lm.decoding.openvino_graph import Weights, build_graph
from bakeoff.lm.decoding.speculation import speculate

ROOM = 256  # tokens: the cache grows by this many
CHUNK = 512  # tokens of a prompt that go through at once: attention needs memory for their product with the cache
TOLERANCE = 1e-4  # of the largest logit; other orders of summation differ by a few 1e-6


class NoDecoderError(Exception):
    """The reason, in words, why this model cannot be run by OpenVINO here. No failure: transformers takes over."""


class OpenVinoDecoder:
    """A model that OpenVINO runs with speculative decoding. Any number of texts may be in progress.

    Raises:
        NoDecoderError: openvino is missing, the architecture is unknown, or the logits differ from the model's own.
    """

    engine: Engine = "openvino"
    reason = ""

    def __init__(self, model: Any, context_length: int) -> None:
        if {(weight.dtype, weight.device.type) for weight in model.parameters()} != {(torch.float32, "cpu")}:
            raise NoDecoderError("the model does not compute in fp32 on the CPU")
        architecture = read_architecture(model, context_length)
        if architecture is None:
            raise NoDecoderError(f"this kind of {model.config.model_type} model is not among those that it knows")
        self.architecture = architecture
        self._settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",  # weights are stored in int8, but multiplied in fp32
            "INFERENCE_NUM_THREADS": str(torch.get_num_threads()),
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._exact = self._compiled("fp32")
        self._short_draft = self._compiled("int8", room=ROOM)
        self._compare(model)

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
        return TextCache(self.architecture, self._exact.create_infer_request(), self._draft)

    def _draft(self, room: int) -> Any:
        """Return a request to the draft, for a cache with room for this many tokens."""
        draft = self._short_draft if room == ROOM else self._long_draft
        return draft.create_infer_request()

    @functools.cached_property
    def _long_draft(self) -> Any:
        """The draft for texts that outgrow the first room, which few do. Compiled for any room, it is slower."""
        return self._compiled("int8")

    def _compiled(self, weights: Weights, room: int | None = None) -> Any:
        with machine.all_cores(), torch.inference_mode():
            core = openvino_core()
            try:
                graph = build_graph(self.architecture, weights, room=room)
                return core.compile_model(graph, "CPU", self._settings)
            except RuntimeError as error:  # OpenVINO raises nothing else, not even for an unknown processor
                raise NoDecoderError(f"openvino refuses: {str(error).strip().splitlines()[-1]}") from None

    @torch.inference_mode()
    def _compare(self, model: Any) -> None:
        """Raise NoDecoderError unless the logits are those of transformers, with a draft in between."""
        ids = [token % model.get_input_embeddings().num_embeddings for token in range(3, 35, 4)]
        expected = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -3:]
        cache = self.begin()
        cache.exact_logits(ids[:5])
        cache.draft_logits(ids[5])
        cache.length = 5
        logits = cache.exact_logits(ids[5:], wanted=3)
        if not torch.allclose(logits, expected, rtol=0, atol=TOLERANCE * max(1.0, float(expected.abs().max()))):
            raise NoDecoderError("its logits are not those of transformers")


class TextCache:
    """Keys and values of one text. The first `length` tokens are valid; lower it to forget the later ones."""

    def __init__(self, architecture: Architecture, exact: Any, draft_for: Callable[[int], Any]) -> None:
        """
        Args:
            exact: A request to the exact model.
            draft_for: Returns a request to the draft, for a cache with room for this many tokens.
        """
        self.length = 0
        self._architecture = architecture
        self._exact, self._draft_for = exact, draft_for
        self._draft: Any = None  # there is no room yet
        self._rotation: dict[str, np.ndarray[Any, Any]] = {}
        self._kept = np.empty(
            (architecture.layer_count, 2, architecture.key_value_heads, 0, architecture.head_size), np.float32
        )

    def exact_logits(self, ids: list[int], wanted: int = 1) -> torch.Tensor:
        """Append tokens and return the logits after the last `wanted` of them, fp32, shape (wanted, vocabulary).

        A long prompt goes through in chunks if only one row is wanted. The logits are valid until the next call.
        """
        self._make_room(self.length + len(ids))
        size = max(CHUNK, len(ids) if wanted > 1 else 1)
        *beginning, last = [ids[start : start + size] for start in range(0, len(ids), size)]
        for chunk in beginning:
            self._run(self._exact, chunk, 1)
        return self._run(self._exact, last, wanted)

    def draft_logits(self, token: int) -> torch.Tensor:
        """Append a token and return the draft's logits after it, fp32, shape (vocabulary,), until the next call."""
        self._make_room(self.length + 1)  # which may come with another draft
        return self._run(self._draft, [token], 1)[0]

    def _run(self, request: Any, ids: list[int], wanted: int) -> torch.Tensor:
        from openvino import Tensor

        begin, end = self.length, self.length + len(ids)
        a = self._architecture
        with torch.inference_mode():
            hidden = a.embed(torch.tensor(ids), begin)
        inputs = {
            "hidden": hidden.numpy(),
            "mask": self._mask(len(ids)),
            "wanted": np.arange(len(ids) - wanted, len(ids)),
            **{name: table[begin:end] for name, table in self._rotation.items()},
        }
        for name, value in inputs.items():
            request.set_tensor(name, Tensor(value, shared_memory=True))
        with machine.all_cores():
            request.infer()
        added = request.get_output_tensor(1).data
        self._kept[:, :, :, begin:end] = added.reshape(*self._kept.shape[:3], len(ids), a.head_size)
        self.length = end
        return torch.from_numpy(request.get_output_tensor(0).data)

    def _mask(self, length: int) -> np.ndarray[Any, Any]:
        room = self._kept.shape[3]
        mask = np.zeros((length, room + length), np.float32)
        mask[:, self.length : room] = -np.inf
        mask[:, room:] = np.triu(np.full((length, length), -np.inf, np.float32), 1)
        return np.tile(mask, (self._architecture.heads // self._architecture.key_value_heads, 1))

    def _make_room(self, tokens: int) -> None:
        from openvino import Tensor

        if tokens <= self._kept.shape[3]:
            return
        before, room = self._kept, -(-tokens // ROOM) * ROOM
        self._draft = self._draft_for(room)
        self._kept = np.zeros((*before.shape[:3], room, before.shape[4]), np.float32)
        self._kept[:, :, :, : self.length] = before[:, :, :, : self.length]
        for number, pair in enumerate(self._kept):
            for name, rows in zip(("key", "value"), pair, strict=True):
                for request in (self._exact, self._draft):
                    request.set_tensor(f"{name}.{number}", Tensor(rows, shared_memory=True))
        if self._architecture.rotation is not None:
            with torch.inference_mode():
                tables = self._architecture.rotation(room)
            self._rotation = {name: table.numpy() for name, table in zip(("cos", "sin"), tables, strict=True)}


@functools.cache
def openvino_core() -> Any:
    """Return the process's only OpenVINO core: with two of them, OpenVINO 2026.4 crashes at the next Ctrl-C.

    Its telemetry package, which reports usage over the network, is kept from loading; OpenVINO works without it.
    """
    hidden = "openvino_telemetry"
    hide = hidden not in sys.modules
    if hide:
        sys.modules[hidden] = None  # type: ignore[assignment]  # importing it fails
    try:
        import openvino

        return openvino.Core()
    except ImportError:
        raise NoDecoderError("openvino is not installed") from None
    finally:
        if hide:
            del sys.modules[hidden]
