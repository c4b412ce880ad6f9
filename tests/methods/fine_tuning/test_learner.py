"""Texts and settings that leave nothing to predict are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from bakeoff.errors import UserError
from bakeoff.methods.fine_tuning.learner import FineTuningLearner
from bakeoff.methods.full.config import FullConfig
from tests.lm.conftest import corpus_of


@pytest.mark.parametrize(("changed", "named"), [("train", "training"), ("validation", "validation")])
def test_lines_of_less_than_two_tokens_are_refused(stories, split, changed, named):
    data = replace(split, **{changed: corpus_of({"Blank": "\n\n"})})

    with pytest.raises(UserError, match=f"No {named} line has two tokens or more"):
        FineTuningLearner(stories.model, stories, data, FullConfig(sequences="lines"), seed=1)
    assert FineTuningLearner(stories.model, stories, data, FullConfig(), seed=1).steps(1)


def test_a_sequence_of_one_token_predicts_nothing():
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        FullConfig(max_length=1)
