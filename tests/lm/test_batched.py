"""Prompts that are continued together get the tokens that each gets alone."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.lm.decoding import batched
from bakeoff.lm.decoding.batched import can_batch, decode_all
from bakeoff.lm.generation import stream_tokens
from bakeoff.lm.prompting import Prompting
from bakeoff.pretrained import cache_name

PROMPTED = ("Once upon a time", "The big dog", "Lily and Tom went to")
PROMPTS = st.lists(st.lists(st.integers(3, 511), min_size=1, max_size=12), min_size=2, max_size=6)


def alone(model, prompt: list[int], limit: int) -> list[int]:
    return list(stream_tokens(model, prompt, max_new_tokens=limit))


@pytest.mark.parametrize("name", ["stories", "gpt2"])
def test_models_that_keep_all_keys_can_batch(request, name):
    assert request.getfixturevalue(name).decodes_batches


def test_models_with_another_cache_cannot(stories, monkeypatch):
    monkeypatch.setattr(cache_name, "DynamicLayer", SimpleNamespace)

    assert not can_batch(stories.forward)


@settings(max_examples=10, deadline=None)
@given(prompts=PROMPTS, beginning=st.sampled_from([0, 17]), limit=st.integers(1, 9))
@pytest.mark.parametrize("name", ["stories", "gpt2"])
def test_tokens_are_those_of_each_prompt_alone(request, name, prompts, beginning, limit):
    model = request.getfixturevalue(name)
    prompts = [[*range(40, 40 + beginning), *prompt] for prompt in prompts]
    shares: list[float] = []

    answers = decode_all(
        model.forward,
        prompts,
        limit=limit,
        ends={2},
        ended=lambda number, ids: len(ids) > number + 2,
        share=shares.append,
    )

    for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        assert answer.ids == alone(model, prompt, min(limit, number + 3))
    assert shares[-1] == 1


def test_small_batches_give_the_same_tokens(stories, monkeypatch):
    monkeypatch.setattr(batched, "TOKENS_AT_ONCE", 20)
    prompts = [[40, 41, 42], [50], [60, 61], [70, 71, 72, 73]]

    answers = decode_all(stories.forward, prompts, limit=5, ends={2}, ended=lambda *_: False)

    assert [answer.ids for answer in answers] == [alone(stories, prompt, 5) for prompt in prompts]


@pytest.mark.parametrize("stop", ["\n", " the", "."])
def test_answers_end_where_they_do_alone(stories, stop):
    model = dataclasses.replace(stories, prompting=Prompting("{prompt}{completion}", (stop,)))
    prompts = [model.prompt_ids(text) for text in PROMPTED]

    together = model.write_all(prompts, max_new_tokens=40)
    whole = model.write_all(prompts, max_new_tokens=40, whole=True)

    assert [text for text, _ in whole] == [stories.generate(text, max_new_tokens=40) for text in PROMPTED]
    assert [text for text, _ in together] == ["".join(model.stream_ids(ids, max_new_tokens=40)) for ids in prompts]
    assert all(0 < report.tokens <= 40 for _, report in together)
