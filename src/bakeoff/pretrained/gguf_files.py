"""Load GGUF files (llama.cpp's format) as ordinary fp32 models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from bakeoff.errors import UserError
from bakeoff.packages import require
from bakeoff.pretrained.heads import begin_evenly, missing_weights, model_class


def load_gguf(path: Path, labels: Sequence[str] | None = None) -> tuple[Any, Any]:
    """Load the model, dequantized to fp32, and the tokenizer of a GGUF file: half a minute for 135 million weights.

    Args:
        labels: Load a sequence classifier for these labels, with a new head; None: a causal language model.

    Raises:
        UserError: the file is damaged, or transformers cannot read this architecture.
    """
    require("gguf", "Reading GGUF files")
    architecture = _architecture(path)
    kind, settings = model_class(labels)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, trust_remote_code=False)
        loaded, report = kind.from_pretrained(
            path.parent,
            gguf_file=path.name,
            dtype=torch.float32,
            output_loading_info=True,
            trust_remote_code=False,
            **settings,
        )
    except (ValueError, KeyError, NotImplementedError, OSError, RuntimeError, IndexError) as error:
        if "support" in str(error) or isinstance(error, KeyError | NotImplementedError):
            raise UserError(
                f"{path} holds a model of the architecture {architecture!r}, which transformers cannot read from GGUF.",
                "Use the model's original Hugging Face folder or hub id instead.",
            ) from None
        raise _damaged(path, error) from None
    if missing := missing_weights(loaded, report, labels):
        raise UserError(
            f"{path} does not hold all weights of its model: {missing[0]} is missing ({len(missing)} in all).",
            "Download or copy the file again.",
        )
    if labels is not None:
        begin_evenly(loaded, report)
    # A model loaded from GGUF is marked as quantized and refuses to be saved; a new one with its weights is not.
    config = loaded.config
    for mark in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(config, mark):
            delattr(config, mark)
    model = type(loaded)(config)
    model.load_state_dict(loaded.state_dict(), assign=True)
    model.tie_weights()
    if labels is None:
        model.generation_config = loaded.generation_config
    tokenizer.model_max_length = config.max_position_embeddings
    return model.eval(), tokenizer


def _architecture(path: Path) -> str:
    """Return `general.architecture` from the file's header."""
    from gguf import GGUFReader

    try:
        field = GGUFReader(path).get_field("general.architecture")
        return str(field.contents()) if field else "unknown"
    except Exception as error:  # the reader has no exceptions of its own: a damaged file fails anywhere
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> UserError:
    reason = str(error).strip().splitlines()
    return UserError(
        f"{path} is not a GGUF file that can be read: {reason[0] if reason else type(error).__name__}",
        "Download or copy the file again.",
    )
