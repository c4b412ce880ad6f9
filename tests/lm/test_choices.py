"""Continuations in a tree are scored as each on its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers

from bakeoff.lm import choices as choices_module
from bakeoff.lm.choices import Choices
from bakeoff.lm.sources import ready

BEGINNING = [1, 5, 6, 7]
CONTINUATIONS = [[3], [4, 5], [4, 6, 7]]
PROMPTS = [[9, 10, 11], [12], list(range(20, 60)), [13, 14]]


def alone(model, prompt, continuation) -> float:
    """Return the log-probability by transformers' own forward pass over one whole text."""
    ids = [*BEGINNING, *prompt, *continuation]
    with torch.no_grad():
        losses = model.model(torch.tensor([ids]), use_cache=False).logits[0].double().log_softmax(-1)
    first = len(ids) - len(continuation)
    return sum(float(losses[at - 1, ids[at]]) for at in range(first, len(ids)))


@pytest.mark.parametrize("name", ["stories", "gpt2"])
@pytest.mark.parametrize("at_once", [1, 50, 1000])
def test_as_transformers_scores_each_text_alone(request, monkeypatch, name, at_once):
    model = request.getfixturevalue(name)
    monkeypatch.setattr(choices_module, "TOKENS_AT_ONCE", at_once)
    choices = Choices(model, BEGINNING, CONTINUATIONS)

    found = choices.log_probabilities(PROMPTS)

    expected = [[alone(model, prompt, continuation) for continuation in CONTINUATIONS] for prompt in PROMPTS]
    assert choices._can_pack
    assert found == pytest.approx(np.array(expected), abs=1e-3)


def test_a_model_without_trees_scores_texts_one_by_one(stories, monkeypatch):
    monkeypatch.setattr(Choices, "_packed", lambda self, prompts: torch.zeros(len(prompts), 3, dtype=torch.float64))
    choices = Choices(stories, BEGINNING, CONTINUATIONS)

    assert not choices._can_pack
    assert choices.log_probabilities(PROMPTS)[1, 2] == pytest.approx(
        alone(stories, PROMPTS[1], CONTINUATIONS[2]), abs=1e-3
    )


def test_a_model_with_a_window_scores_texts_one_by_one(stories):
    torch.manual_seed(3)
    config = transformers.MistralConfig(
        vocab_size=512, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, sliding_window=16,
    )  # fmt: skip
    network = transformers.MistralForCausalLM(config).eval()
    model = ready(network, stories.tokenizer, name="tiny", reference="tiny", precision="fp32")

    found = Choices(model, BEGINNING, CONTINUATIONS).log_probabilities(PROMPTS)

    expected = [[alone(model, prompt, continuation) for continuation in CONTINUATIONS] for prompt in PROMPTS]
    assert found == pytest.approx(np.array(expected), abs=1e-3)


def test_the_beginning_is_computed_once(stories, monkeypatch):
    choices = Choices(stories, BEGINNING, CONTINUATIONS)
    choices.log_probabilities(PROMPTS)
    cache = choices._cache

    assert cache.get_seq_length() == len(BEGINNING)

    lengths = []
    backbone = stories.model.get_decoder()
    hook = backbone.register_forward_pre_hook(
        lambda _, args, given: lengths.append(given["input_ids"].shape[1]), with_kwargs=True
    )
    shares: list[float] = []
    choices.log_probabilities(PROMPTS, shares.append)
    hook.remove()

    assert lengths == [sum(map(len, PROMPTS)) + len(PROMPTS) * 3]  # three tokens of continuations predict another one
    assert shares == [1.0]
