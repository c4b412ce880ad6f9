"""Write a LoRA adapter alone as a GGUF file, which llama.cpp puts on a GGUF file of the base model (`--lora`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.errors import UserError
from bakeoff.lm.exporting.gguf_model import check_architecture, close, rotated, tensor_names
from bakeoff.lm.exporting.reading import ReadBack
from bakeoff.lm.forward import CausalForward
from bakeoff.packages import require
from bakeoff.pretrained.sources import base_of_adapter, load_weights

_WEIGHT = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<part>[AB])\.weight")


def write_adapter(source: Path, folder: Path) -> ReadBack:
    """Write adapter-f32.gguf: the matrices A and B of every layer, in fp32.

    What is written is read with gguf's own reader and added to the weights of the base model.

    Args:
        source: A contestant's model/ with a LoRA adapter.
        folder: Gets the file.

    Raises:
        UserError: the adapter is of a kind that llama.cpp does not know, or gguf is not installed.
    """
    require("gguf", "Exporting to GGUF")
    import gguf
    import peft
    from safetensors.torch import load_file

    settings = peft.PeftConfig.from_pretrained(source)
    if settings.use_dora or settings.modules_to_save or settings.rank_pattern or settings.alpha_pattern:
        raise UserError(
            "This adapter cannot be exported alone: llama.cpp knows plain LoRA, with one rank and one scale.",
            "Export the whole model: --to gguf.",
        )
    base, tokenizer, _ = load_weights(base_of_adapter(source))
    check_architecture(base.config)
    names = tensor_names(base.config)
    path = folder / "adapter-f32.gguf"
    writer = gguf.GGUFWriter(path, base.config.model_type)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    # llama.cpp scales by alpha / r. rsLoRA scales by alpha / sqrt(r).
    alpha = settings.lora_alpha * (settings.r**0.5 if settings.use_rslora else 1)
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for name, weight in sorted(load_file(source / "adapter_model.safetensors").items()):
        match = _WEIGHT.fullmatch(name)
        found = match and names.get_name(f"{match['layer']}.weight", try_suffixes=(".weight",))
        if not match or not found:
            raise UserError(
                f"This adapter cannot be exported alone: llama.cpp has no place for {name}.",
                "Export the whole model: --to gguf.",
            )
        values = weight.float().numpy()
        if match["part"] == "B":
            values = rotated(values, found, base.config)
        writer.add_tensor(f"{found}.lora_{match['part'].lower()}", np.ascontiguousarray(values))
    close(writer)
    _add(base, path)
    return ReadBack(
        "gguf, on the base model",
        tokenizer,
        CausalForward(base.eval()),
        f'llama-cli -m BASE.gguf --lora {{folder}}/{path.name} -p "The "',
    )


@torch.no_grad()
def _add(base: Any, path: Path) -> None:
    """Add what the file holds to the weights of the base model, in transformers' layout."""
    from gguf import GGUFReader, Keys

    reader = GGUFReader(path)
    tensors: dict[str, npt.NDArray[np.float32]] = {tensor.name: tensor.data for tensor in reader.tensors}
    alpha = reader.get_field(Keys.Adapter.LORA_ALPHA)
    assert alpha is not None
    names = tensor_names(base.config)
    for name, weight in base.named_parameters():
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if f"{found}.lora_a" in tensors:
            a, b = (torch.from_numpy(np.array(tensors[f"{found}.lora_{part}"])) for part in "ab")
            change = (b * (alpha.contents() / len(a))) @ a
            change = torch.from_numpy(_unrotated(change.numpy(), found, base.config))
            weight += change.T if _transposed(base, name) else change


def _unrotated(rows: npt.NDArray[Any], name: str, config: Any) -> npt.NDArray[Any]:
    """Return rows in transformers' order that `rotated` has put into llama.cpp's."""
    order = rotated(np.arange(len(rows)), name, config)
    return rows[np.argsort(order)]


def _transposed(model: Any, name: str) -> bool:
    from transformers.pytorch_utils import Conv1D

    return isinstance(model.get_submodule(name.removesuffix(".weight")), Conv1D)
