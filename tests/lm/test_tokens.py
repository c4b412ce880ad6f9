"""Beginnings and ends of texts, for tokenizers that have them, lack them, or add them by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bakeoff.data.corpora import corpus_from_text
from bakeoff.errors import UserError
from bakeoff.lm.perplexity import plan_scoring
from bakeoff.lm.sources import load_language_model
from bakeoff.lm.tokens import prompt_tokens
from bakeoff.methods.fine_tuning import sequences
from bakeoff.pretrained.sources import context_length, load_weights
from tests.command import bakeoff
from tests.lm.tokenizers import WORDS, save_model, word_tokenizer

TEXT = "once upon a time there was a girl .\nthe end ."
BOS = 1


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model whose tokenizer has neither BOS nor EOS."""
    return save_model(tmp_path_factory.mktemp("plain"), word_tokenizer())


# --- neither BOS nor EOS ----------------------------------------------------------------------------------------------


def test_a_prompt_is_continued_without_a_beginning_token(plain):
    model = load_language_model(plain)

    assert prompt_tokens(model.tokenizer, "once upon") == [1, 2]
    assert set(model.generate("once upon", max_new_tokens=5).split()) <= {*WORDS, "<unk>"}
    with pytest.raises(UserError, match=r"An empty prompt needs a beginning-of-text(.|\n)*bos_token"):
        model.generate("")


@pytest.mark.parametrize("protocol", ["window", "lab"])
def test_protocols_that_need_no_beginning_token(plain, protocol):
    assert load_language_model(plain).perplexity(TEXT, protocol=protocol, context_length=4).tokens > 5


def test_a_protocol_that_needs_a_beginning_token(plain):
    with pytest.raises(UserError, match=r"(?s)Protocol `document` needs.*neither.*Use `window` or `lab`, or set `bos_"):
        load_language_model(plain).perplexity(TEXT, protocol="document")


def test_training_on_lines_needs_no_beginning_token(plain):
    tokenizer, corpus = load_language_model(plain).tokenizer, corpus_from_text("text", TEXT)

    assert [len(row.inputs) for row in sequences.lines(tokenizer, corpus, 32)] == [9, 3]
    with pytest.raises(UserError, match=r"(?s)Training on blocks.*needs.*Set `sequences: lines` for this contestant"):
        sequences.blocks(tokenizer, corpus, 32)


# --- a tokenizer that adds BOS by itself ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both() -> list[Any]:
    """Two tokenizers that differ only in whether they add BOS by themselves."""
    return [word_tokenizer(bos=True, eos=True, adds_bos=adds) for adds in (False, True)]


@pytest.mark.parametrize("prompt", ["once upon", "", "<s> once upon", "<s>"])
def test_a_prompt_has_one_beginning_token(both, prompt):
    first, second = (prompt_tokens(tokenizer, prompt) for tokenizer in both)

    assert first == second
    assert first[0] == BOS
    assert first.count(BOS) == 1


def test_a_beginning_token_that_is_spelled_out_twice_stays(both):
    assert prompt_tokens(both[0], "<s> <s> once")[:2] == [BOS, BOS]


def test_protocol_document_counts_one_beginning_token(both):
    corpus = corpus_from_text("text", TEXT)
    rows = [plan_scoring(each, corpus, "document", model_context=32).rows for each in both]

    for (row,) in rows:
        assert row.inputs.tolist().count(BOS) == 1
        assert BOS not in row.targets
        assert len(row.targets) == len(TEXT.split())


@pytest.mark.parametrize("protocol", ["window", "lab"])
def test_a_beginning_token_is_never_predicted(both, protocol):
    for row in plan_scoring(both[1], corpus_from_text("text", TEXT), protocol, model_context=8).rows:
        assert BOS not in row.targets


def test_blocks_have_one_beginning_token_for_each_document(both):
    corpus = corpus_from_text("text", TEXT)

    first, second = (sequences.blocks(each, corpus, 32) for each in both)

    assert [row.inputs.tolist() for row in first] == [row.inputs.tolist() for row in second]
    assert sum(row.inputs.tolist().count(BOS) for row in first) == 1


# --- a tokenizer that does not fit its model --------------------------------------------------------------------------


def refused(said: str) -> bool:
    return "does not fit its model: it has ids up to 12, but the model has only 8 embeddings (ids up to 7)" in said


@pytest.fixture
def too_small(tmp_path: Path) -> str:
    return save_model(tmp_path / "model", word_tokenizer(bos=True, eos=True), embeddings=8)


def test_a_tokenizer_with_more_ids_than_the_model_has_embeddings(too_small, tmp_path):
    (tmp_path / "a.txt").write_text(TEXT * 20)
    (tmp_path / "a.yaml").write_text(
        f"task: language-model\nmodel: {too_small}\ndata: {{text: {tmp_path}/a.txt}}\ncontestants: {{pretrained: {{}}}}"
    )

    for words in (
        ["generate", too_small, "once"],
        ["perplexity", too_small, tmp_path / "a.txt"],
        ["plan", tmp_path / "a.yaml"],
        ["run", tmp_path / "a.yaml", "-o", tmp_path / "run"],
    ):
        typed = bakeoff(*words)
        assert (typed.code, refused(typed.err)) == (2, True), typed.err


def test_a_padding_token_beyond_the_embeddings_is_no_harm_where_nothing_is_padded(tmp_path):
    tokenizer = word_tokenizer(bos=True, eos=True)
    size = len(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    folder = save_model(tmp_path, tokenizer, embeddings=size)

    model = load_language_model(folder)

    assert model.tokenizer("once <s> girl")["input_ids"] == tokenizer("once <s> girl")["input_ids"]
    assert model.perplexity("once upon a <pad> time <pad>", protocol="document").tokens == 6
    assert max(model.tokenizer.get_vocab().values()) == size - 1
    with pytest.raises(UserError, match="does not fit its model"):
        load_weights(folder, labels=["a", "b"])


def test_the_context_of_a_multimodal_model_is_that_of_its_text():
    config = transformers.Gemma3Config(text_config={"max_position_embeddings": 4096, "num_hidden_layers": 1})
    with torch.device("meta"):
        model = transformers.Gemma3ForConditionalGeneration(config)

    assert context_length(model, word_tokenizer()) == 4096
