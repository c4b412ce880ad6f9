"""Special tokens spelled out in a text: read as such by default, or split into characters, and always counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bakeoff.config.load import load_config
from bakeoff.data.corpora import corpus_from_text
from bakeoff.lm.perplexity import plan_scoring
from bakeoff.lm.protocols.registry import PROTOCOLS
from bakeoff.lm.special_tokens import special_tokens_in
from bakeoff.lm.tokens import tokenize
from bakeoff.methods.fine_tuning import sequences
from bakeoff.tasks.base import get_task

TEXT = "Once upon a time .</s>\nIn <s> a <s> house </s> of <p> and [a] .\n"
END = 2
COUNTED = "4 special tokens of the model are spelled out in the text (2 x </s>, 2 x <s>) and "


def scored(language_model, text: str, protocol: str, *, split: bool) -> list[int]:
    corpus = corpus_from_text("text", text, split_special_tokens=split)
    plan = plan_scoring(language_model.tokenizer, corpus, protocol, model_context=16)
    return [token for row in plan.rows for token in row.targets.tolist()]


def test_only_the_tokenizers_own_are_counted(stories):
    assert special_tokens_in(stories.tokenizer, [TEXT, "<unk>", "</s"]) == Counter(
        {"</s>": 2, "<s>": 2, "<unk>": 1}
    )  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_text_is_scored_with_its_tokens_or_its_characters(stories, protocol):
    assert scored(stories, TEXT, protocol, split=False).count(END) == 2
    assert scored(stories, TEXT, protocol, split=True).count(END) == 0


def test_split_tokens_are_the_text(stories):
    (tokens,) = tokenize(stories.tokenizer, [TEXT], special_tokens=False, split=True)

    assert stories.tokenizer.decode(tokens.ids, skip_special_tokens=True) == TEXT
    (again,) = tokenize(stories.tokenizer, [TEXT], special_tokens=False)  # the setting does not stay
    assert END in again.ids


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_texts_do_not_depend_on_the_setting(stories, protocol):
    text = "Once upon a time , in <a house> of [1] .\n" * 3

    assert scored(stories, text, protocol, split=True) == scored(stories, text, protocol, split=False)
    assert stories.perplexity(text, protocol=protocol, context_length=16).notes == ()


@pytest.mark.parametrize("cut", [sequences.blocks, sequences.lines])
def test_training_reads_a_text_the_same_way(stories, cut):
    def inner_ends(split: bool) -> int:
        corpus = corpus_from_text("text", TEXT, split_special_tokens=split)
        return sum(row.inputs.tolist().count(END) for row in cut(stories.tokenizer, corpus, 200))

    assert (inner_ends(False), inner_ends(True)) == (2, 0)


def test_perplexity_says_which(stories):
    settings = {"protocol": "document", "context_length": 64}
    read, split = (stories.perplexity(TEXT, split_special_tokens=split, **settings) for split in (False, True))

    assert read.notes == (f"{COUNTED}read as such, not as characters. To split them into characters: "
                          "--split-special-tokens.",)  # fmt: skip
    assert split.notes == (f"{COUNTED}split into characters.",)
    assert split.tokens > read.tokens
    assert split.bytes == read.bytes


@pytest.mark.parametrize(("split", "said"), [(False, "read as such"), (True, "split into characters")])
def test_a_bake_off_says_which(tmp_path: Path, split, said):
    (tmp_path / "a.txt").write_text(TEXT + "more text\n" * 20)
    config = load_config(
        {
            "task": "language-model",
            "model": "stories260k",
            "data": {"text": str(tmp_path / "a.txt"), "split_special_tokens": split},
            "contestants": {"pretrained": {}},
        }
    )

    data, report = get_task(config).prepare(config)

    assert data.train.split_special_tokens == split
    (note,) = [note for note in report.notes if "special tokens" in note]
    assert note.startswith(COUNTED + said)
