"""Texts and settings that leave nothing to predict are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from bakeoff.errors import UserError
from bakeoff.lm.batching import pad_rows
from bakeoff.methods.fine_tuning import sequences
from bakeoff.methods.fine_tuning.learner import FineTuningLearner
from bakeoff.methods.full.config import FullConfig
from tests.lm.conftest import corpus_of
from tests.lm.test_forward import hybrid


@pytest.mark.parametrize(("changed", "named"), [("train", "training"), ("validation", "validation")])
def test_lines_of_less_than_two_tokens_are_refused(stories, split, changed, named):
    data = replace(split, **{changed: corpus_of({"Blank": "\n\n"})})

    with pytest.raises(UserError, match=f"No {named} line has two tokens or more"):
        FineTuningLearner(stories.model, stories, data, FullConfig(sequences="lines"), seed=1)
    assert FineTuningLearner(stories.model, stories, data, FullConfig(), seed=1).steps(1)


def test_lines_that_were_cut_are_counted(stories, split):
    lines = [line for line in split.train.lines if line]
    long = sum(len(stories.tokenizer(line)["input_ids"]) >= 16 for line in lines)

    learner = FineTuningLearner(stories.model, stories, split, FullConfig(sequences="lines", max_length=16), seed=1)

    assert learner.notes() == [f"{long} of {len(lines)} training lines have 16 tokens or more. What is beyond was cut."]


def test_a_sequence_of_one_token_predicts_nothing():
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        FullConfig(max_length=1)


def test_lines_do_not_share_a_row_where_the_model_would_mix_them(stories, split):
    model = hybrid("convolutions")
    learner = FineTuningLearner(model, stories, split, FullConfig(sequences="lines", max_length=64), seed=1)
    lines = sequences.lines(stories.tokenizer, split.train, 64)
    expected = sum(learner.loss(pad_rows([row])).total.item() for row in lines)

    found = sum(learner.loss(batch).total.item() for step in learner.steps(1) for batch in step)

    assert found == pytest.approx(expected, rel=1e-5)
