"""Load a language model by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bakeoff.lm.forward import CausalForward
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.prompting import read_prompting
from bakeoff.pretrained.sharded_loading import load_weights_for_sharding
from bakeoff.pretrained.sources import context_length, load_weights
from bakeoff.sections import Quantization, RequestedPrecision
from bakeoff.training.precision import Precision, cast_parameters, choose_device, choose_precision

__all__ = ["LanguageModel", "load_for_sharding", "load_language_model", "ready"]


def load_language_model(
    name: str,
    *,
    precision: RequestedPrecision = "fp32",
    merged: bool = True,
    cache: Path | None = None,
    quantization: Quantization | None = None,
) -> LanguageModel:
    """Load a causal language model.

    Args:
        name: A hub id (`gpt2`), a folder in Hugging Face's or PEFT's format, a GGUF file, the packaged `smollm2-135m`
            or `stories260k`, or a contestant of a run (`runs/NAME/contestants/full`).
        precision: Of the arithmetic: fp32 is the reference; `auto` takes bf16 if the machine computes it fast.
        merged: Merge adapters into the model, in fp32, which makes it as fast as its base; False: keep them apart. On
            quantized weights they stay apart.
        cache: Folder for converted packaged models; absent: `bakeoff` in $XDG_CACHE_HOME or ~/.cache.
        quantization: Store the weights of the linear layers in 8 bits (`int8`) or 4 (`nf4`); a contestant that was
            trained so brings it along.

    Raises:
        UserError: there is no such model, the hub cannot be reached, the files are damaged or of an unsupported kind,
            or bitsandbytes is missing.
    """
    model, tokenizer, reference = load_weights(name, merged=merged, cache=cache, quantization=quantization)
    loaded = ready(model, tokenizer, name=name, reference=reference, precision=precision)
    return replace(loaded, prompting=read_prompting(name))


def load_for_sharding(name: str) -> LanguageModel:
    """Load a model in fp32 that training is about to shard. Until then it cannot compute. Every process must call this.

    Raises:
        UserError: as `load_language_model`.
    """
    model, tokenizer, reference = load_weights_for_sharding(name)
    return _language_model(model, tokenizer, name, reference, "fp32", sharded=True)


def ready(model: Any, tokenizer: Any, *, name: str, reference: str, precision: RequestedPrecision) -> LanguageModel:
    """Move a model to its device and precision, and check that it is causal.

    Raises:
        UserError: it looks at later tokens.
    """
    device = choose_device()
    chosen = choose_precision(precision, device)
    if chosen == "bf16":
        cast_parameters(model, torch.bfloat16)
    model.to(device).eval()
    return _language_model(model, tokenizer, name, reference, chosen)


def _language_model(
    model: Any, tokenizer: Any, name: str, reference: str, precision: Precision, *, sharded: bool = False
) -> LanguageModel:
    return LanguageModel(
        model=model,
        tokenizer=tokenizer,
        name=name,
        reference=reference,
        context_length=context_length(model, tokenizer),
        precision=precision,
        forward=CausalForward(model, sharded=sharded),
    )
