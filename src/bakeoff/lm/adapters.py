"""LoRA adapters through PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import torch
from safetensors.torch import save_file
from transformers.pytorch_utils import Conv1D

from bakeoff.errors import UserError
from bakeoff.lm.quiet import quiet_libraries
from bakeoff.spec.schema import LoraContestant


def add_lora(model: Any, settings: LoraContestant, *, reference: str, seed: int) -> Any:
    """Freeze `model` and put LoRA adapters on it (Hu et al. 2021); they start as zero.

    Args:
        reference: Name of the base model for plain PEFT; it is saved with the adapter.
        seed: Of the adapters' first values.

    Raises:
        UserError: the model has no layers of the names in `target_modules`, or no default is known for it.
    """
    config = peft.LoraConfig(
        task_type=peft.TaskType.CAUSAL_LM,
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=None if settings.target_modules == "default" else settings.target_modules,
        # GPT-2's layers keep their weights the other way round.
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    torch.manual_seed(seed)
    try:
        with quiet_libraries():
            adapted = peft.get_peft_model(model, config)
    except ValueError as error:
        names = sorted(
            {
                name.rsplit(".", 1)[-1]
                for name, each in model.named_modules()
                if isinstance(each, torch.nn.Linear | Conv1D)
            }
        )
        raise UserError(
            f"LoRA finds no layers to adapt: {str(error).splitlines()[0]}",
            f"Set target_modules to `all-linear`, or to some of {', '.join(names)}.",
        ) from None
    adapted.peft_config["default"].base_model_name_or_path = reference
    return adapted


def save_adapter(adapted: Any, folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write adapter_config.json and adapter_model.safetensors.

    Args:
        weights: The trained parameters by their names in `adapted`, in fp32.
    """
    state = peft.get_peft_model_state_dict(adapted, state_dict=weights, save_embedding_layers=False)
    save_file(
        {name: tensor.contiguous().cpu() for name, tensor in state.items()},
        folder / "adapter_model.safetensors",
        metadata={"format": "pt"},
    )
    config = adapted.peft_config["default"]
    training = config.inference_mode
    config.inference_mode = True
    config.save_pretrained(folder)
    config.inference_mode = training
