"""With the kernels, a model computes the same as transformers and PEFT without them."""

from __future__ import annotations

import copy
import json

import peft
import pytest
import torch
import transformers
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.models.falcon_h1.modeling_falcon_h1 import FalconH1MLP

from bakeoff.lm.forward import CausalForward
from bakeoff.pretrained.kernels import encoder_attention, transformers_attention
from bakeoff.pretrained.kernels.install import install_kernels
from bakeoff.pretrained.kernels.lora import install_lora
from bakeoff.pretrained.kernels.mlp import install_mlp
from bakeoff.pretrained.kernels.norm import install_norm

IDS = torch.arange(3, 153).view(2, 75)


def llama(**changes) -> transformers.PreTrainedModel:
    torch.manual_seed(1)
    sizes = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "vocab_size": 160}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, **heads, **changes))


def test_a_gated_layer_that_scales_is_left_alone():
    config = transformers.FalconH1Config(hidden_size=24, intermediate_size=40, mlp_multipliers=[0.5, 2.0])
    scaling = FalconH1MLP(config)
    plain = llama().model.layers[0].mlp
    state = torch.get_rng_state()

    install_mlp(scaling)
    install_mlp(plain)

    assert "forward" not in vars(scaling)
    assert "forward" in vars(plain)
    assert torch.equal(torch.get_rng_state(), state)


def gpt2(**changes) -> transformers.PreTrainedModel:
    torch.manual_seed(1)
    config = transformers.GPT2Config(vocab_size=160, n_positions=80, n_embd=24, n_layer=2, n_head=4, **changes)
    return transformers.GPT2LMHeadModel(config)


def qwen() -> transformers.PreTrainedModel:
    """Make a Qwen3: Llama's modules, with norms on queries and keys."""
    torch.manual_seed(1)
    sizes = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "vocab_size": 160, "head_dim": 8}
    return transformers.Qwen3ForCausalLM(
        transformers.Qwen3Config(**sizes, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=80)
    )


MODELS = {"llama": llama, "tied": lambda: llama(tie_word_embeddings=True), "gpt2": gpt2, "qwen": qwen}


def deepseek() -> transformers.PreTrainedModel:
    """Make a DeepSeek-V3: values have another head size than keys, and experts share products."""
    torch.manual_seed(1)
    sizes = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "vocab_size": 160}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "q_lora_rank": 16, "kv_lora_rank": 16}
    head_sizes = {"qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8}
    experts = {
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "n_group": 1,
        "topk_group": 1,
        "moe_intermediate_size": 16,
    }
    return transformers.DeepseekV3ForCausalLM(
        transformers.DeepseekV3Config(**sizes, **heads, **head_sizes, **experts, first_k_dense_replace=1)
    )


def nanochat() -> transformers.PreTrainedModel:
    """Make a NanoChat, whose norms have no weights."""
    torch.manual_seed(1)
    sizes = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "vocab_size": 160}
    return transformers.NanoChatForCausalLM(
        transformers.NanoChatConfig(**sizes, num_attention_heads=4, num_key_value_heads=2)
    )


@pytest.mark.parametrize("make", [deepseek, nanochat])
def test_what_the_kernels_do_not_know_is_left_alone(make):
    model = make().eval()
    with torch.no_grad():
        expected = model(input_ids=IDS).logits
    CausalForward(model)

    with torch.no_grad():
        torch.testing.assert_close(model(input_ids=IDS).logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kernel", [transformers_attention, encoder_attention])
def test_a_bias_of_positions_is_respected(kernel):
    module = torch.nn.Module()
    module.is_causal = kernel is transformers_attention
    query, key, value = torch.randn(3, 2, 4, 10, 8).to(torch.bfloat16)
    bias = torch.randn(1, 4, 10, 10).to(torch.bfloat16)

    found, _ = kernel.attention_forward(module, query, key, value, None, position_bias=bias)
    expected, _ = sdpa_attention_forward(module, query, key, value, None, position_bias=bias)

    torch.testing.assert_close(found, expected)


def adapted(model: transformers.PreTrainedModel, dropout: float = 0.0) -> peft.PeftModel:
    torch.manual_seed(2)
    is_gpt2 = model.config.model_type == "gpt2"
    config = peft.LoraConfig(
        r=3, lora_alpha=5, lora_dropout=dropout, target_modules="all-linear", fan_in_fan_out=is_gpt2
    )
    model = peft.get_peft_model(model, config)
    for name, weight in model.named_parameters():
        if "lora_B" in name:  # zero at first, so the adapter would have no effect
            torch.nn.init.normal_(weight, std=0.2)
    return model


def loss_and_gradients(model, **inputs) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    loss = model(**(inputs or {"input_ids": IDS, "labels": IDS})).loss
    loss.backward()
    return loss.detach(), {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
def test_loss_and_gradients_equal_those_of_the_libraries(name, lora):
    model = MODELS[name]()
    model = (adapted(model) if lora else model).eval()  # without dropout
    plain = copy.deepcopy(model)
    install_kernels(model)

    expected_loss, expected = loss_and_gradients(plain)
    our_loss, ours = loss_and_gradients(model)

    torch.testing.assert_close(our_loss, expected_loss)
    assert ours.keys() == expected.keys()
    for weight, gradient in expected.items():
        assert (ours[weight] - gradient).norm() <= 1e-5 * gradient.norm() + 1e-9, weight


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_loras_dropout_drops_before_the_adapter_and_nowhere_else(name):
    model = adapted(MODELS[name](), dropout=0.5).eval()
    install_kernels(model)
    layer = next(module for module in model.modules() if isinstance(module, peft.tuners.lora.Linear))
    inputs = torch.randn(3, layer.in_features)
    base = layer.base_layer(inputs)
    whole = layer(inputs) - base
    layer.lora_dropout.train()

    with torch.no_grad():
        draws = torch.stack([layer(inputs) - base for _ in range(4000)])

    assert draws.std(0).min() > 0
    assert (draws.mean(0) - whole).norm() / whole.norm() < 0.1


@pytest.mark.parametrize("bias", [False, True])
def test_in_bf16_a_small_adapter_costs_no_second_rounding_of_the_layer(bias):
    """Rounding the layer first and then its sum with the adapter once raised a LoRA's perplexity by 0.3 %."""
    torch.manual_seed(3)
    layer = torch.nn.ModuleDict({"linear": torch.nn.Linear(64, 96, bias=bias)})
    config = peft.LoraConfig(r=40, lora_alpha=4, target_modules=["linear"], init_lora_weights=False)
    layer = peft.inject_adapter_in_model(config, layer).eval().to(torch.bfloat16)
    inputs = torch.randn(500, 64, dtype=torch.bfloat16)
    exact = copy.deepcopy(layer).double()["linear"](inputs.double())
    install_lora(layer["linear"])

    def mean_error(values: torch.Tensor) -> torch.Tensor:
        return (values.double() - exact).abs().mean()

    assert mean_error(layer["linear"](inputs)) < 1.15 * mean_error(exact.to(torch.bfloat16))


def test_in_bf16_a_normalization_rounds_once():
    torch.manual_seed(4)
    norm = transformers.models.llama.modeling_llama.LlamaRMSNorm(48)
    norm.weight.data.uniform_(0.5, 2)
    norm = norm.to(torch.bfloat16)
    inputs = torch.randn(700, 48, dtype=torch.bfloat16)
    wide = inputs.double()
    exact = norm.weight.double() * wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + norm.variance_epsilon)
    install_norm(norm)

    wrong = norm(inputs) != exact.to(torch.bfloat16)

    assert wrong.double().mean() < 0.001  # where fp32 and fp64 fall on different sides of a half


def test_peft_still_merges_and_disables_its_adapters():
    model = adapted(llama()).eval()
    install_kernels(model)
    with torch.no_grad():
        expected = model(input_ids=IDS).logits
        with model.disable_adapter():
            base = model(input_ids=IDS).logits
        merged = model.merge_and_unload()(input_ids=IDS).logits
    torch.testing.assert_close(merged, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(base, expected, atol=1e-3)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_generation_with_padding_and_a_cache_is_that_of_transformers(name):
    model = MODELS[name]().eval()
    ids, mask = IDS[:, :10], torch.ones(2, 10, dtype=torch.long)
    mask[0, :4] = 0
    settings = {"attention_mask": mask, "max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
    expected = model.generate(ids, **settings)
    install_kernels(model)
    assert model.config._attn_implementation == transformers_attention.NAME
    assert torch.equal(model.generate(ids, **settings), expected)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_in_bf16_a_cache_counts_whatever_transformers_calls_it(name):
    model = MODELS[name]().bfloat16().eval()
    forward = CausalForward(model)  # installs the kernels, which are for bf16

    whole, _ = forward.next_logits(IDS[:, :40], None)
    _, cache = forward.next_logits(IDS[:, :39], None)
    last, _ = forward.next_logits(IDS[:, 39:40], cache)
    alone, _ = forward.next_logits(IDS[:, 39:40], None)

    assert (last - whole).abs().max() < 0.2 * (alone - whole).abs().max()


def test_a_saved_model_does_not_mention_the_kernels(tmp_path):
    model = llama()
    install_kernels(model)
    model.save_pretrained(tmp_path)
    assert transformers_attention.NAME not in (tmp_path / "config.json").read_text()
    assert json.loads((tmp_path / "config.json").read_text())["hidden_size"] == 24
    reloaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(reloaded(input_ids=IDS).logits, model(input_ids=IDS).logits, rtol=1e-4, atol=1e-5)


def test_a_normalization_by_another_formula_is_left_alone():
    class OffsetRMSNorm(torch.nn.Module):  # Gemma's
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.eps = torch.nn.Parameter(torch.zeros(8)), 1e-6

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return values * torch.rsqrt(values.square().mean(-1, keepdim=True) + self.eps) * (1 + self.weight)

    norm = OffsetRMSNorm()
    install_norm(norm)
    assert "forward" not in vars(norm)


def test_an_attention_window_is_respected():
    torch.manual_seed(1)
    sizes = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "vocab_size": 160}
    config = transformers.MistralConfig(**sizes, num_attention_heads=4, num_key_value_heads=2, sliding_window=8)
    model = transformers.MistralForCausalLM(config).eval()
    with torch.no_grad():
        expected = model(input_ids=IDS).logits
        install_kernels(model)
        torch.testing.assert_close(model(input_ids=IDS).logits, expected, rtol=1e-4, atol=1e-5)
