"""Greedy text equals that of transformers; sampling respects its seed and its limits."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.errors import UserError
from bakeoff.lm.generation import draw, stream_tokens
from bakeoff.lm.prompting import Prompting
from bakeoff.lm.sources import ready
from bakeoff.lm.streaming import text_pieces
from bakeoff.lm.tokens import prompt_tokens


@pytest.mark.parametrize("name", ["stories", "gpt2"])
@pytest.mark.parametrize("prompt", ["Once upon a time", "The dog", ""])
def test_greedy_equals_plain_transformers(request, name, prompt):
    language_model = request.getfixturevalue(name)
    ids = prompt_tokens(language_model.tokenizer, prompt)
    plain = language_model.model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=40,
        do_sample=False, pad_token_id=0, eos_token_id=2,
    )[0, len(ids) :].tolist()  # fmt: skip

    new_ids = list(stream_tokens(language_model, ids, max_new_tokens=40))

    assert new_ids == (plain[: plain.index(2)] if 2 in plain else plain)


def test_an_answer_ends_at_a_token_of_its_template(stories):
    prompts = [prompt_tokens(stories.tokenizer, text) for text in ("Once upon a time", "Lily was")]
    first, second = (list(stream_tokens(stories, ids, max_new_tokens=12)) for ids in prompts)
    model = replace(stories, prompting=Prompting(None, ends=(first[5], second[7])))
    expected = [
        [*itertools.takewhile(lambda token: token not in (first[5], second[7]), ids)] for ids in (first, second)
    ]

    assert [list(stream_tokens(model, ids, max_new_tokens=12)) for ids in prompts] == expected
    assert [report.tokens for _, report in model.write_all(prompts, max_new_tokens=12)] == [*map(len, expected)]


SIZES = {"vocab_size": 512, "hidden_size": 32, "num_hidden_layers": 2, "initializer_range": 0.3}
WITHOUT_KEYS = {
    "Mamba": (transformers.MambaForCausalLM, transformers.MambaConfig(**SIZES, state_size=4, pad_token_id=0)),
    "RWKV": (transformers.RwkvForCausalLM, transformers.RwkvConfig(**SIZES)),
    "RecurrentGemma": (
        transformers.RecurrentGemmaForCausalLM,
        transformers.RecurrentGemmaConfig(
            **SIZES | {"num_hidden_layers": 3}, intermediate_size=64, num_attention_heads=2, lru_width=32
        ),
    ),
    "GPT-1": (
        transformers.OpenAIGPTLMHeadModel,
        transformers.OpenAIGPTConfig(vocab_size=512, n_positions=64, n_embd=32, n_layer=2, n_head=4),
    ),
}


@pytest.mark.parametrize("name", WITHOUT_KEYS)
def test_models_that_keep_a_state_or_nothing(stories, name):
    kind, config = WITHOUT_KEYS[name]
    torch.manual_seed(3)
    network = kind(config).eval()
    model = ready(network, stories.tokenizer, name="tiny", reference="tiny", precision="fp32")
    prompt = [5, 6, 7]
    expected = list(prompt)
    with torch.no_grad():
        while len(expected) < 11:
            expected.append(int(network(torch.tensor([expected]), use_cache=False).logits[0, -1].argmax()))

    new_ids = list(stream_tokens(model, prompt, max_new_tokens=8))

    assert new_ids == expected[3:]
    assert not model.decodes_batches  # padding would enter the state


def test_the_published_beginning(stories):
    assert stories.generate("Once upon a time", max_new_tokens=60).startswith(
        ", there was a little girl named Lily. She loved to play outside in the park."
    )


def test_pieces_add_up_to_the_text(stories):
    pieces = list(stories.stream("Once upon a time", max_new_tokens=30))

    assert len(pieces) > 20
    assert "".join(pieces) == stories.generate("Once upon a time", max_new_tokens=30)


@pytest.mark.parametrize("text", ["süß – ein Café für 東京 🙂", " two  spaces", "Zeile\n\nZeile"])
def test_characters_of_several_tokens_come_in_one_piece(stories, text):
    prompt = stories.tokenizer("Once upon a time")["input_ids"]
    new = stories.tokenizer(f"x{text}")["input_ids"]

    pieces = list(text_pieces(stories.tokenizer, [1, *prompt], iter(new)))

    assert "".join(pieces).strip() == f"x{text}".strip()
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)


def test_a_text_ends_where_the_context_is_full(gpt2):
    prompt = [1, *range(3, 60)]

    assert len(list(stream_tokens(gpt2, prompt, max_new_tokens=100))) <= gpt2.context_length - len(prompt)


def test_the_same_seed_repeats_a_text_and_another_seed_does_not(stories):
    def write(seed: int) -> str:
        return stories.generate("Once upon a time", max_new_tokens=30, temperature=1.0, seed=seed)

    assert write(1) == write(1)
    assert write(1) != write(2)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), top_k=st.integers(1, 12), top_p=st.floats(0, 1), temperature=st.floats(0.1, 3))
def test_draws_stay_inside_top_k_and_top_p(seed, top_k, top_p, temperature):
    logits = torch.randn(12, generator=torch.Generator().manual_seed(seed)) * 3
    token = draw(logits, temperature, top_k, top_p, torch.Generator().manual_seed(seed))
    kept = (logits / temperature).softmax(-1).sort(descending=True)
    rank = int((kept.indices == token).nonzero())
    among_top_k = kept.values[:top_k] / kept.values[:top_k].sum()

    assert rank < top_k
    assert rank == 0 or float(among_top_k[:rank].sum()) < top_p + 1e-6


def test_draws_follow_the_probabilities():
    logits = torch.tensor([0.5, 0.2, 0.3]).log()
    random = torch.Generator().manual_seed(0)
    drawn = torch.tensor([draw(logits, 1.0, None, None, random) for _ in range(4000)]).bincount(minlength=3) / 4000

    torch.testing.assert_close(drawn, torch.tensor([0.5, 0.2, 0.3]), rtol=0, atol=0.04)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens must be at least 1"),
        ({"temperature": -1.0}, "temperature must be at least 0"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"top_p": 1.5}, "top_p must lie between 0 and 1"),
    ],
)
def test_settings_out_of_range(stories, settings, expected):
    with pytest.raises(UserError, match=expected):
        stories.generate("Once", **settings)


def test_a_prompt_that_fills_the_context(stories):
    with pytest.raises(UserError, match="the model sees no more than 512"):
        stories.generate("once " * 600)
