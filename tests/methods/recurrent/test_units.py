"""Subwords and characters in place of words."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data.words import tokenize
from bakeoff.errors import UserError
from bakeoff.methods.base import SavedClassifier
from bakeoff.methods.recurrent.config import Vocabulary
from bakeoff.methods.recurrent.learner import RecurrentLearner
from bakeoff.methods.recurrent.method import RecurrentMethod
from bakeoff.methods.recurrent.model import RecurrentModel
from bakeoff.methods.recurrent.units import Subwords, as_characters, split_words
from bakeoff.methods.recurrent.vocabulary import UNKNOWN, WordVocabulary
from tests.methods.small_data import SMALL_LSTM, config, small_table

CHINESE = ["味道很好,送餐也快", "味道很差!送餐太慢"] * 3
THAI = ["อาหารอร่อยมาก ส่งเร็ว", "อาหารไม่อร่อย ส่งช้ามาก"] * 3


def words_of(texts):
    return [
        [texts.words[number] for number in texts.ids[start:end]]
        for start, end in zip(texts.offsets, texts.offsets[1:], strict=False)
    ]


def built(texts, **rule):
    return WordVocabulary.build(tokenize(texts, "separate"), Vocabulary(min_frequency=1, **rule))


def read(vocabulary, text):
    return ["?" if number == UNKNOWN else vocabulary.words[number - 2] for number in vocabulary.encode([text]).ids]


@pytest.mark.parametrize(
    ("texts", "unit"),
    [(CHINESE, "characters"), (["とても美味しい"], "characters"), (THAI, "subwords"), (["A fine film"], "words")],
)
def test_the_unit_follows_the_script(texts, unit):
    vocabulary = built(texts)

    assert vocabulary.unit == unit
    assert bool(vocabulary.reason) == (unit != "words")
    assert built(texts, units="words").unit == "words"
    assert built(texts, units="words").reason == ""


def test_characters_are_whole_and_words_of_other_scripts_keep_their_beginnings():
    assert as_characters(["味道", "ที่นี่", "on", "👨‍👩‍👧", ","]) == [
        ["味", "道"],
        ["ที่", "นี่"],
        ["▁o", "n"],
        ["▁👨‍👩‍👧"],
        ["▁,"],
    ]
    assert read(built(CHINESE), "味道太慢了") == ["味", "道", "太", "慢", "?"]


@given(st.lists(st.text(alphabet="aé 味道ที่,", max_size=20), max_size=5))
def test_units_of_a_text_are_those_of_its_words(texts):
    words = tokenize(texts, "separate")

    split = split_words(words, as_characters)

    assert words_of(split) == [[unit for word in text for unit in as_characters([word])[0]] for text in words_of(words)]


def test_subwords_that_occur_often_are_joined():
    """Also in a row of words that no training text has."""
    words = ["อาหาร", "อร่อย", "มาก", "ไม่", "ส่ง", "เร็ว", "ช้า", "ร้าน"]
    chance = random.Random(1)
    vocabulary = built(["".join(chance.choices(words, k=4)) for _ in range(300)], max_size=60)
    unseen = "".join(words[i] for i in (7, 0, 3, 1, 2, 4, 5))

    subwords = read(vocabulary, unseen)

    assert "".join(subwords) == unseen
    assert len(subwords) <= 7
    assert read(vocabulary, "ร้าน映") == ["ร้าน", "?"]


def test_a_step_on_the_way_to_a_subword_is_cut_into_known_ones():
    """*lowest* is joined by way of *lowes*, which no text has by itself."""
    subwords = Subwords.train(tokenize(["lowest"] * 5, "separate"), 60, 1)
    (tokens,) = subwords.split(["lowes"])
    assert len(tokens) < 5

    assert subwords.split(["lowes"], known={"▁lo", "e", "s"}) == [["▁lo", "w", "e", "s"]]


def test_subwords_of_scripts_with_spaces_begin_with_a_mark():
    vocabulary = built(["low lower lowest newest widest"] * 5, units="subwords")

    assert "▁low" in vocabulary.words
    assert "".join(read(vocabulary, "lowest")) == "▁lowest"


def test_the_same_texts_give_the_same_subwords():
    one, other = (Subwords.train(tokenize(THAI, "separate"), 60, 1).to_json() for _ in range(2))

    assert one == other


def test_max_size_bounds_the_subwords():
    assert built(THAI, max_size=40).size <= 42


@pytest.mark.parametrize("units", ["characters", "subwords"])
def test_a_saved_network_reads_the_same_units(tmp_path, units):
    table = small_table()
    settings = config({"lstm": {**SMALL_LSTM, "vocabulary": {"units": units}}}).contestants["lstm"]
    learner = RecurrentLearner(table, settings, seed=1)
    model = RecurrentModel(learner.vocabulary, learner.model.eval(), settings)
    learner.save_model(tmp_path, dict(learner.model.named_parameters()))

    loaded = RecurrentModel.load(tmp_path, settings, 2, "fp32")

    assert loaded.vocabulary.unit == units
    assert loaded.probabilities(table.test.texts).tolist() == model.probabilities(table.test.texts).tolist()
    assert f" {units}; " in learner.notes()[0]
    assert units in str(RecurrentMethod().export_refusal(settings, "onnx"))
    saved = SavedClassifier("lstm", table.label_names, settings.model_dump(mode="json"))
    with pytest.raises(UserError, match=f"it reads {units}"):
        RecurrentMethod().export("onnx", tmp_path, saved, 1.0, tmp_path / "out")
