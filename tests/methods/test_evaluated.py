"""The texts of an evaluation that plans count: about as many as it then asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bakeoff.data.types import OutOfScopeTexts
from bakeoff.methods.evaluated import SAMPLES, SHOWN_CHARACTERS, evaluated_texts
from bakeoff.methods.majority.model import MajorityModel
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.tasks import evaluating
from tests.baking import bake, plan
from tests.methods.small_data import SMALL_LSTM, config, small_table
from tests.methods.small_transformers import model_folder

TABLE = small_table()
APART = OutOfScopeTexts("oos", TABLE.validation, TABLE.test)


@pytest.mark.parametrize("table", [TABLE, replace(TABLE, out_of_scope=APART)])
def test_they_are_about_as_many_as_an_evaluation_asks_for(tmp_path, monkeypatch, table):
    answer, asked = MajorityModel.probabilities, list[str]()

    def counting(self, texts):
        asked.extend(texts)
        return answer(self, texts)

    monkeypatch.setattr(MajorityModel, "probabilities", counting)
    bake(config({"majority": {}}), "majority", table, ContestantFolder(tmp_path / "majority"))

    assert (SAMPLES, SHOWN_CHARACTERS) == (evaluating.FIRST_TEXTS + evaluating.MISTAKES, evaluating.SHOWN_CHARACTERS)
    assert len(evaluated_texts(table)) == pytest.approx(len(asked), rel=0.25)


def test_words_are_marked_once_for_all_folds():
    """The fold tests a quarter of the rows."""
    fold = replace(TABLE, train=TABLE.train.of(range(96)), is_fold=True)

    marking = len(evaluated_texts(TABLE)) - len(TABLE.validation) - len(TABLE.test)
    of_a_fold = len(evaluated_texts(fold)) - len(fold.validation) - len(fold.test)

    assert 0.1 < of_a_fold / marking < 0.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a good film", [" good film", "a  film", "a good "]), ("好电影", ["电影", "好影", "好电"])],
)
def test_each_word_is_left_out_of_a_sample(text, expected):
    table = replace(TABLE, test=replace(TABLE.test.of([0]), texts=[text]))

    assert evaluated_texts(table)[len(TABLE.validation) :] == [text, text, *expected]


@pytest.mark.parametrize("name", ["linear", "lstm", "embedding"])
def test_a_plan_counts_them(tmp_path, name):
    encoder = {"model": str(model_folder(tmp_path / "encoder", "bert")), "precision": "fp32"}
    made = config({name: {"linear": {}, "lstm": SMALL_LSTM, "embedding": encoder}[name]})
    apart = replace(APART, test=TABLE.test.of([*range(40)] * 200))

    with_many = plan(made, replace(TABLE, out_of_scope=apart))[name].evaluation_seconds

    assert with_many > 5 * plan(made, TABLE)[name].evaluation_seconds
