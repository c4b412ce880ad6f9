"""Contestants that learn from examples: chats by the template of the tokenizer, merged adapters, long examples."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import bakeoff
from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.lm.sources import load_language_model
from bakeoff.pretrained.packaged_models import packaged_folder
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.mending import mend
from tests.baking import bake
from tests.lm.example_corpora import TEMPLATE, pairs, split

pytestmark = pytest.mark.usefixtures("one_thread")

CHAT = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def baked(folder: Path, **settings):
    config = LanguageModelConfig.model_validate(
        {
            "task": "language-model",
            "model": "stories260k",
            "data": {"examples": "not read here", "template": TEMPLATE},
            "budget": {"epochs": 2},
            "contestants": {"lora": {"method": "lora", "r": 2, "batch_size": 4, **settings}},
            "evaluation": {"answers": 3, "max_new_tokens": 4, "resamples": 20, "context_length": 24},
            "precision": "fp32",
        }
    )
    return bake(config, "lora", split(), ContestantFolder(folder / "lora"))


def test_a_merged_model_is_asked_in_the_same_way(tmp_path):
    baked(tmp_path, merge=True)

    assert (tmp_path / "lora" / "model" / "config.json").exists()
    prompting = load_language_model(str(tmp_path / "lora")).prompting
    assert prompting is not None
    assert (prompting.template, prompting.stops) == (TEMPLATE, ("\n",))


def test_a_kill_while_a_merged_model_answers_does_not_cost_the_training(tmp_path, monkeypatch):
    folder = ContestantFolder(tmp_path / "lora")
    with monkeypatch.context() as patch:
        patch.setattr("bakeoff.tasks.language_model.answer", interrupt)
        with pytest.raises(KeyboardInterrupt):
            baked(tmp_path, merge=True)

    assert list(mend(folder)) == []
    assert (folder.model / "config.json").exists()
    monkeypatch.setattr("bakeoff.training.loop._Training.run", lambda _: pytest.fail("trained again"))
    assert baked(tmp_path, merge=True).metrics


def interrupt(*_, **__):
    raise KeyboardInterrupt


def test_examples_that_were_cut_are_counted(tmp_path):
    notes = " ".join(baked(tmp_path, max_length=36).notes)
    tokenizer = load_language_model("stories260k").tokenizer
    lengths = [len(tokenizer(document.text)["input_ids"]) + 2 for document in pairs().documents]  # BOS and EOS

    long = sum(length > 36 for length in lengths)
    assert 0 < long < 8 == sum(length > 24 for length in lengths)
    assert f"{long} of 8 training examples have more than 36 tokens. Their beginning was cut" in notes
    assert "8 of 8 test examples have more than 24 tokens. Their beginning was cut" in notes


@pytest.fixture(scope="module")
def chats(tmp_path_factory) -> RunFolder:
    folder = tmp_path_factory.mktemp("chats")
    model = shutil.copytree(packaged_folder("stories260k"), folder / "model")
    tokenizer = load_language_model(str(model)).tokenizer
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(model)
    talks = [
        [
            {"role": "user", "content": f"Hello, I am number {number}."},
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": "Are you sad?"},
            {"role": "assistant", "content": "No\nnot I"},
        ]
        for number in range(30)
    ]
    (folder / "chat.jsonl").write_text("".join(json.dumps({"messages": talk}) + "\n" for talk in talks))
    config = {
        "task": "language-model",
        "model": str(model),
        "data": {"examples": str(folder / "chat.jsonl")},
        "budget": {"epochs": 12},
        "contestants": {
            "pretrained": {},
            "few-shot": {"examples": 1},
            "full": {"learning_rate": 3e-3, "batch_size": 4},
        },
        "evaluation": {"answers": 3, "max_new_tokens": 8, "resamples": 20},
        "precision": "fp32",
    }
    return RunFolder(bakeoff.run(config, folder / "run").folder)


def test_chats_are_learned_and_answered_by_the_template_of_the_tokenizer(chats):
    answers = {name: chats.contestant(name).samples() for name in ("pretrained", "few-shot", "full")}

    assert {sample.reference for sample in answers["full"]} == {"No\nnot I"}
    assert [sample.text for sample in answers["full"]] == ["No\nnot I"] * 3  # the mark of the template ends it
    assert answers["full"][0].prompt.endswith("user: Are you sad?</s>assistant:")
    assert chats.contestant("full").result().metrics[0].value == 1
    model = load_language_model(str(chats.contestant("few-shot").path))
    text = model.prompting.document(model.tokenizer, "Are you sad?").text
    assert text.count("Hello, I am number") == 1
    assert text.endswith("</s>user: Are you sad?</s>assistant:")


def test_every_answer_of_a_chat_is_learned(chats):
    model = load_language_model(str(chats.contestant("full").path))

    assert model.generate("Hello, I am number 7.", max_new_tokens=8) == "Hi"
