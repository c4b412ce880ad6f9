"""Full fine-tuning refuses what it cannot train."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from bakeoff.errors import UserError
from bakeoff.methods.full.config import FullConfig
from bakeoff.methods.full.method import FullMethod


def test_quantized_weights_are_refused(stories):
    model = copy.deepcopy(stories.model)
    model.model.layers[0].mlp.up_proj.weight.SCB = torch.ones(172)  # as int8 has the scales of its rows

    with pytest.raises(UserError, match="cannot train stories260k: its weights are quantized"):
        FullMethod().adapted(FullConfig(), replace(stories, model=model), seed=1)
    assert FullMethod().adapted(FullConfig(), stories, seed=1) is stories.model
