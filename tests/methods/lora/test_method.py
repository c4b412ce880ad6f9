"""LoRA refuses what it cannot train."""

from __future__ import annotations

import copy
from dataclasses import replace

import peft
import pytest
import torch

from bakeoff.errors import UserError
from bakeoff.methods.lora.adapters import add_lora
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.methods.lora.method import LoraMethod


def test_the_adapter_of_a_quantized_contestant_is_not_replaced_by_a_new_one(stories):
    config = LoraConfig(r=2)
    model = add_lora(copy.deepcopy(stories.model), config, reference="stories260k", seed=1)
    layer = model.get_base_model().model.layers[0].mlp.up_proj
    layer.base_layer.weight.SCB = torch.ones(172)  # as int8 has the scales of its rows
    base = replace(stories, model=model, name="runs/small/contestants/lora")

    with pytest.raises(
        UserError, match="cannot train runs/small/contestants/lora: its weights are quantized"
    ) as caught:
        LoraMethod().adapted(config, base, seed=1)
    assert "the one it was made from" in caught.value.hint
    quantized = replace(base, model=model.unload())
    assert isinstance(LoraMethod().adapted(LoraConfig(r=2, quantization="int8"), quantized, seed=1), peft.PeftModel)
