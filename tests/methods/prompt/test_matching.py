"""The label that an answer in words names."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bakeoff.errors import UserError
from bakeoff.methods.prompt.answers import Answer
from bakeoff.methods.prompt.config import PromptConfig
from bakeoff.methods.prompt.matching import label_probabilities, matched, matched_labels
from bakeoff.methods.prompt.method import PromptMethod
from tests.methods.small_data import small_table

EMOTIONS = ["joy", "anger", "fear"]


@pytest.mark.parametrize(
    ("said", "names", "expected"),
    [
        ("这条评论是正面的。", ["正面", "负面"], 0),
        ("答案：「负面」", ["正面", "负面"], 1),
        ("既有正面也有负面", ["正面", "负面"], None),
        ("不正面", ["正面", "负面"], None),
        ("这条评论不正面", ["正面", "不正面"], 1),
        ("这条评论是positive的", ["positive", "negative"], 0),
        ("这很正常", ["正", "负"], None),
        ("答案：负。", ["正", "负"], 1),
        ("このレビューはポジティブです", ["ポジティブ", "ネガティブ"], 0),
        ("ข้อความนี้เป็นบวก", ["บวก", "ลบ"], 0),
        ("ข้อความนี้ไม่ดี", ["ดี", "แย่"], None),
        ("that is goodness", ["good", "bad"], None),
        ("it is good.", ["good", "bad"], 0),
    ],
)
def test_a_label_is_found_inside_a_sentence(said, names, expected):
    assert matched(said, names) == expected


def probabilities(said, names, **first_tokens):
    top = {token: math.log(probability) for token, probability in first_tokens.items()}
    found = label_probabilities(Answer(said, top, 100, 2, 0.1), names)
    return None if found is None else found.tolist()


@pytest.mark.parametrize(
    ("said", "names", "first", "expected"),
    [
        ("The text is about fraud.", ["theft", "fraud"], {"The": 0.95, "Fraud": 0.03}, [0.1, 0.9]),
        ("I'd say it is praise.", ["insult", "praise"], {"I": 0.99}, [0.1, 0.9]),
        ("A feeling of joy", ["anger", "joy"], {"A": 0.7, "joy": 0.2}, [0.1, 0.9]),
        ("In short: theft by fraud", ["insurance", "theft", "fraud"], {"In": 0.9}, None),
        ("The text does not say.", ["theft", "fraud"], {"The": 0.95}, None),
    ],
)
def test_the_first_token_of_a_sentence_is_no_label(said, names, first, expected):
    found = probabilities(said, names, **first)

    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("said", ["fraud", "Fraud.", "Fraud, not theft", "fr"])
def test_the_first_token_of_a_label_says_how_likely_it_is(said):
    assert probabilities(said, ["theft", "fraud"], fr=0.8, the=0.2) == pytest.approx([0.2, 0.8])


def test_a_token_that_is_listed_alone_leaves_the_rest_to_the_other_labels():
    assert probabilities("good", ["bad", "good"], good=0.98) == pytest.approx([0.02, 0.98])
    assert probabilities("good", ["bad", "good", "odd"], good=0.6) == pytest.approx([0.2, 0.6, 0.2])
    assert probabilities("good", ["bad", "good"], good=1.0) == pytest.approx([1e-6, 1.0], rel=1e-5)


def test_two_spellings_of_the_answer_leave_nothing_to_the_other_labels():
    assert probabilities("good", [*"abcdefhij", "good"], Good=0.6, good=0.4)[-1] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("- joy\n- anger", [0, 1]),
        ("* joy\n* fear\n", [0, 2]),
        ("• joy\n\n• anger", [0, 1]),
        ("1. Anger\n2) fear", [1, 2]),
        ("joy,\nanger", [0, 1]),
        ("joy, anger,", [0, 1]),
        ("- fear", [2]),
        ("- joy\n- rage", None),
        (", ", None),
    ],
)
def test_a_list_may_have_bullets_and_ends_of_lines(said, expected):
    assert matched_labels(said, EMOTIONS) == expected


def test_a_list_in_chinese():
    assert matched_labels("喜悦、愤怒", ["喜悦", "愤怒", "恐惧"]) == [0, 1]
    assert matched_labels("喜悦，恐惧。", ["喜悦", "愤怒", "恐惧"]) == [0, 2]


def test_labels_that_differ_in_marks_alone_are_refused_where_answers_are_words(monkeypatch):
    monkeypatch.setenv("PROMPT_TEST_KEY", "key")
    table = replace(small_table(classes=3), label_names=["*", "**", "***"])
    endpoint = {"model": "m", "base_url": "http://localhost:1/v1", "api_key_env": "PROMPT_TEST_KEY"}

    with pytest.raises(UserError, match=r"Marks around a name do not count in answers(.|\n)*contestants.prompt.labels"):
        PromptMethod().check("prompt", PromptConfig.model_validate(endpoint), table)

    named = {"labels": {"*": "one star", "**": "two stars", "***": "three stars"}}
    PromptMethod().check("prompt", PromptConfig.model_validate(endpoint | named), table)
    PromptMethod().check("prompt", PromptConfig.model_validate({"model": "stories260k"}), table)
