"""Unlabeled texts from files of every kind, without those that a classifier is evaluated by."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff.config.paths import contestants_files
from bakeoff.data.types import LabeledTexts, OutOfScopeTexts, joined
from bakeoff.errors import UserError
from bakeoff.methods.recurrent.config import Pretraining, RecurrentConfig
from bakeoff.methods.recurrent.method import RecurrentMethod
from bakeoff.methods.recurrent.pretraining_texts import pretraining_texts
from tests.methods.small_data import SMALL_LSTM, config, small_table

TEXTS = ["A fine film.", "Dull, dull.", "Weird"]
TABLE = small_table()


@pytest.mark.parametrize("ending", ["txt", "csv", "jsonl", "parquet"])
def test_files_of_every_kind(tmp_path, ending):
    file = tmp_path / f"more.{ending}"
    if ending == "parquet":
        pq.write_table(pa.table({"n": [1, 2, 3], "review": TEXTS}), file)
    else:
        rows = {"txt": TEXTS, "csv": ["n,review", *(f'1,"{text}"' for text in TEXTS)]}
        rows["jsonl"] = [json.dumps({"review": text}) for text in TEXTS]
        file.write_text("\n".join(rows[ending]))

    found = pretraining_texts(Pretraining(text=str(file)), TABLE)

    assert (found.source, found.texts, found.held_out) == (str(file), TEXTS, 0)


def test_texts_of_the_validation_and_test_split_are_left_out_and_those_of_training_are_not(tmp_path):
    table = replace(TABLE, test=replace(TABLE.test, texts=["two\n\n words ", *TABLE.test.texts[1:]]))
    unlabeled = ["two words", TABLE.validation.texts[3], TABLE.train.texts[0], "Two words", ""]
    pq.write_table(pa.table({"text": unlabeled}), tmp_path / "more.parquet")

    found = pretraining_texts(Pretraining(text=str(tmp_path / "more.parquet")), table)

    assert found.texts == [TABLE.train.texts[0], "Two words"]
    assert found.held_out == 2


def test_texts_that_belong_to_no_class_are_left_out_too(tmp_path):
    apart = [LabeledTexts([part], [f"a recipe for the {part}"], [0]) for part in ("choosing", "test")]
    table = replace(TABLE, out_of_scope=OutOfScopeTexts("oos", *apart))
    (tmp_path / "more.txt").write_text("a recipe for the test\nWeird\na recipe for the choosing\n")

    found = pretraining_texts(Pretraining(text=str(tmp_path / "more.txt")), table)

    assert (found.texts, found.held_out) == (["Weird"], 2)


def test_columns_are_those_of_the_table_unless_others_are_named(tmp_path):
    (tmp_path / "more.csv").write_text("title,body\nGood,Very good\n")

    def texts(column, trained_on) -> list[str]:
        pretrain = Pretraining(text=str(tmp_path / "more.csv"), column=column)
        return pretraining_texts(pretrain, replace(TABLE, text_columns=trained_on)).texts

    assert texts(None, ["title", "body"]) == ["Good\n\nVery good"]
    assert texts("title", ["title", "body"]) == ["Good"]
    with pytest.raises(UserError, match=r"no column 'titel'.*\n?.*pretrain.column"):
        texts("titel", None)


def test_the_files_of_a_config_are_found_to_be_fingerprinted(tmp_path):
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "b.txt").write_text("b\n")

    def files(*names: str) -> list[Path]:
        settings = {name: {**SMALL_LSTM, "pretrain": {"text": str(tmp_path / name)}} for name in names}
        return contestants_files(
            config({"linear": {}, **{name: {**each, "method": "lstm"} for name, each in settings.items()}})
        )

    assert files("a.txt", "b.txt") == [tmp_path / "a.txt", tmp_path / "b.txt"]
    assert files() == []


def test_a_missing_file_is_refused_before_anything_is_trained(tmp_path):
    settings = RecurrentConfig(pretrain=Pretraining(text=str(tmp_path / "c.txt")))

    with pytest.raises(UserError, match=r"c\.txt does not exist"):
        RecurrentMethod().check("lstm", settings, TABLE)
    RecurrentMethod().check("lstm", settings, replace(TABLE, is_fold=True))  # once for all folds


def test_the_model_that_is_kept_after_a_cross_validation_is_pretrained_on_its_training_texts(tmp_path):
    texts = [*TABLE.train.texts, *TABLE.validation.texts]
    pq.write_table(pa.table({"text": texts}), tmp_path / "more.parquet")
    kept = replace(TABLE, test=joined([TABLE.train, TABLE.validation]), folds=[TABLE])

    found = pretraining_texts(Pretraining(text=str(tmp_path / "more.parquet")), kept)

    assert found.texts == [text for text in TABLE.train.texts if text not in TABLE.validation.texts]
    assert found.held_out == len(texts) - len(found.texts) > 0
