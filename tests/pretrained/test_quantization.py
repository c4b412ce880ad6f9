"""Quantized frozen weights: plain PEFT on the dequantized model is the oracle for losses and gradients."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from bakeoff.errors import UserError
from bakeoff.lm.forward import CausalForward
from bakeoff.lm.sources import load_language_model
from bakeoff.methods.fine_tuning.activation_checkpointing import checkpoint_activations
from bakeoff.methods.lora.adapters import add_lora
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.pretrained.adapters import count_parameters
from bakeoff.pretrained.packaged_models import packaged_folder
from bakeoff.pretrained.quantization import dequantized, is_quantized
from bakeoff.training.precision import MasterWeights
from tests.lm.conftest import pack_texts, random_gpt2

bitsandbytes = pytest.importorskip("bitsandbytes", reason="bitsandbytes is in the extra `quantization`")
pytestmark = pytest.mark.usefixtures("one_thread")

TEXTS = [np.arange(3, 40), np.arange(200, 225), np.array([7, 9])]
BATCH = pack_texts(TEXTS)
KINDS = ["int8", "nf4"]


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def folder(request, stories, tmp_path_factory):
    """A Llama with matrices that no block of 64 weights fits, and a GPT-2, which stores its weights transposed."""
    if request.param == "llama":
        return packaged_folder("stories260k")
    path = tmp_path_factory.mktemp("gpt2")
    model = random_gpt2()
    model.config.attn_pdrop = model.config.embd_pdrop = model.config.resid_pdrop = 0.0
    model.save_pretrained(path)
    stories.tokenizer.save_pretrained(path)
    return path


def quantized(folder, kind):
    return load_language_model(str(folder), quantization=kind).model


def by_hand(layer) -> torch.Tensor:
    """The weight that is stored: for nf4 each half of a byte chooses a value, scaled by its block of 64 weights."""
    weight = layer.weight
    if weight.dtype == torch.int8:
        return weight.data * weight.SCB[:, None] / 127
    state = weight.quant_state
    scales = bitsandbytes.functional.dequantize_blockwise(state.absmax, state.state2) + state.offset
    halves = torch.stack([weight.data >> 4, weight.data & 15], dim=-1).flatten().long()
    values = bitsandbytes.functional.get_4bit_type("nf4", device="cpu")[halves]
    return (values * scales.repeat_interleave(64)[: len(values)]).view(state.shape)


def dequantized_model(folder, model):
    """The model by plain transformers, with the rounded weights of `model`."""
    plain = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for name, layer in model.named_modules():
        if is_quantized(layer):
            module = plain.get_submodule(name)
            weight = by_hand(layer)
            module.weight.data = weight if isinstance(module, torch.nn.Linear) else weight.t().contiguous()
    return plain


def adapted(model, **settings):
    config = LoraConfig(**{"r": 4, "target_modules": "all-linear", **settings})
    model = add_lora(copy.deepcopy(model), config, reference="base", seed=1)
    torch.manual_seed(3)
    for name, weight in model.named_parameters():
        if "lora_B" in name:  # with zeros there the other half of an adapter has no gradient
            torch.nn.init.normal_(weight, std=0.1)
    return model.train()


def gradients(model) -> dict[str, torch.Tensor]:
    return {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}


def plain_loss(model) -> torch.Tensor:
    """The summed loss by PEFT and transformers, a text at a time."""
    total = torch.zeros(())
    for text in TEXTS:
        ids = torch.from_numpy(text)[None]
        logits = model(input_ids=ids).logits[0, :-1]
        total = total + torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum")
    return total


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_those_that_are_stored(folder, kind):
    model = quantized(folder, kind)
    original = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)

    layers = {name: layer for name, layer in model.named_modules() if is_quantized(layer)}

    assert {name.rsplit(".", 1)[-1] for name in layers} in (
        {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
        {"c_attn", "c_proj", "c_fc"},
    )
    for name, layer in layers.items():
        weight, module = dequantized(layer, torch.float32), original.get_submodule(name)
        torch.testing.assert_close(weight, by_hand(layer), rtol=1e-6, atol=1e-8)
        torch.testing.assert_close(dequantized(layer, torch.bfloat16), weight.bfloat16(), rtol=2**-8, atol=1e-8)
        exact = module.weight if isinstance(module, torch.nn.Linear) else module.weight.t()
        error = (weight - exact).norm() / exact.norm()
        assert 0 < error < {"int8": 0.01, "nf4": 0.11}[kind]
    assert count_parameters(model) == count_parameters(original)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_plain_peft_on_the_dequantized_model(folder, kind):
    base = quantized(folder, kind)
    plain = adapted(dequantized_model(folder, base))
    ours = adapted(base)
    expected = plain_loss(plain)
    expected.backward()

    loss = CausalForward(ours).summed_loss(BATCH)
    loss.backward()

    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    found = gradients(ours)
    for name, gradient in gradients(plain).items():
        assert gradient.norm() > 0
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max()))


@pytest.mark.parametrize("kind", KINDS)
def test_an_evaluation_computes_the_same_and_leaves_the_training_alone(folder, kind):
    """bitsandbytes itself would round the inputs of int8 layers, and rearrange 4-bit weights for good."""
    model = adapted(quantized(folder, kind))
    forward = CausalForward(model)
    first = forward.summed_loss(BATCH)
    first.backward()
    expected = {name: gradient.clone() for name, gradient in gradients(model).items()}
    model.zero_grad()

    evaluated = CausalForward(model.eval()).losses(BATCH).sum()
    again = CausalForward(model.train()).summed_loss(BATCH)
    again.backward()

    assert evaluated.item() == pytest.approx(first.item(), rel=1e-6)
    assert again.item() == first.item()
    for name, gradient in gradients(model).items():
        assert torch.equal(gradient, expected[name])


@pytest.mark.parametrize("kind", KINDS)
def test_checkpointed_activations_change_nothing(folder, kind):
    model = adapted(quantized(folder, kind), lora_dropout=0.1)
    checkpointed = copy.deepcopy(model)
    checkpoint_activations(checkpointed)
    kept: list[int] = []

    def backward(model) -> float:
        sizes: dict[int, int] = {}
        torch.manual_seed(4)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: (sizes.update({tensor.data_ptr(): tensor.nbytes}), tensor)[1], lambda tensor: tensor
        ):
            loss = CausalForward(model).summed_loss(BATCH)
        kept.append(sum(sizes.values()))
        loss.backward()
        return loss.item()

    assert backward(checkpointed) == pytest.approx(backward(model), rel=1e-6)
    found = gradients(checkpointed)
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-6, atol=1e-6)
    assert kept[0] < 0.6 * kept[1]


@pytest.mark.parametrize("kind", KINDS)
def test_bf16_computes_with_the_same_quantized_weights(folder, kind):
    base = quantized(folder, kind)
    dense, model = adapted(dequantized_model(folder, base)), adapted(base)
    for each in (dense, model):
        MasterWeights(each, "bf16")

    loss = CausalForward(model).summed_loss(BATCH)
    loss.backward()

    assert {weight.dtype for weight in model.parameters() if weight.is_floating_point()} == {torch.bfloat16}
    assert loss.item() == pytest.approx(CausalForward(dense).summed_loss(BATCH).item(), rel=1e-3)


@pytest.mark.parametrize(("kind", "share"), [("int8", 0.27), ("nf4", 0.14)])
def test_quantized_layers_take_a_fraction_of_the_memory(kind, share):
    model = quantized("stories260k", kind)

    def stored(weight) -> int:
        state = getattr(weight, "quant_state", None)
        scales = [weight.SCB] if state is None else [state.absmax, state.state2.absmax]
        return weight.nbytes + sum(tensor.nbytes for tensor in scales)

    layers = [layer for layer in model.modules() if is_quantized(layer)]
    taken = sum(stored(layer.weight) for layer in layers)
    assert taken < share * sum(4 * layer.in_features * layer.out_features for layer in layers)


# --- what is refused --------------------------------------------------------------------------------------------------


def refused(name, kind="nf4") -> str:
    with pytest.raises(UserError) as caught:
        load_language_model(str(name), quantization=kind)
    return str(caught.value)


def test_damaged_weights_are_named_although_no_quantized_weight_shows_them(stories_folder):
    path = stories_folder / "model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if name.endswith("up_proj.weight"))
    weights[name][3, 5] = torch.nan
    save_file(weights, path, metadata={"format": "pt"})

    assert f"{name} holds values that are not numbers" in refused(stories_folder)


def test_a_model_that_is_quantized_already_is_refused(tmp_path):
    quantized("stories260k", "nf4").save_pretrained(tmp_path)

    with pytest.raises(UserError, match="its weights are quantized already"):
        load_language_model(str(tmp_path))


def test_an_adapter_and_a_gguf_file_are_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "model.gguf").write_bytes(b"GGUF")

    assert "is an adapter, which `quantization: nf4` is not for" in refused(tmp_path)
    assert "is a GGUF file, which `quantization: int8` is not for" in refused(tmp_path / "model.gguf", "int8")


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setattr("bakeoff.packages.missing_modules", lambda extra: ["bitsandbytes"])

    assert refused("stories260k") == (
        "`quantization: nf4` needs bitsandbytes, which is not installed.\n"
        "Install with: pip install 'bakeoff[quantization]'\nOr leave `quantization` out."
    )
