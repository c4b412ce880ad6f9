"""With or without kept activations: the same loss and the same gradients, from fewer kept numbers."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import transformers

from bakeoff.errors import UserError
from bakeoff.lm.forward import CausalForward
from bakeoff.methods.fine_tuning.activation_checkpointing import checkpoint_activations
from bakeoff.methods.lora.adapters import add_lora
from bakeoff.methods.lora.config import LoraConfig
from tests.lm.conftest import pack_texts, random_gpt2

pytestmark = pytest.mark.usefixtures("one_thread")

BATCH = pack_texts([np.arange(3, 40), np.arange(200, 225), np.array([7, 7])])


def gradients(model) -> tuple[float, dict[str, torch.Tensor], int]:
    """Loss, gradients by name, and how many numbers were kept for the backward pass."""
    forward = CausalForward(model.train())
    kept: dict[int, int] = {}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    torch.manual_seed(4)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        loss = forward.summed_loss(BATCH)
    loss.backward()
    found = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return loss.item(), found, sum(kept.values())


@pytest.mark.parametrize("adapted", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize("architecture", ["stories", "gpt2"])
def test_gradients_are_those_without_it(request, architecture, adapted):
    """GPT-2's configuration and the adapter drop a tenth of their activations at random."""
    model = copy.deepcopy(request.getfixturevalue(architecture).model)
    if adapted:
        settings = LoraConfig(r=4, lora_dropout=0.1, target_modules="all-linear")
        model = add_lora(model, settings, reference="base", seed=1)
        for name, weight in model.named_parameters():
            if "lora_B" in name:  # with zeros there the other half of an adapter has no gradient
                torch.nn.init.normal_(weight, std=0.1)
    checkpointed = copy.deepcopy(model)

    checkpoint_activations(checkpointed)

    loss, expected, kept = gradients(model)
    ours, found, kept_less = gradients(checkpointed)
    assert ours == pytest.approx(loss, rel=1e-6)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-6, atol=1e-6)
    assert kept_less < 0.6 * kept


def test_an_architecture_without_it_is_told():
    model = random_gpt2()
    model.supports_gradient_checkpointing = False

    with pytest.raises(UserError, match="does not support"):
        checkpoint_activations(model)
    assert isinstance(model, transformers.PreTrainedModel)
