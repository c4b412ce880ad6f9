"""GGUF files (llama.cpp's format) to ordinary fp32 models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bakeoff.errors import UserError


def load_gguf(path: Path) -> tuple[Any, Any]:
    """The model, de-quantised to fp32, and the tokenizer of a GGUF file. Takes half a minute for 135 million weights.

    Raises:
        UserError: the file is damaged, or transformers cannot read this architecture.
    """
    architecture = _architecture(path)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
        loaded = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    except (ValueError, KeyError, NotImplementedError, OSError, RuntimeError, IndexError) as error:
        if "support" in str(error) or isinstance(error, KeyError | NotImplementedError):
            raise UserError(
                f"{path} holds a model of the architecture {architecture!r}, which transformers cannot read from GGUF.",
                "Use the model's original Hugging Face folder or hub id instead.",
            ) from None
        raise _damaged(path, error) from None
    # A model that came from GGUF is marked as quantised and refuses to be saved; a fresh one with its weights is not.
    config = loaded.config
    for mark in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(config, mark):
            delattr(config, mark)
    model = type(loaded)(config)
    model.load_state_dict(loaded.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = loaded.generation_config
    tokenizer.model_max_length = config.max_position_embeddings
    return model.eval(), tokenizer


def _architecture(path: Path) -> str:
    """`general.architecture` of the file's header."""
    try:
        field = gguf.GGUFReader(path).get_field("general.architecture")
        return str(field.contents()) if field else "unknown"
    except Exception as error:  # the reader has no errors of its own: a damaged file fails anywhere in it
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> UserError:
    reason = str(error).strip().splitlines()
    return UserError(
        f"{path} is not a GGUF file that can be read: {reason[0] if reason else type(error).__name__}",
        "Download or copy the file again.",
    )
