"""Settings that cannot work are refused with what to write instead."""

from __future__ import annotations

import pytest

from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.methods.prompt.config import PromptConfig
from bakeoff.methods.prompt.examples import drawn
from bakeoff.methods.prompt.method import PromptMethod
from bakeoff.methods.prompt.template import Question, Template, cut_characters
from tests.methods.small_data import small_table

REMOTE = {"model": "m", "base_url": "https://api.example.com/v1/"}
PRICED = {**REMOTE, "prices": {"input": 0.15, "output": 0.6}, "max_cost": 2}


def config(values: dict) -> PromptConfig:
    loaded = load_config(
        {"task": "classification", "data": {"table": "x.csv"}, "contestants": {"prompt": {"model": "m", **values}}}
    )
    settings = loaded.contestants["prompt"]
    assert isinstance(settings, PromptConfig)
    return settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (REMOTE, "base_url needs prices"),
        ({**REMOTE, "prices": {"input": 1, "output": 1}}, "prices need max_cost"),
        ({**PRICED, "base_url": "http://api.example.com/v1"}, "sent over https only"),
        ({**PRICED, "base_url": "api.example.com"}, "must be an address such as https"),
        ({**PRICED, "base_url": "https://user:secret@api.example.com"}, "must be an address alone"),
        ({**PRICED, "base_url": "https://api.example.com?key=secret"}, "must be an address alone"),
        ({"max_cost": 3}, "max_cost is for an endpoint, and there is no base_url"),
        ({"template": "{label} {text}"}, "must hold {text} once and after it {label} once"),
        ({"template": "{text}: {text} {label}"}, "must hold {text} once"),
        ({"template": "{text} {label}"}, "must have words between"),
        ({"examples": -1}, "examples"),
    ],
)
def test_refused(values, message):
    with pytest.raises(UserError, match=message.replace("{", r"\{").replace("}", r"\}")) as caught:
        config(values)

    assert "contestants.prompt" in str(caught.value)


def test_the_key_is_that_of_openai_unless_the_endpoint_is_on_this_machine():
    assert config(PRICED).api_key_env == "OPENAI_API_KEY"
    assert config(PRICED).base_url == "https://api.example.com/v1"
    assert config({**PRICED, "api_key_env": None}).api_key_env is None
    assert config({"base_url": "http://localhost:8000/v1"}).api_key_env is None
    assert config({"base_url": "http://[::1]:8000/v1"}).prices is None
    assert PromptConfig.model_validate(config(PRICED).model_dump(mode="json")) == config(PRICED)


def test_labels_get_names_and_descriptions():
    own = config({"labels": {0: "negative", 1: {"name": "positive", "description": "the writer is pleased"}}})
    template = Template.of(own, ["0", "1", "2"], str)

    assert template.names == ["negative", "positive", "2"]
    assert template.task == ("Classify each text.\nLabels: negative, positive, 2\n- positive: the writer is pleased")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"badd": "negative"}, "'badd', which is not a label of the data; did you mean 'bad'"),
        ({"bad": "Good"}, "two labels have the same name in the prompt"),
    ],
)
def test_wrong_names_of_labels_are_refused(labels, message):
    with pytest.raises(UserError, match=message):
        PromptMethod().check("prompt", config({"labels": labels}), small_table())


def test_braces_in_a_text_stay():
    template = Template.of(config({"template": "Review: {text}\nMood: {label}\n"}), ["bad", "good"], str)

    assert template.completion(Question("{label} {text}")).endswith("\n\nReview: {label} {text}\nMood:")
    assert template.chat(Question("{x}"))[-1] == {"role": "user", "content": "Review: {x}\nMood:"}


def test_examples_are_drawn_from_each_class_with_the_seed():
    train = small_table(rows=60, classes=3).train

    examples = drawn(train, 4, seed=12)

    assert sorted(example.label for example in examples) == [0] * 4 + [1] * 4 + [2] * 4
    assert [example.label for example in examples] != sorted(example.label for example in examples)
    assert examples == drawn(train, 4, seed=12)
    assert examples != drawn(train, 4, seed=13)
    assert {example.text for example in examples} <= set(train.texts)
    assert len(drawn(train.of([0, 1, 2, 3]), 5, seed=12)) == 4


def test_long_texts_keep_both_ends():
    assert cut_characters("abcdefgh", 8) == "abcdefgh"
    assert cut_characters("abcdefghi", 4) == "ab … hi"
    assert cut_characters("abc", 1) == "a … "
