"""One text, saved on different systems, is the same corpus, and every change is counted."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data.config import TextData
from bakeoff.data.corpora import corpus_from_text, prepare_corpus, read_corpus
from bakeoff.data.text_cleaning import TextCleaning
from bakeoff.errors import UserError

TEXT = "Süß was the wind .\nIt blew\n\nall night .\n"


def written(tmp_path, content: bytes, name: str = "a.txt") -> str:
    (tmp_path / name).write_bytes(content)
    return str(tmp_path / name)


@pytest.mark.parametrize(
    ("end", "note"),
    [
        ("\r\n", r"4 Windows line ends (\r\n) were read as \n. To keep them: --line-ends keep."),
        ("\r", r"4 old Mac line ends (\r) were read as \n. To keep them: --line-ends keep."),
    ],
)
def test_line_ends_do_not_change_a_text(tmp_path, end, note):
    file = written(tmp_path, TEXT.replace("\n", end).encode())

    assert read_corpus(file).stream == TEXT
    assert read_corpus(file).lines == read_corpus(written(tmp_path, TEXT.encode(), "b.txt")).lines
    assert read_corpus(file).notes == (note,)
    kept = read_corpus(file, line_ends="keep")
    assert (kept.stream, kept.notes) == (TEXT.replace("\n", end), ())


@given(st.text(st.sampled_from("ab\r\n\u2028\ufeff")))
def test_no_other_character_changes(text):
    cleaning = TextCleaning()

    cleaned = cleaning.clean(text)

    assert "\r" not in cleaned
    assert cleaned.replace("\n", "") == text.lstrip("\ufeff").replace("\r", "").replace("\n", "")
    assert cleaned.count("\n") == text.count("\n") + cleaning.mac
    assert len(text) - len(cleaned) == cleaning.windows + cleaning.marks
    assert bool(cleaning.notes("x")) == (cleaned != text)


def test_a_text_without_such_traits_has_no_notes(tmp_path):
    assert read_corpus(written(tmp_path, TEXT.encode())).notes == ()


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8-sig", "1 byte-order mark was dropped."),
        ("utf-16", "1 file was read as utf-16."),
        ("utf-32", "1 file was read as utf-32."),
    ],
)
def test_encodings_with_a_byte_order_mark(tmp_path, encoding, note):
    corpus = read_corpus(written(tmp_path, TEXT.encode(encoding)))

    assert (corpus.stream, corpus.notes) == (TEXT, (note,))


def test_an_encoding_without_a_mark_is_found_and_can_be_set(tmp_path):
    text = "Der Wind war süß und die Straße nass.\nÜber dem Café hing grauer Nebel.\n"
    file = written(tmp_path, text.encode("cp1252"))

    assert (read_corpus(file).stream, read_corpus(file).notes) == (text, ("1 file was read as windows-1252.",))
    data = TextData(train=file, validation=file, encoding="windows-1252")
    split, report = prepare_corpus(data, seed=1)
    assert (split.train.stream, report.notes[1:]) == (text, [])


@pytest.mark.parametrize(("name", "head"), [("a.txt", ""), ("a.csv", "text\n")])
def test_the_encoding_of_damaged_texts_and_tables_of_texts_can_be_set(tmp_path, name, head):
    content = (head + 30 * "schöne grüße\nund süße äpfel\n").encode() + b"caf\xe9\n"
    file = written(tmp_path, content, name)

    with pytest.raises(UserError) as alone:
        read_corpus(file)
    with pytest.raises(UserError, match=r"--set data\.encoding="):
        prepare_corpus(TextData(train=file, validation=file), seed=1)

    assert "--set" not in str(alone.value)
    split, _ = prepare_corpus(TextData(train=file, validation=file, encoding="latin-1"), seed=1)
    assert "café" in split.train.stream


def test_compressed_texts(tmp_path):
    file = written(tmp_path, gzip.compress(TEXT.encode()), "a.txt.gz")

    assert read_corpus(file).stream == TEXT


def test_big_endian_utf_16(tmp_path):
    assert read_corpus(written(tmp_path, b"\xfe\xff" + TEXT.encode("utf-16-be"))).stream == TEXT


def test_a_damaged_utf_16_file(tmp_path):
    with pytest.raises(UserError, match=r"a\.txt is not utf-16: line 4, byte \d+"):
        read_corpus(written(tmp_path, TEXT.encode("utf-16")[:-1]))


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_texts_in_tables(tmp_path, suffix):
    """The line ends of the file itself are none of the texts'."""
    path = tmp_path / f"texts{suffix}"
    texts = ["\ufeffone\r\ntwo", "three\rfour", "five\nsix"]
    if suffix == ".jsonl":
        path.write_bytes("".join(json.dumps({"text": text}) + "\r\n" for text in texts).encode())
    elif suffix == ".csv":
        path.write_bytes("".join(f'"{text}"\r\n' for text in ["text", *texts]).encode())
    else:
        pq.write_table(pa.table({"text": texts}), path)

    corpus = read_corpus(str(path))

    assert [document.text for document in corpus.documents] == ["one\ntwo", "three\nfour", "five\nsix"]
    assert corpus.notes == (
        "1 byte-order mark was dropped.",
        r"1 Windows line end (\r\n) and 1 old Mac line end (\r) were read as \n. To keep them: --line-ends keep.",
    )


def test_the_splits_of_a_bake_off(tmp_path):
    files = {}
    for split in ("train", "validation", "test"):
        files[split] = written(tmp_path, f"{split}\r\nof it\r\n".encode(), f"{split}.txt")

    split, report = prepare_corpus(TextData(**files), seed=1)
    kept, kept_report = prepare_corpus(TextData(**files, line_ends="keep"), seed=1)

    assert split.train.stream == "train\nof it\n"
    assert report.notes == [r"6 Windows line ends (\r\n) were read as \n. To keep them: data.line_ends: keep."]
    assert (kept.train.stream, kept_report.notes) == ("train\r\nof it\r\n", [])


def test_articles_are_found_whatever_the_line_ends():
    articles = " = A = \n \n One . \n \n = B = \n \n Two . \n"

    names = [document.name for document in corpus_from_text("wiki", articles.replace("\n", "\r\n")).documents]

    assert names == ["A", "B"]
