"""From text to documents and splits; the packaged part of WikiText-2; everything that can be wrong with a file."""

from __future__ import annotations

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data.config import TextData
from bakeoff.data.corpora import corpus_from_text, prepare_corpus, read_corpus
from bakeoff.data.documents import documents, hugging_face_rows, lines_with_ends, pieces_of_file, pieces_of_rows
from bakeoff.errors import UserError

DAMAGED = b"fine\ncaf\xe9\n" + "né\n".encode() * 20
ARTICLES = (
    " \n = Robert Boulter = \n \n An actor . \n \n = = Career = = \n \n Some = more = \n"
    " \n = Du Fu = \n \n A poet . \n = Wins ; L = \n = Losses \n"
)


def splits_of(split):
    return {"train": split.train, "validation": split.validation, "test": split.test}


@given(st.text(st.sampled_from("ab= \n\r\u2028\x0c")))
def test_the_lines_of_a_file_are_the_file(text):
    assert "".join(lines_with_ends(text)) == text
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines_with_ends(text)[:-1])


@given(st.lists(st.sampled_from([" \n", " = A = \n", " = = B = = \n", " text = x = \n", " = legend = \n", "words\n"])))
def test_documents_joined_are_the_stream(lines):
    text = "".join(lines)
    rows = hugging_face_rows(text)

    as_file, as_rows = documents(pieces_of_file(text, "file")), documents(pieces_of_rows(rows, "row"))

    assert "".join(document.text for document in as_file) == text
    assert [line for document in as_file for line in document.lines] == rows
    assert len({document.name for document in as_file}) == len(as_file)
    if any(line == " = A = \n" for line in lines) and len(as_file) == len(as_rows):
        assert "\n\n".join(document.text for document in as_rows) in (
            "\n\n".join(rows),
            "\n\n".join(filter(None, rows)),
        )


def test_articles_begin_at_headings_between_blank_lines():
    corpus = corpus_from_text("wiki", ARTICLES)

    assert [document.name for document in corpus.documents] == ["Robert Boulter", "Du Fu"]
    assert corpus.stream == ARTICLES
    assert corpus.documents[1].lines == [" = Du Fu = \n", "", " A poet . \n", " = Wins ; L = \n", " = Losses \n"]


def test_the_packaged_part_of_wikitext_2():
    """60 articles each in validation and test, as the authors say; the line counts are Hugging Face's."""
    split, report = prepare_corpus(TextData(text="wikitext-2-part"), seed=1)

    assert [part.lines for part in report.splits] == [3279, 3760, 4358]
    assert [part.rows for part in report.splits] == [52, 60, 60]
    assert split.test is not None
    assert split.test.documents[0].name == "Robert Boulter"
    assert split.test.stream == "\n\n".join(split.test.lines)
    assert split.test.stream.startswith("\n\n = Robert Boulter = \n\n\n\n\n Robert Boulter is an English film")
    assert report.split_seed is None
    assert report.across_splits == 0


def test_only_the_beginnings_of_documents_are_evaluated():
    """A heading and a paragraph of each of the 60 articles; the training split stays whole."""
    whole, _ = prepare_corpus(TextData(text="wikitext-2-part"), seed=1)
    split, report = prepare_corpus(TextData(text="wikitext-2-part", first_lines={"test": 2}), seed=1)

    assert (split.train, split.validation) == (whole.train, whole.validation)
    assert len(split.test.documents) == 60
    for document, full in zip(split.test.documents, whole.test.documents, strict=True):
        assert full.text.startswith(document.text)
        assert sum(bool(line.strip()) for line in document.lines) == 2
    assert "Of each test document, only the first 2 lines count (data.first_lines)." in report.notes


def test_lines_within_a_row_are_counted_too(tmp_path):
    rows = [{"text": f"{number}\n\nsecond {number}\nthird"} for number in range(5)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = TextData(
        train=str(tmp_path / "a.jsonl"), validation=str(tmp_path / "a.jsonl"), first_lines={"validation": 2}
    )

    split, _ = prepare_corpus(data, seed=1)

    assert [document.text for document in split.validation.documents] == [f"{n}\n\nsecond {n}\n" for n in range(5)]


def test_a_fraction_keeps_the_first_lines_and_cuts_the_last_document():
    whole, _ = prepare_corpus(TextData(text="wikitext-2-part"), seed=1)
    part, report = prepare_corpus(
        TextData(text="wikitext-2-part", fraction={"train": 0.5, "validation": 0.1, "test": 0.001}), seed=1
    )

    assert [part.lines for part in report.splits] == [1640, 376, 4]
    for name, corpus in splits_of(part).items():
        everything = splits_of(whole)[name]
        assert corpus.lines == everything.lines[: len(corpus.lines)]
        assert everything.stream.startswith(corpus.stream)


def test_a_plain_file_is_one_document_and_is_split_in_order(tmp_path):
    file = tmp_path / "book.txt"
    file.write_text("".join(f"line {number}\n" for number in range(50)))

    assert [document.name for document in read_corpus(str(file)).documents] == ["book.txt"]
    split, report = prepare_corpus(TextData(text=str(file)), seed=1)

    assert [len(corpus.lines) for corpus in splits_of(split).values()] == [40, 5, 5]
    assert "".join(corpus.stream for corpus in splits_of(split).values()) == file.read_text()
    assert report.split_seed == 1


@pytest.mark.parametrize("suffix", [".jsonl", ".raw"])
def test_one_file_is_split_by_documents(tmp_path, suffix):
    file = tmp_path / f"articles{suffix}"
    texts = [f" \n = Article {number} = \n \n Words about {number} . \n" for number in range(30)]
    if suffix == ".raw":
        file.write_text("".join(texts))
    else:
        file.write_text("".join(json.dumps({"text": f"Words about {number}"}) + "\n" for number in range(30)))

    split, _ = prepare_corpus(TextData(text=str(file)), seed=1)
    again, _ = prepare_corpus(TextData(text=str(file)), seed=1)
    other, _ = prepare_corpus(TextData(text=str(file)), seed=2)

    assert split == again
    assert split != other
    assert [len(corpus.documents) for corpus in splits_of(split).values()] == [24, 3, 3]
    names = [document.name for corpus in splits_of(split).values() for document in corpus.documents]
    assert len(set(names)) == 30


def test_rows_without_text_are_counted(tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps({"body": text}) + "\n" for text in ["a", "", None, "b", "c\nd", " "]))

    corpus = read_corpus(str(file), column="body")
    _, report = prepare_corpus(TextData(text=str(file), column="body"), seed=1)

    assert [document.text for document in corpus.documents] == ["a", "b", "c\nd"]
    assert corpus.stream == "a\n\nb\n\nc\nd"
    assert corpus.lines == ["a", "b", "c\nd"]
    assert report.skipped == {"the text is empty or missing": 3}


@pytest.mark.parametrize(
    "names",
    [
        ("train.txt", "validation.txt", "test.txt"),
        ("wiki.train.raw", "wiki.valid.raw", "wiki.test.raw"),
        ("train-00000-of-00001.parquet.txt", "my-val.txt", "TEST.tokens"),
        ("training.txt", "dev.txt", "testing.txt"),
    ],
)
def test_a_folder_with_three_files(tmp_path, names):
    for name, text in zip(names, ("to learn\n", "to choose\n", "to test\n"), strict=True):
        (tmp_path / name).write_text(text)
    (tmp_path / "LICENSE.txt").write_text("not a split")
    (tmp_path / "dev.pdf").write_text("no text")
    (tmp_path / ".hidden").write_text("not a split")

    split, report = prepare_corpus(TextData(text=str(tmp_path)), seed=1)

    assert [corpus.stream for corpus in splits_of(split).values()] == ["to learn\n", "to choose\n", "to test\n"]
    assert len(report.files) == 3
    assert report.notes == ["Not read, because their names tell no split or they are no texts: LICENSE.txt, dev.pdf."]


def test_how_a_table_of_texts_was_read_is_reported(tmp_path):
    file = tmp_path / "texts.csv"
    lines = ["no;text", *(f"{number};Die Straße {number} ist schön." for number in range(30)), "30;Süß;;"]
    file.write_text("\n".join(lines), encoding="cp1252")

    corpus = read_corpus(str(file))
    _, report = prepare_corpus(TextData(text=str(file)), seed=1)

    read_as, empty = corpus.notes
    assert read_as == 'Read as: semicolons, quotes ", header, windows-1252.'
    assert empty.startswith("1 row ends with more separators")
    assert report.notes[:2] == [f"texts.csv: {read_as}", f"texts.csv: {empty}"]


def test_the_splits_of_a_data_set_on_the_hub(monkeypatch):
    rows = {name: [f"A text to {name}."] for name in ("train", "dev", "test", "validation", "unsupervised")}
    monkeypatch.setattr("bakeoff.data.hub.load_texts", lambda *_: rows)

    split, report = prepare_corpus(TextData(text="some/texts"), seed=1)

    assert split.validation.stream == "A text to dev."
    assert report.notes == ["Splits of some/texts that are not used: validation, unsupervised."]


def test_shards_are_joined_and_rivals_are_refused(tmp_path):
    for number in range(2):
        (tmp_path / f"train-0000{number}-of-00002.jsonl").write_text(json.dumps({"text": f"part {number}"}))
    (tmp_path / "test.jsonl").write_text('{"text": "test"}')
    (tmp_path / "valid.jsonl").write_text('{"text": "valid"}')
    split, _ = prepare_corpus(TextData(text=str(tmp_path)), seed=1)
    assert split.train.stream == "part 0\n\npart 1"

    (tmp_path / "train.old.jsonl").write_text('{"text": "old"}')
    with pytest.raises(UserError, match=r"several files for the train split(.|\n)*data.train"):
        prepare_corpus(TextData(text=str(tmp_path)), seed=1)


def test_leakage_between_three_named_files_is_reported(tmp_path):
    for name, text in (("a", "one\n"), ("b", "two\n"), ("c", "one \n")):
        (tmp_path / name).write_text(text)
    files = {split: str(tmp_path / name) for split, name in (("train", "a"), ("validation", "b"), ("test", "c"))}

    split, report = prepare_corpus(TextData(**files), seed=1)
    assert report.across_splits == 1
    assert "1 documents occur in more than one split" in report.notes[0]
    assert split.validation.stream == "two\n"

    without_test, _ = prepare_corpus(TextData(train=files["train"], validation=files["validation"]), seed=1)
    assert without_test.test is None


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ARTICLES.encode())))
    assert read_corpus("-").stream == ARTICLES

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DAMAGED)))
    with pytest.raises(UserError, match="standard input is not UTF-8: line 2, byte 8"):
        read_corpus("-")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"", "a.txt is empty"),
        ("a.txt", b"\n \n", "a.txt is empty"),
        ("a.txt", DAMAGED, "a.txt is not UTF-8: line 2, byte 8"),
        ("a.jsonl", b'{"text": ""}\n{"text": null}\n', "a.jsonl is empty"),
        ("a.jsonl", b'{"text": "a"}\n{', "line 2"),
        ("a.jsonl", b'{"body": "a", "title": "b"}', "no column 'text'; it has body, title"),
    ],
)
def test_malformed_files_are_refused(tmp_path, name, content, expected):
    file = tmp_path / name
    file.write_bytes(content)

    for read in (lambda: read_corpus(str(file)), lambda: prepare_corpus(TextData(text=str(file)), seed=1)):
        with pytest.raises(UserError, match=expected):
            read()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("book.tx", r"does not exist.\nDid you mean book.txt"),
        ("./nowhere/book.txt", "nor does the folder"),
        ("wikitext-2-par", "Did you mean wikitext-2-part"),
        ("empty-folder", "no file for the training split"),
        ("book.txt", "has 1 line: too few to be split"),
    ],
)
def test_sources_that_cannot_be_used(tmp_path, monkeypatch, source, expected):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "book.txt").write_text("One line.")
    (tmp_path / "empty-folder").mkdir()

    with pytest.raises(UserError, match=expected):
        prepare_corpus(TextData(text=source), seed=1)
