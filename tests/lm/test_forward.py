"""Padding and packing do not change losses, and models that are not causal are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.errors import UserError
from bakeoff.lm.batching import pad_rows
from bakeoff.lm.forward import CausalForward
from bakeoff.lm.scoring_plan import Row
from bakeoff.methods.lora.adapters import add_lora
from bakeoff.methods.lora.config import LoraConfig
from tests.lm.conftest import pack_texts, random_gpt2

TEXTS = st.lists(st.lists(st.integers(3, 511), min_size=2, max_size=20), min_size=1, max_size=6)


@pytest.fixture(params=["stories", "gpt2"])
def language_model(request):
    return request.getfixturevalue(request.param)


def alone(forward: CausalForward, text: list[int]) -> np.ndarray:
    ids = np.array(text)
    return forward.losses(pad_rows([Row(ids[:-1], ids[1:])])).numpy()


@settings(max_examples=15, deadline=None)
@given(texts=TEXTS)
@pytest.mark.parametrize("name", ["stories", "gpt2"])
def test_packed_and_padded_texts_have_the_losses_of_texts_alone(request, name, texts):
    forward = request.getfixturevalue(name).forward
    expected = np.concatenate([alone(forward, text) for text in texts])

    packed = forward.losses(pack_texts([np.array(text) for text in texts]))
    padded = forward.losses(pad_rows([Row(np.array(text[:-1]), np.array(text[1:])) for text in texts]))

    np.testing.assert_allclose(packed.numpy(), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(padded.numpy(), expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(texts=TEXTS, beginning=st.lists(st.integers(3, 511), min_size=16, max_size=20), first=st.integers(0, 20))
@pytest.mark.parametrize("name", ["stories", "gpt2"])
def test_a_common_beginning_is_computed_once(request, name, texts, beginning, first):
    forward = request.getfixturevalue(name).forward
    ids = [np.array([*beginning, *text]) for text in texts]
    rows = [Row(text[:-1], text[1:][first:], np.arange(len(text) - 1)[first:]) for text in ids]
    targets = [row for row in rows if len(row.targets)]

    batches = list(forward.batches(rows, 1000))

    if len(targets) > 1:
        ((numbers, batch),) = batches
        # All but the first text have the last tokens of their rows alone.
        assert batch.tokens <= sum(len(row.inputs) for row in targets) - len(beginning) * (len(targets) - 1)
        expected = np.concatenate([forward.losses(pad_rows([rows[number]])).numpy() for number in numbers])
        np.testing.assert_allclose(forward.losses(batch).numpy(), expected, rtol=1e-4, atol=1e-4)


def test_a_short_common_beginning_is_not_worth_it(stories):
    rows = [Row(np.array([3, 4, 5, number]), np.array([6])) for number in (7, 8)]

    ((_, batch),) = stories.forward.batches(rows, 1000)

    assert batch.tokens == 8


@settings(max_examples=15, deadline=None)
@given(texts=TEXTS, packed=st.booleans())
def test_halves_of_a_batch_have_its_losses(gpt2, texts, packed):
    if packed:
        batch = pack_texts([np.array(text) for text in texts])
    else:
        batch = pad_rows([Row(np.array(text[:-1]), np.array(text[1:])) for text in texts])
    pieces = [batch]
    while (finer := [half for piece in pieces for half in piece.split(2)]) and len(finer) > len(pieces):
        pieces = finer
        losses = np.concatenate([gpt2.forward.losses(piece).numpy() for piece in pieces])
        np.testing.assert_allclose(losses, gpt2.forward.losses(batch).numpy(), rtol=1e-4, atol=1e-4)
        assert sum(piece.tokens for piece in pieces) == batch.tokens

    assert len(pieces) == len(texts)


def test_losses_are_computed_in_parts_if_memory_runs_short(gpt2, monkeypatch):
    batch = pack_texts([np.arange(3, 20), np.arange(5, 11), np.arange(100, 130)])
    expected = gpt2.forward.losses(batch)
    whole = CausalForward._losses

    def refuse(self, part):
        if part.tokens > 30:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        return whole(self, part)

    monkeypatch.setattr(CausalForward, "_losses", refuse)

    torch.testing.assert_close(gpt2.forward.losses(batch), expected, rtol=1e-4, atol=1e-4)


def test_packed_gradients_are_the_sum_of_those_of_texts_alone(gpt2):
    texts = [np.array([5, 9, 3, 77]), np.array([8, 8, 400]), np.array([12, 13])]

    def gradient(batches):
        gpt2.model.zero_grad()
        for batch in batches:
            gpt2.forward.summed_loss(batch).backward()
        return gpt2.model.transformer.h[0].attn.c_attn.weight.grad.clone()

    expected = gradient([pack_texts([text]) for text in texts])

    torch.testing.assert_close(gradient([pack_texts(texts)]), expected, rtol=1e-4, atol=1e-4)
    gpt2.model.zero_grad()


def test_losses_equal_those_of_plain_transformers(language_model):
    ids = torch.randint(3, 512, (1, 30), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = language_model.model(ids, labels=ids).loss

    losses = language_model.forward.losses(pack_texts([ids[0].numpy()]))

    assert float(losses.mean()) == pytest.approx(float(expected), rel=1e-5)


def test_a_model_that_scales_its_logits_runs_as_a_whole():
    torch.manual_seed(0)
    config = transformers.CohereConfig(
        vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        logit_scale=0.3, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = transformers.CohereForCausalLM(config).eval()
    ids = torch.tensor([[1, 7, 30, 9, 5]])
    with torch.no_grad():
        expected = float(model(ids, labels=ids).loss)
    forward = CausalForward(model)
    batch = pack_texts([ids[0].numpy()])

    assert float(forward.losses(batch).mean()) == pytest.approx(expected, rel=1e-5)
    assert float(forward.summed_loss(batch).detach()) / batch.count == pytest.approx(expected, rel=1e-5)


def test_a_model_that_looks_ahead_is_refused():
    config = transformers.BertConfig(
        vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )

    with pytest.raises(UserError, match="bert models look at later tokens"):
        CausalForward(transformers.BertLMHeadModel(config))


def test_adapters_on_the_input_embeddings():
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    adapted = add_lora(
        transformers.LlamaForCausalLM(config),
        LoraConfig(target_modules=["embed_tokens", "q_proj"]),
        reference="",
        seed=0,
    )
    forward = CausalForward(adapted)

    assert len(forward.losses(pack_texts([[5, 7, 9]]))) == 2


def test_the_check_restores_training_mode():
    model = random_gpt2().train()
    CausalForward(model)

    assert model.training


HYBRIDS = {
    "convolutions": (
        transformers.Lfm2ForCausalLM,
        transformers.Lfm2Config,
        {"layer_types": ["conv", "full_attention"]},
    ),
    "Mamba": (
        transformers.BambaForCausalLM,
        transformers.BambaConfig,
        {"attn_layer_indices": [1], "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_chunk_size": 8},
    ),
}


def hybrid(name: str):
    """Return a small model with one layer that carries a state along the row, and one of attention."""
    model, config, more = HYBRIDS[name]
    torch.manual_seed(4)
    sizes = {
        "vocab_size": 512, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 2, "initializer_range": 0.3, "pad_token_id": 0,
    }  # fmt: skip
    return model(config(**sizes, **more)).eval()


@pytest.mark.parametrize("name", HYBRIDS)
def test_texts_that_a_model_would_mix_do_not_share_a_row(name):
    forward = CausalForward(hybrid(name))
    texts = [[5, 9, 3, 77, 8, 31], [8, 8, 400, 12, 90], [12, 13, 40, 41]]
    rows = [Row(np.array(text[:-1]), np.array(text[1:])) for text in texts]
    expected = [alone(forward, text) for text in texts]

    assert not forward.separates
    assert np.abs(forward.losses(pack_texts(texts)).numpy() - np.concatenate(expected)).max() > 0.01  # what it avoids
    for numbers, batch in forward.batches(rows, 1000):
        found = forward.losses(batch).numpy()
        np.testing.assert_allclose(found, np.concatenate([expected[n] for n in numbers]), rtol=1e-4, atol=1e-4)


def test_models_of_attention_alone_keep_texts_apart(language_model):
    assert language_model.forward.separates
