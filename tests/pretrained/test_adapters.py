"""LoRA and its variants start as the model that they adapt, and plain PEFT computes the trained model."""

from __future__ import annotations

import copy

import peft
import peft.optimizers
import pytest
import torch
import transformers

from bakeoff.errors import UserError
from bakeoff.lm.sources import load_language_model
from bakeoff.methods.lora.adapters import add_lora, rate_multipliers
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.pretrained.adapters import adapted_layers, save_adapter, trained_weights
from bakeoff.pretrained.pointer import write_pointer
from bakeoff.training.precision import MasterWeights
from tests.lm.conftest import random_gpt2

VARIANTS = ["lora", "rslora", "dora", "pissa", "loraplus"]
TOKENS = torch.tensor([[1, 403, 407, 261, 378, 31, 285]])


@pytest.fixture(params=["llama", "gpt2"])
def base(request, stories):
    return copy.deepcopy(stories.model) if request.param == "llama" else random_gpt2()


def adapt(model, variant: str = "lora", **settings):
    contestant = LoraConfig(variant=variant, **{"r": 4, "target_modules": "all-linear", **settings})
    return add_lora(copy.deepcopy(model), contestant, reference="base", seed=1)


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(TOKENS).logits


def move(model) -> None:
    """Change every trained parameter, in place of a training."""
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.05 * torch.randn_like(parameter)


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_adapted_model_starts_as_the_model_it_adapts(base, variant):
    torch.testing.assert_close(logits(adapt(base, variant)), logits(base), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_plain_peft_computes_the_same_on_the_original_model(base, variant, tmp_path):
    """Include PiSSA, although it changed the weights of the model that was trained."""
    adapted = adapt(base, variant)
    first = trained_weights(adapted) if variant == "pissa" else None
    move(adapted)

    save_adapter(adapted, tmp_path, MasterWeights(adapted, "fp32").state(), taken_out=first)
    plain = peft.PeftModel.from_pretrained(copy.deepcopy(base), tmp_path)

    assert (logits(adapted) - logits(base)).abs().max() > 0.1
    torch.testing.assert_close(logits(plain), logits(adapted), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logits(plain.merge_and_unload()), logits(adapted), rtol=1e-4, atol=1e-4)


def test_a_merged_model_can_be_trained_further(stories, tmp_path):
    adapted = adapt(stories.model)
    save_adapter(adapted, tmp_path, MasterWeights(adapted, "fp32").state())
    write_pointer(tmp_path, "stories260k")

    assert all(weight.requires_grad for weight in load_language_model(str(tmp_path)).model.parameters())


def test_pissa_is_saved_in_full_precision_after_training_in_bf16(base, tmp_path):
    """Check that the initial values are subtracted in fp32, so that an untrained adapter changes nothing."""
    adapted = adapt(base, "pissa")
    first = trained_weights(adapted)
    weights = MasterWeights(adapted, "bf16")

    save_adapter(adapted, tmp_path, weights.state(), taken_out=first)
    plain = peft.PeftModel.from_pretrained(copy.deepcopy(base), tmp_path)

    torch.testing.assert_close(logits(plain), logits(base), rtol=1e-4, atol=1e-4)


def test_rslora_scales_by_the_root_of_the_rank(base, tmp_path):
    scales = {
        variant: {scale for layer in adapt(base, variant, r=16, lora_alpha=8).modules()
                  if isinstance(layer, peft.tuners.lora.LoraLayer) for scale in layer.scaling.values()}
        for variant in ("lora", "rslora")
    }  # fmt: skip

    assert scales == {"lora": {0.5}, "rslora": {2.0}}


def test_pissa_takes_the_largest_singular_values_out(base):
    adapted = adapt(base, "pissa", r=8)
    name = next(name for name, layer in adapted.named_modules() if isinstance(layer, peft.tuners.lora.Linear))
    after = adapted.get_submodule(name).get_base_layer().weight
    before = base.get_submodule(name.removeprefix("base_model.model.")).weight

    expected = torch.linalg.svdvals(before)
    torch.testing.assert_close(torch.linalg.svdvals(after)[: len(expected) - 8], expected[8:], rtol=0.05, atol=1e-3)


def test_loraplus_trains_only_the_b_matrices_faster(base):
    contestant = LoraConfig(variant="loraplus", loraplus_ratio=4, target_modules="all-linear")
    adapted = add_lora(base, contestant, reference="base", seed=1)

    multipliers = rate_multipliers(adapted, contestant)
    assert set(multipliers.values()) == {4.0}
    assert multipliers.keys() == {name for name in trained_weights(adapted) if "lora_B" in name}
    assert rate_multipliers(adapted, LoraConfig()) == {}
    theirs = peft.optimizers.create_loraplus_optimizer(adapted, torch.optim.AdamW, lr=1.0, loraplus_lr_ratio=4)
    faster = {id(weight) for group in theirs.param_groups if group["lr"] == 4 for weight in group["params"]}
    assert faster == {id(weight) for name, weight in adapted.named_parameters() if name in multipliers}


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_adapter_on_tied_weights_is_refused(base, variant):
    """Merging it would change the embeddings as well."""
    with pytest.raises(UserError, match=r"cannot adapt lm_head: it shares its weights"):
        adapt(base, variant, target_modules=["lm_head"])


def test_pissa_is_refused_if_there_are_too_few_singular_values(base):
    with pytest.raises(UserError, match=r"has 32, not 40.\nSet r to 32 or less"):
        adapt(base, "pissa", r=40)


@pytest.mark.parametrize("variant", VARIANTS)
def test_layers_that_do_not_exist_are_refused(base, variant):
    with pytest.raises(UserError, match=r"LoRA finds no layers(.|\n)*`all-linear`"):
        adapt(base, variant, target_modules=["query"])


def test_layers_whose_weights_are_read_without_calling_them_get_no_adapter():
    config = transformers.FalconH1Config(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, mamba_d_ssm=32, mamba_n_heads=4, mamba_d_head=8, mamba_d_state=8, mamba_chunk_size=8,
    )  # fmt: skip
    model = transformers.FalconH1ForCausalLM(config)

    names = {name.rsplit(".", 1)[-1] for name, _ in adapted_layers(adapt(model))}

    assert names == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "in_proj"}
    with pytest.raises(UserError, match="in_proj") as caught:
        adapt(model, target_modules=["out_proj"])
    assert "out_proj" not in caught.value.hint
