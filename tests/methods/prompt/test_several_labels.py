"""Where a text can have several labels, an endpoint lists them, and a local model says yes or no to each."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logit

from bakeoff.errors import UserError
from bakeoff.methods.prompt.config import PromptConfig
from bakeoff.methods.prompt.examples import Nearest, drawn, pool
from bakeoff.methods.prompt.local import LocalModel
from bakeoff.methods.prompt.matching import matched_labels
from bakeoff.methods.prompt.method import PromptMethod
from bakeoff.methods.prompt.model import Prompt, PromptModel
from bakeoff.methods.prompt.template import Example, Question, Template
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.tasks.classifier import load_classifier
from tests.baking import bake, plan
from tests.methods.prompt.fake_endpoint import FakeEndpoint, Reply, chat, last_text, refusal
from tests.methods.small_data import TELLING, small_label_table
from tests.methods.small_data import config as small_config

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = ["bad", "good", "odd"]
TABLE = small_label_table()


def settings(endpoint: FakeEndpoint, **more: Any) -> dict[str, Any]:
    return {"model": "some-model", "base_url": endpoint.url, "api_key_env": "PROMPT_TEST_KEY", **more}


def model(endpoint: FakeEndpoint, **more: Any) -> PromptModel:
    config = PromptConfig.model_validate(settings(endpoint, **more))
    return PromptModel(config, NAMES, Prompt([], [0.5, 0.25, 0.1], [0.0] * 3, ""), multilabel=True)


def listing(body: dict[str, Any]) -> Reply:
    """List the labels of the texts of `small_label_table` without a mistake."""
    text = last_text(body)
    names = [name for name, words in TELLING.items() if any(word in text for word in words)]
    return chat(json.dumps({"labels": names}))


def local() -> LocalModel:
    return LocalModel(PromptConfig.model_validate({"model": "stories260k"}), NAMES, (), [0.0] * 3, multilabel=True)


# --- lists ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('{"labels": ["bad", "odd"]}', [0, 2]),
        ('{"labels": []}', []),
        ('["Odd", "bad", "bad"]', [0, 2]),
        ('```json\n{"labels": ["good"]}\n```', [1]),
        ("<think>good? no</think>odd, bad", [0, 2]),
        ("**Good**.", [1]),
        ("bad\nodd", [0, 2]),
        ("none", []),
        ("None.", []),
        ("", None),
        ("bad, ugly", None),
        ('{"labels": ["bad", "ugly"]}', None),
        ('{"labels": ["bad", ', None),
        ('{"labels": [0]}', None),
        ('{"labels": "bad"}', None),
        ('{"label": "bad"}', None),
        ("[1, 2]", None),
        ("It is bad and odd", None),
        ("bad, none", None),
    ],
)
def test_a_list_is_taken_only_if_it_names_labels_alone(said, expected):
    assert matched_labels(said, NAMES) == expected


def test_names_with_commas_and_a_label_called_none():
    names = ["red, or green", "none", "Ab", "ab."]

    assert matched_labels('["red, or green"]', names) == [0]
    assert matched_labels("Red, or green", names) == [0]
    assert matched_labels("none", names) == [1]
    assert matched_labels("[]", names) == []
    assert matched_labels('["Ab", "ab."]', names) == [2, 3]


# --- an endpoint ----------------------------------------------------------------------------------------------------


def test_an_endpoint_is_asked_once_a_text_and_lists_the_labels(endpoint):
    endpoint.answer = listing
    own = model(endpoint)

    rows = own.probabilities(["a dull and weird film", "a fine film", "a film"])

    assert rows == pytest.approx(np.array([[0.9, 0.1, 0.9], [0.1, 0.9, 0.1], [0.1, 0.1, 0.1]]))
    assert len(endpoint.requests) == 3
    asked = endpoint.requests[0]
    assert "logprobs" not in asked
    schema = asked["response_format"]["json_schema"]["schema"]
    assert schema["properties"] == {"labels": {"type": "array", "items": {"type": "string", "enum": NAMES}}}
    assert schema["required"] == ["labels"]
    system = asked["messages"][0]["content"]
    assert system.startswith("Classify each text.\nLabels: bad, good, odd\n\nA text can have several of these labels")
    assert "the label alone" not in system


def test_an_endpoint_without_schemas_is_only_asked_to(endpoint):
    endpoint.answer = lambda body: refusal(400, "Bad request") if "response_format" in body else listing(body)

    rows = model(endpoint).probabilities(["a dull and weird film", "a film"])

    assert (rows > 0.5).tolist() == [[True, False, True], [False] * 3]
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize("said", ["bad, ugly", "no idea", "", None, '{"labels": ["ba'])
def test_an_answer_that_is_no_list_of_the_labels_is_counted_and_takes_the_shares(endpoint, said):
    endpoint.answer = lambda body: chat(said)
    own = model(endpoint)

    assert own.probabilities(["x"]) == pytest.approx(np.array([[0.5, 0.25, 0.1]]))

    assert any("1 of 1 answers were no list of the labels" in note for note in own.notes)


def test_examples_show_all_labels_to_an_endpoint(endpoint):
    config = PromptConfig.model_validate(settings(endpoint))
    template = Template.of(config, NAMES, str, multilabel=True)
    question = Question("x", (Example("both", (0, 2)), Example("neither", ())))

    turns = [message["content"] for message in template.chat(question) if message["role"] == "assistant"]

    assert turns == ['{"labels": ["bad", "odd"]}', '{"labels": []}']
    assert template.completion(question).endswith(
        'Text: both\nLabel: {"labels": ["bad", "odd"]}\n\nText: neither\nLabel: {"labels": []}\n\nText: x\nLabel:'
    )


def test_a_bake_off_with_an_endpoint_pays_once_and_takes_its_lists_as_they_are(endpoint, tmp_path):
    endpoint.answer = listing
    prices = {"prices": {"input": 1, "output": 1}, "max_cost": 1}
    config = small_config({"prompt": settings(endpoint, **prices, examples=1)})
    planned = plan(config, TABLE)["prompt"]
    assert endpoint.requests == []
    folder = ContestantFolder(tmp_path / "prompt")

    result = bake(config, "prompt", TABLE, folder)

    evaluated = {*TABLE.validation.texts, *TABLE.test.texts}
    assert result.metrics[0].value == 1.0
    assert {score.threshold for score in result.classes} == {0.5}
    assert result.usage.requests == planned.requests == len(evaluated) == len(endpoint.requests)
    assert result.usage.money == pytest.approx(len(evaluated) * 102e-6)
    messages = [message for asked in endpoint.requests for message in asked["messages"]]
    sent = sum(len(message["content"]) / 4 + 5 for message in messages)
    assert sent < planned.input_tokens < 1.5 * sent
    again = load_classifier(folder.model)
    assert again.predict(["a dull and weird film", "a film"])[0].labels == ["bad", "odd"]
    assert again.predict(["a film"])[0].labels == []
    bake(config, "prompt", TABLE, ContestantFolder(tmp_path / "again"))
    assert len(endpoint.requests) == len(evaluated) + 2


def test_asking_ends_before_the_limit_is_exceeded(endpoint):
    endpoint.answer = listing
    own = model(endpoint, prices={"input": 1, "output": 1}, max_cost=2e-3)

    with pytest.raises(UserError, match="could exceed max_cost"):
        own.probabilities([f"text {number}" for number in range(50)])

    assert 0 < len(endpoint.requests) * 102e-6 <= 2e-3


def test_answers_that_would_be_cut_off_are_refused_before_the_run_begins(endpoint):
    config = PromptConfig.model_validate(settings(endpoint, max_tokens=10))

    with pytest.raises(UserError, match="a training text has takes about 14 tokens, and max_tokens is 10") as caught:
        PromptMethod().check("prompt", config, TABLE)

    assert "max_tokens: 28" in caught.value.hint


# --- a local model --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("examples", [(), (Example("a big dog", (0, 2)), Example("a sad cat", ()))])
def test_a_label_has_the_log_odds_of_yes_in_the_whole_prompt(examples):
    config = PromptConfig.model_validate({"model": "stories260k"})
    own = LocalModel(config, NAMES, examples, [0.0] * 3, multilabel=True)
    tokenizer, network = own.model.tokenizer, own.model.model
    shown = (
        "Text: a big dog\nLabel: bad? yes\nLabel: good? no\nLabel: odd? yes\n\n"
        "Text: a sad cat\nLabel: bad? no\nLabel: good? no\nLabel: odd? no\n\n"
    )
    task = "Classify each text.\nLabels: bad, good, odd\n\nA text can have several of these labels, or none. Each is "
    start = f"{task}answered with yes or no.\n\n{shown if examples else ''}"

    def log_probability(ending: str) -> float:
        ids = [tokenizer.bos_token_id]
        for piece in (start, "Text: the little girl", ending):
            ids += tokenizer(piece, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logs = network(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        return sum(float(logs[at - 1, ids[at]]) for at in range(1, len(ids)))

    (row,) = own.probabilities([Question("the little girl", examples)])

    expected = [log_probability(f"\nLabel: {name}? yes") - log_probability(f"\nLabel: {name}? no") for name in NAMES]
    assert logit(row) == pytest.approx(expected, abs=1e-3)


def test_the_bias_makes_mean_probabilities_the_shares_of_the_labels():
    own = local()
    questions = [Question(text) for text in TABLE.train.texts[:16]]

    own.measure_bias(questions, [0.5, 0.4, 0.05])

    assert own.probabilities(questions).mean(axis=0) == pytest.approx([0.5, 0.4, 0.05], abs=1e-3)


def test_the_examples_of_a_local_model_are_saved_with_all_their_labels(tmp_path):
    config = small_config({"prompt": {"model": "stories260k", "examples": 1}})
    folder = ContestantFolder(tmp_path / "prompt")

    result = bake(config, "prompt", TABLE, folder)

    saved = Prompt.load(folder.model)
    assert saved.examples == drawn(TABLE.train, 1, result.seed)
    assert {label for example in saved.examples for label in example.label} == {0, 1, 2}
    assert len({score.threshold for score in result.classes}) > 1  # chosen by validation


# --- examples -------------------------------------------------------------------------------------------------------


def test_examples_are_drawn_of_each_label_and_of_none():
    examples = drawn(TABLE.train, 2, seed=12)

    sets = [example.label for example in examples]
    assert all(sum(label in each for each in sets) >= 2 for label in range(3))
    assert sets.count(()) == 2
    assert len(examples) <= 2 * 4
    assert len({example.text for example in examples}) == len(examples)


def test_the_nearest_examples_are_of_each_label_and_of_none():
    examples = pool(TABLE.train, seed=12)
    both = next(example for example in examples if len(example.label) > 1)

    nearest = Nearest(examples, 1).of(both.text)

    assert nearest[-1] == both
    assert len(set(nearest)) == len(nearest) <= 4
    assert {label for example in nearest for label in example.label} == {0, 1, 2}
    assert any(example.label == () for example in nearest)
