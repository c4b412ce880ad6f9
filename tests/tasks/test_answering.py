"""Prompts of which only a part is shown, so that there is room for an answer."""

from __future__ import annotations

import pytest

from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.errors import UserError
from bakeoff.lm.config import LanguageModelEvaluationConfig
from bakeoff.lm.examples import example_tokens, prompt_of
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.tasks.answering import answered_prompts, answering_notes, prompt_room
from tests.baking import bake
from tests.lm.example_corpora import TEMPLATE, pairs, split

pytestmark = pytest.mark.usefixtures("one_thread")


def test_long_answers_do_not_shorten_prompts_if_the_model_sees_more(stories):
    config = LanguageModelEvaluationConfig(context_length=64, max_new_tokens=200)

    assert stories.context_length > 64 + 200
    assert prompt_room(stories, config) == 64


def test_prompts_are_cut_and_counted_where_the_model_has_no_room_for_both(stories):
    config = LanguageModelEvaluationConfig(answers=4, max_new_tokens=stories.context_length - 20)
    examples = example_tokens(stories.tokenizer, pairs())
    lengths = [len(prompt_of(example, 1000)) for example in examples[:4]]
    long = sum(length > 20 for length in lengths)

    assert [len(ids) for ids in answered_prompts(stories, examples, config)] == [min(20, each) for each in lengths]
    assert long
    assert answering_notes(stories, examples, config) == [
        f"{long} of 4 prompts that were answered have more than 20 tokens. Their beginning was cut."
    ]


def test_answers_that_leave_no_room_are_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.training.loop.train", lambda *_: pytest.fail("trained"))
    config = LanguageModelConfig.model_validate(
        {
            "task": "language-model",
            "model": "stories260k",
            "data": {"examples": "not read here", "template": TEMPLATE},
            "budget": {"epochs": 1},
            "contestants": {"full": {"method": "full"}},
            "evaluation": {"max_new_tokens": 512},
        }
    )

    with pytest.raises(UserError, match=r"max_new_tokens is 512, which leaves no room .* no more than 512 tokens"):
        bake(config, "full", split(), ContestantFolder(tmp_path / "full"))
