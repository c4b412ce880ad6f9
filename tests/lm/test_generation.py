"""Greedy text equals that of transformers; sampling respects its seed and its limits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.errors import UserError
from bakeoff.lm.generation import draw, stream_tokens
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
