"""A saved model has one fp32 tensor per parameter, whatever precision it was trained in."""

from __future__ import annotations

import pytest
import torch
import transformers
from safetensors.torch import load_file

from bakeoff.lm.sources import load_language_model
from bakeoff.pretrained.saving import save_full
from bakeoff.training.precision import MasterWeights
from tests.lm.conftest import random_gpt2


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_tied_weight_is_saved_once_in_full_precision(tmp_path, kind, precision):
    model = load_language_model("stories260k").model if kind == "llama" else random_gpt2()
    exact = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    weights = MasterWeights(model, precision).state()

    save_full(model, tmp_path, weights)

    saved = load_file(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}
    assert sum(tensor.numel() for tensor in saved.values()) == sum(tensor.numel() for tensor in exact.values())
    loaded = dict(transformers.AutoModelForCausalLM.from_pretrained(tmp_path).named_parameters())
    assert loaded.keys() == exact.keys()
    assert all(torch.equal(loaded[name], exact[name]) for name in exact)
