"""Load GGUF files (llama.cpp's format) as ordinary fp32 models."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from bakeoff.errors import UserError
from bakeoff.packages import require
from bakeoff.pretrained.heads import begin_evenly, missing_weights, model_class

_ERRORS = (ValueError, KeyError, NotImplementedError, OSError, RuntimeError, IndexError)


def load_gguf(path: Path, labels: Sequence[str] | None = None) -> tuple[Any, Any]:
    """Load the model, dequantized to fp32, and the tokenizer of a GGUF file: half a minute for 135 million weights.

    Args:
        labels: Load a sequence classifier for these labels, with a new head; None: a causal language model.

    Raises:
        UserError: the file is damaged, transformers cannot read this architecture, or no library can dequantize a type
            of its weights.
    """
    kind, settings = model_class(labels)
    tokenizer = load_gguf_tokenizer(path)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # transformers shows a bar that no setting of its own hides
            loaded, report = kind.from_pretrained(
                path.parent,
                gguf_file=path.name,
                dtype=torch.float32,
                output_loading_info=True,
                trust_remote_code=False,
                **settings,
            )
    except _ERRORS as error:
        raise _unreadable(path, error) from None
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
    if (length := getattr(config, "max_position_embeddings", None)) is not None:  # BLOOM has no limit
        tokenizer.model_max_length = length
    return model.eval(), tokenizer


def load_gguf_tokenizer(path: Path) -> Any:
    """Load only the tokenizer of a GGUF file.

    Raises:
        UserError: as `load_gguf`.
    """
    require("gguf", "Reading GGUF files")
    _check_types(path)
    try:
        return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, trust_remote_code=False)
    except _ERRORS as error:
        raise _unreadable(path, error) from None


def _check_types(path: Path) -> None:
    """Raise UserError if the file is damaged, or holds weights of a type that cannot be dequantized."""
    from gguf import GGUFReader, dequantize

    try:
        tensors = {tensor.tensor_type: tensor for tensor in GGUFReader(path).tensors}
    except Exception as error:  # the reader has no exceptions of its own: a damaged file fails anywhere
        if unknown := re.search(r"(\d+)\)? is not a valid GGMLQuantizationType", str(error)):
            raise _unsupported_type(path, f"number {unknown[1]}") from None
        raise _damaged(path, error) from None
    for kind, tensor in tensors.items():
        try:
            dequantize(tensor.data[:1], kind)
        except NotImplementedError:
            raise _unsupported_type(path, kind.name) from None


def _unsupported_type(path: Path, kind: str) -> UserError:
    return UserError(
        f"{path} holds weights of the type {kind}, which the installed gguf package cannot read.",
        "Use a file of another type, such as F16, BF16, Q8_0 or Q4_K_M, or the model's original Hugging Face folder; "
        "or update it: pip install -U gguf",
    )


def _unreadable(path: Path, error: Exception) -> UserError:
    if "support" in str(error) or isinstance(error, KeyError | NotImplementedError):
        return UserError(
            f"{path} holds a model of the architecture {_architecture(path)!r}, which transformers cannot read from "
            "GGUF.",
            "Use the model's original Hugging Face folder or hub id instead.",
        )
    return _damaged(path, error)


def _architecture(path: Path) -> str:
    """Return `general.architecture` from the file's header."""
    from gguf import GGUFReader

    field = GGUFReader(path).get_field("general.architecture")
    return str(field.contents()) if field else "unknown"


def _damaged(path: Path, error: Exception) -> UserError:
    reason = str(error).strip().splitlines()
    return UserError(
        f"{path} is not a GGUF file that can be read: {reason[0] if reason else type(error).__name__}",
        "Download or copy the file again.",
    )
