"""Examples in the prompt: drawn with the seed, or the most similar ones; the model itself stays as it is."""

from __future__ import annotations

import pytest

from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.data.types import Corpus, SplitCorpus
from bakeoff.errors import UserError
from bakeoff.lm.examples import example_tokens, prompt_of
from bakeoff.lm.shots import Shots
from bakeoff.lm.sources import load_language_model
from bakeoff.methods.registry import get_language_model_method
from bakeoff.pretrained.sentence_vectors import text_vectors
from bakeoff.runs.contestant_folder import ContestantFolder
from tests.baking import bake
from tests.lm.conftest import corpus_of
from tests.lm.example_corpora import PAIRS, TEMPLATE, chats, pairs, split

pytestmark = pytest.mark.usefixtures("one_thread")


def baked(path, data=None, **settings):
    config = LanguageModelConfig.model_validate(
        {
            "task": "language-model",
            "model": "stories260k",
            "data": {"examples": "not read here", "template": TEMPLATE},
            "contestants": {"few-shot": {"method": "few-shot", **settings}},
            "evaluation": {"answers": 3, "max_new_tokens": 4, "resamples": 20},
            "precision": "fp32",
        }
    )
    folder = ContestantFolder(path / "few-shot")
    return folder, bake(config, "few-shot", data or split(), folder)


def test_random_examples_stand_before_every_prompt(tmp_path):
    folder, result = baked(tmp_path, examples=3)

    model = load_language_model(str(folder.path))
    assert model.prompting is not None
    asked = model.prompting.document(model.tokenizer, "Who was sad?").text
    *examples, question = asked.split("\n\n")
    assert question == "Question: Who was sad?\nAnswer:"
    assert len(examples) == 3
    assert set(examples) <= {document.text for document in pairs().documents}
    assert model.prompting.document(model.tokenizer, "When?").text.startswith("\n\n".join(examples))
    assert result.settings["examples"] == 3
    assert result.trainable_parameters == 0


def test_they_are_part_of_what_is_evaluated(tmp_path):
    """The perplexity is that of the answers behind prompts with examples, which differs from that of plain prompts."""
    folder, result = baked(tmp_path)
    model = load_language_model(str(folder.path))
    shown = model.prompting.shots.before(pairs().documents)

    for (prompt, answer), document in zip(PAIRS, shown, strict=True):
        assert document.reference == answer
        assert document.prompt == model.prompting.document(model.tokenizer, prompt).text
    (first, *_) = example_tokens(model.tokenizer, Corpus("shown", shown, "\n\n"))
    assert prompt_of(first, 10_000) == model.prompt_ids(PAIRS[0][0])
    _, plain = baked(tmp_path / "one", examples=1)
    assert plain.metric("perplexity").value != pytest.approx(result.metric("perplexity").value, rel=1e-3)


def test_similar_examples_the_most_similar_one_last(tmp_path):
    folder, _ = baked(tmp_path, examples=2, choose="similar")

    model = load_language_model(str(folder.path))
    asked = model.prompting.document(model.tokenizer, "Is the harbor very old?").text

    assert asked.split("\n\n")[-2] == "Question: Is the harbour old?\nAnswer: yes"
    assert len(asked.split("\n\n")) == 3


def test_similar_examples_are_looked_up_once_for_each_test_prompt(tmp_path, monkeypatch):
    looked_up: list[str] = []

    def counted(texts):
        looked_up.extend(texts)
        return text_vectors(texts)

    monkeypatch.setattr("bakeoff.lm.shots.text_vectors", counted)
    baked(tmp_path, examples=2, choose="similar")

    assert sorted(looked_up) == sorted(question for question, _ in PAIRS)


def test_similar_examples_behind_one_long_instruction_are_those_with_similar_questions(tmp_path):
    instruction = "".join(f"Keep rule {number}. " for number in range(100))  # beyond what the encoder reads
    things = ["harbor", "bread", "violin", "doctor", "snow", "school", "tiger", "train"]
    places = ["first", "second", "third"]
    asked = [(f"{instruction}Where is the {place} {thing}?", thing) for place in places for thing in things]
    folder, _ = baked(tmp_path, split(pairs(asked)), examples=3, choose="similar")
    model = load_language_model(str(folder.path))

    for thing in things:
        shown = model.prompting.document(model.tokenizer, f"{instruction}Where is the {thing} now?").text
        assert shown.count(f"Answer: {thing}\n\n") == 3


def test_chats_follow_one_another():
    corpus = chats(["Hello", "Hi"], ["Who?", "Lily"])
    shots = Shots([corpus.documents[0].text], 1)

    (document,) = shots.before(corpus.documents[1:])

    assert document.text == "u:Hello\na:Hi\nu:Who?\na:Lily\n"
    assert (document.prompt, document.reference) == ("u:Hello\na:Hi\nu:Who?\na:", "Lily")


def test_without_examples_it_is_refused():
    method = get_language_model_method("few-shot")
    text = corpus_of({"a": "A text."})

    with pytest.raises(UserError, match=r"contestants.few: method few-shot needs prompts with answers"):
        method.check("few", method.config(), SplitCorpus(text, text, text))
    with pytest.raises(UserError, match="there are 8 training examples, fewer than 9"):
        method.check("few", method.config(examples=9), split())
