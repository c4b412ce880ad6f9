"""Texts that a language model's evaluation keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bakeoff.lm.config import LanguageModelEvaluationConfig
from bakeoff.lm.prompting import Prompting
from bakeoff.lm.shots import Shots
from bakeoff.tasks.writing import check_prompt, write_samples
from bakeoff.training.progress import Progress
from tests.lm.example_corpora import TEMPLATE, pairs

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_prompt_that_examples_make_too_long_loses_its_beginning(stories):
    shots = Shots([document.text + "\n\n" for document in pairs().documents] * 4, 32)
    few_shot = replace(stories, prompting=Prompting(TEMPLATE, ("\n",), shots))
    config = LanguageModelEvaluationConfig(prompts=["Was it big?"], max_new_tokens=3)
    check_prompt(few_shot, "Was it big?")
    assert len(few_shot.prompt_ids("Was it big?")) > stories.context_length

    (sample,) = write_samples(few_shot, config, pairs(), Progress())

    assert (sample.prompt, sample.tokens) == ("Was it big?", 3)


def test_without_prompts_no_room_is_needed(stories):
    answering = replace(stories, prompting=Prompting(TEMPLATE))

    assert write_samples(answering, LanguageModelEvaluationConfig(max_new_tokens=512), pairs(), Progress()) == []
