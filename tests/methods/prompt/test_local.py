"""A local model scores the names of the labels."""

from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from bakeoff.errors import UserError
from bakeoff.methods.base import SavedClassifier
from bakeoff.methods.prompt import local as local_module
from bakeoff.methods.prompt.config import PromptConfig
from bakeoff.methods.prompt.local import LocalModel
from bakeoff.methods.prompt.method import MEASURED_TEXTS, PromptMethod
from bakeoff.methods.prompt.model import Prompt, PromptModel
from bakeoff.methods.prompt.template import Example, Question
from bakeoff.pretrained.adapters import count_parameters
from bakeoff.runs.contestant_folder import ContestantFolder
from tests.baking import bake, plan
from tests.methods.small_data import config as small_config
from tests.methods.small_data import small_table

pytestmark = pytest.mark.usefixtures("one_thread")
EXAMPLES = [Example("a big dog", 1), Example("a sad cat", 0)]
NAMES = ["bad", "very good"]


def config(**more: object) -> PromptConfig:
    return PromptConfig.model_validate({"model": "stories260k", **more})


@pytest.mark.parametrize("examples", [[], EXAMPLES], ids=["zero-shot", "few-shot"])
def test_a_label_is_scored_as_transformers_scores_the_whole_prompt(examples):
    local = LocalModel(config(), NAMES, examples, [0.0, 0.0])
    tokenizer, network = local.model.tokenizer, local.model.model
    shown = "".join(f"Text: {example.text}\nLabel: {NAMES[example.label]}\n\n" for example in examples)
    pieces = [f"Classify each text.\nLabels: bad, very good\n\n{shown}", "Text: the little girl"]
    expected = []
    for name in NAMES:
        ids = [tokenizer.bos_token_id]
        for piece in (*pieces, f"\nLabel: {name}"):
            ids += tokenizer(piece, add_special_tokens=False)["input_ids"]
        length = len(tokenizer(f"\nLabel: {name}", add_special_tokens=False)["input_ids"]) - len(
            tokenizer("\nLabel:", add_special_tokens=False)["input_ids"]
        )
        with torch.no_grad():
            logits = network(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        expected.append(sum(float(logits[at - 1, ids[at]]) for at in range(len(ids) - length, len(ids))) / length)

    (row,) = local.probabilities([Question("the little girl", tuple(examples))])

    assert np.log(row) == pytest.approx(log_softmax(expected), abs=1e-4)


def test_the_bias_makes_mean_probabilities_those_of_the_classes():
    local = LocalModel(config(), NAMES, [], [0.0, 0.0])
    questions = [Question(text) for text in small_table().train.texts[:16]]
    before = local.probabilities(questions).mean(axis=0)

    local.measure_bias(questions, [0.3, 0.7])

    after = local.probabilities(questions).mean(axis=0)
    assert abs(before[0] - 0.3) > 0.05
    assert after == pytest.approx([0.3, 0.7], abs=0.02)


def test_a_name_that_begins_another_is_scored_to_its_end():
    local = LocalModel(config(), ["good", "good enough"], [], [0.0, 0.0])

    assert [len(each) > 0 for each in local._choices.continuations] == [True, True]
    assert local._choices.continuations[0] != local._choices.continuations[1][: len(local._choices.continuations[0])]


def test_long_texts_keep_both_ends_and_special_tokens_are_characters():
    local = LocalModel(config(max_length=8), NAMES, [], [0.0, 0.0])

    cut = local._cut("first words " + "and so on " * 50 + "the last words")

    assert cut.startswith("first")
    assert cut.endswith("words")
    assert len(cut) < 60
    assert local.model.tokenizer.eos_token_id not in local._ids("an </s> end")
    local = LocalModel(config(), NAMES, [Example("an </s> end", 0)], [0.0, 0.0])
    assert local._choices.beginning[0] == local.model.tokenizer.bos_token_id
    assert local.model.tokenizer.eos_token_id not in local._choices.beginning


def test_parameters_of_4_bits_are_counted_as_such(stories, monkeypatch):
    network = copy.deepcopy(stories.model)
    norm = network.model.norm.weight
    norm.quant_state = SimpleNamespace(shape=(2 * len(norm),))  # as nf4 has it, which packs two of them into a byte
    monkeypatch.setattr(local_module, "load_weights", lambda name: (network, stories.tokenizer, name))

    local = LocalModel(config(), NAMES, [], [0.0, 0.0])

    assert local.parameters == count_parameters(stories.model) + len(norm)


def test_a_text_that_does_not_fit_behind_its_own_examples_loses_the_first_of_them():
    local = LocalModel(config(max_length=100), NAMES, [], [0.0, 0.0])
    examples = tuple(Example(f"number {number} " + "and so on " * 20, number % 2) for number in range(20))

    tokens = local._tokens(Question("a little girl", examples))

    assert len(tokens) <= local.model.context_length - len(local._choices.beginning)
    written = local.model.tokenizer.decode(tokens)
    assert "number 19" in written
    assert "number 0 " not in written
    assert "a little girl" in written


def test_examples_that_leave_no_room_are_refused():
    with pytest.raises(UserError, match="stories260k sees 512 tokens at once") as caught:
        LocalModel(config(), NAMES, EXAMPLES * 60, [0.0, 0.0])

    assert "Lower examples" in caught.value.hint


def test_another_model_under_the_same_name_is_refused(tmp_path):
    table, own = small_table(), small_config({"prompt": {"model": "stories260k"}})
    folder = ContestantFolder(tmp_path / "prompt")
    result = bake(own, "prompt", table, folder)
    prompt = Prompt.load(folder.model)
    saved = SavedClassifier("prompt", table.label_names, result.settings)
    assert PromptMethod().load(folder.model, saved).parameters == result.total_parameters
    replace(prompt, model_fingerprint="of another one").save(folder.model)

    with pytest.raises(UserError, match="stories260k has other weights"):
        PromptMethod().load(folder.model, saved)


def test_nearest_examples_stand_before_each_text():
    table = small_table()
    pool = [Example(text, label) for text, label in zip(table.train.texts, table.train.labels, strict=True)]
    model = PromptModel(
        config(choose="nearest", examples=2), table.label_names, Prompt(pool, [0.5, 0.5], [0.0, 0.0], "")
    )

    (question,) = model.questions([pool[7].text])

    assert [example.label for example in question.examples].count(0) == 2
    assert len(question.examples) == 4
    assert question.examples[-1] == pool[7]
    assert model.probabilities([pool[7].text]).sum() == pytest.approx(1)


@pytest.mark.parametrize(("choose", "examples"), [("nearest", 2), ("random", 2), ("random", 4)])
def test_the_bias_is_measured_on_texts_whose_labels_no_example_shows(monkeypatch, choose, examples):
    """Of 8 training texts, 4 examples of each class leave none: validation texts take their place."""
    table, asked = small_table(rows=8), []
    monkeypatch.setattr(LocalModel, "measure_bias", lambda local, questions, shares: asked.extend(questions))
    own = small_config({"prompt": {"model": "stories260k", "choose": choose, "examples": examples, "max_length": 6}})

    plan(own, table)

    assert len(asked) == MEASURED_TEXTS
    for question in asked:
        assert question.examples
        assert question.text not in [example.text for example in question.examples]
