"""Texts to be classified: read from any table, and written back with their labels."""

from __future__ import annotations

import gzip

import pytest

from bakeoff.data.config import TableFormat
from bakeoff.data.raw_tables import read_table_file
from bakeoff.data.scored_files import check_scored_name, scored_file
from bakeoff.data.types import TextSource, TextTable
from bakeoff.data.unlabeled import read_texts
from bakeoff.errors import UserError

SCORES = {"label": ["good", "bad"], "probability": [0.75, 0.5]}


def write_scored(path, table, scores):
    with scored_file(path, TextSource.of(table)) as write:
        write(table, scores)


@pytest.fixture
def reviews(tmp_path):
    file = tmp_path / "reviews.csv"
    file.write_text('id,review,label\n7,"A fine,\nmoving film",x\n8,,y\n')
    return file


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_scored_table_keeps_its_columns(reviews, tmp_path, suffix):
    table = read_texts(reviews)
    out = tmp_path / f"scored{suffix}"

    write_scored(out, table, SCORES)

    written = read_table_file(out).columns
    assert table.texts == ["A fine,\nmoving film", ""]
    assert written["id"] == ["7", "8"]
    assert written["review"] == table.texts
    assert written["label"] == ["x", "y"]
    assert written["predicted_label"] == SCORES["label"]
    assert [float(value) for value in written["probability"]] == SCORES["probability"]


def test_scores_of_an_earlier_model_stay(reviews, tmp_path):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    write_scored(first, read_texts(reviews), SCORES)

    write_scored(second, read_texts(first, ["review"]), {"label": ["bad", "bad"], "probability": [0.9, 0.8]})

    written = read_table_file(second).columns
    assert written["label"] == ["x", "y"]
    assert written["predicted_label"] == SCORES["label"]
    assert written["predicted_predicted_label"] == ["bad", "bad"]
    assert [float(value) for value in written["probability"]] == SCORES["probability"]
    assert [float(value) for value in written["predicted_probability"]] == [0.9, 0.8]


def test_lines_of_a_text_file_and_texts_without_a_table(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("A fine film\n\nA dull one\n")
    assert read_texts(file).texts == ["A fine film", "A dull one"]
    file.write_bytes("a\u2028b\r\nc\x85d\re\x0bf".encode())
    assert read_texts(file).texts == ["a\u2028b", "c\x85d", "e\x0bf"]  # lines as on standard input

    write_scored(tmp_path / "out.csv", TextTable("", {"text": ["a", "b"]}, ["a", "b"]), SCORES)
    assert list(read_table_file(tmp_path / "out.csv").columns) == ["text", "label", "probability"]


def test_mistakes(reviews, tmp_path):
    with pytest.raises(UserError, match="no column 'body'; it has id, review, label"):
        read_texts(reviews, ["body"])
    with pytest.raises(UserError, match="does not exist"):
        read_texts(tmp_path / "review.csv")
    with pytest.raises(UserError, match="cannot be written"):
        check_scored_name(tmp_path / "out.docx")
    with pytest.raises(UserError, match="already exists"):
        check_scored_name(reviews)


def test_the_columns_of_the_training_data_are_read(tmp_path):
    file = tmp_path / "reviews.csv"
    file.write_text("text,title,body\nx,A title,A body\ny,,Only a body\nz,,\n")

    assert read_texts(file).texts == ["x", "y", "z"]
    assert read_texts(file, trained_on=["title", "body"]).texts == ["A title\n\nA body", "Only a body", ""]
    assert read_texts(file, trained_on=["body"]).texts == ["A body", "Only a body", ""]
    assert read_texts(file, trained_on=["review"]).texts == ["x", "y", "z"]
    assert read_texts(file, ["title"], trained_on=["body"]).texts == ["A title", "", ""]
    with pytest.raises(UserError, match="no column 'abstract'"):
        read_texts(file, trained_on=["title", "abstract"])


def test_any_table_can_be_classified(tmp_path):
    content = "".join(f"{n};Café, number {n}\n" for n in range(9))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content.encode("cp1252")))

    table = read_texts(tmp_path / "a.csv.gz", ["column_2"], settings=TableFormat(header=False))

    assert table.texts == [f"Café, number {n}" for n in range(9)]
    assert table.notes == ['Read as: semicolons, quotes ", no header, windows-1252.']
    (tmp_path / "fast.txt").write_text("__label__a A fine film\n__label__b A dull one\n")
    assert read_texts(tmp_path / "fast.txt").texts == ["A fine film", "A dull one"]
    (tmp_path / "old.txt").write_bytes("Caf\xe9 au lait\n".encode("cp1252") * 3)
    assert read_texts(tmp_path / "old.txt").texts == ["Café au lait"] * 3
    (tmp_path / "b.jsonl").write_text('{"data": {"text": "A fine film"}}\n')
    assert read_texts(tmp_path / "b.jsonl", trained_on=["data.text"]).texts == ["A fine film"]


def test_the_way_out_names_the_option(tmp_path):
    (tmp_path / "a.csv").write_text("words,kind\nA fine film,x\n")

    for columns in ([], ["wrds"]):
        with pytest.raises(UserError) as caught:
            read_texts(tmp_path / "a.csv", columns)
        assert "--column" in caught.value.hint
        assert "--set" not in caught.value.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"text,label\nA film, and more,good\n" * 9, 'in double quotes (").'),
        (b"text,text\nA film,good\n", "Rename one of them."),
        (("schöne grüße\n" * 30).encode() + b"caf\xe9\n", "Repair that line."),
    ],
)
def test_a_file_that_no_config_describes_is_to_be_mended(tmp_path, content, said):
    (tmp_path / "a.csv").write_bytes(content)

    with pytest.raises(UserError) as refusal:
        read_texts(tmp_path / "a.csv")

    assert refusal.value.hint.endswith(said)
    assert "data." not in refusal.value.hint
