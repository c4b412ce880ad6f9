"""What is chosen for a linear model from its training texts."""

from __future__ import annotations

import pytest

from bakeoff.data.words import tokenize
from bakeoff.methods.linear import choice
from bakeoff.methods.linear.choice import choose_settings
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.runs.contestant_folder import ContestantFolder
from tests.baking import bake
from tests.methods.small_data import config, small_table

ENGLISH = ["A fine film, moving and funny", "Dull: no story at all"]


def chosen(texts, settings=None, texts_per_class=500):
    labels = [0, 1] * texts_per_class
    return choose_settings(settings or LinearConfig(), tokenize(texts, "separate"), labels)


@pytest.mark.parametrize(
    "text",
    [
        "味道很好,送餐也快",
        "とても美味しいです。",
        "อาหารอร่อยมาก ส่งเร็ว",
        "ອາຫານແຊບຫຼາຍ",
        "ម្ហូបឆ្ងាញ់ណាស់",
        "အစားအသောက် အရမ်းကောင်းတယ်",
        "iPhone 的屏幕很好看,拍照也清楚",
    ],
)
def test_unspaced_scripts_get_characters(text):
    settings, reason = chosen([text] * 3)

    assert (settings.ngrams, settings.naive_bayes, settings.inverse_regularization) == ("characters", False, 3.0)
    assert reason == "Its n-grams are of characters, because the texts are in a script without spaces between words."


@pytest.mark.parametrize("text", [*ENGLISH, "Отличный фильм", "영화가 정말 재미있었어요", "فيلم رائع", "बहुत अच्छी फ़िल्म"])
def test_little_text_gets_both_kinds_and_much_text_words(text, monkeypatch):
    few, reason = chosen([text] * 3)
    assert (few.ngrams, few.naive_bayes, few.inverse_regularization) == ("both", True, 10.0)
    assert "words, which is few." in reason

    monkeypatch.setattr(choice, "MOST_WORDS_FOR_CHARACTERS", 2)
    much, reason = chosen([text] * 3)
    assert (much.ngrams, much.naive_bayes, much.inverse_regularization) == ("words", True, 10.0)
    assert "words, which is plenty." in reason


def test_few_texts_per_class_are_not_weighted_unless_words_are_asked_for():
    assert chosen(ENGLISH, texts_per_class=199)[0].naive_bayes is False
    assert chosen(ENGLISH, texts_per_class=200)[0].naive_bayes is True
    assert chosen(ENGLISH, LinearConfig(ngrams="words"), texts_per_class=10)[0].naive_bayes is True


def test_what_is_set_stays():
    settings = LinearConfig(ngrams="both", naive_bayes=True, inverse_regularization=2.0)

    assert chosen(["味道很好"], settings, texts_per_class=1) == (settings, "")


def test_the_result_says_what_was_chosen(tmp_path):
    result = bake(config({"linear": {}}), "linear", small_table(), ContestantFolder(tmp_path / "linear"))

    assert result.notes[0].startswith("Its n-grams are of words and of characters, because the training split has")
    assert result.settings["ngrams"] == "both"
    assert result.settings["naive_bayes"] is False
    assert result.settings["inverse_regularization"] == 10.0
