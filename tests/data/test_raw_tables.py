"""Every format gives the same columns, and errors about malformed files say where."""

from __future__ import annotations

import csv
import hashlib
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bakeoff.data.delimited import read_delimited
from bakeoff.data.raw_tables import read_raw_table
from bakeoff.errors import UserError

ROWS = [
    {"review": 'He said "no", then left.', "sentiment": "negative"},
    {"review": "Two\nlines, and a tab\t.", "sentiment": "positive"},
    {"review": "Ärger; naïve — 电影 \u2028 |", "sentiment": "positive"},
]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}
cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))


def write(path, suffix):
    file = path / f"reviews{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.table(COLUMNS), file)
    elif suffix == ".jsonl":
        file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS), encoding="utf-8")
    else:
        with file.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.DictWriter(opened, list(COLUMNS), delimiter="\t" if suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(ROWS)
    return file


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_columns(tmp_path, suffix):
    file = write(tmp_path, suffix)

    table = read_raw_table(str(file))

    assert table.columns == COLUMNS
    assert table.files == {str(file): hashlib.sha256(file.read_bytes()).hexdigest()}


@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_output_of_pythons_csv_writer_is_read_back(rows, delimiter, quoting, line_end):
    # Python's writer forgets to quote a lone carriage return, and no reader can tell it from the end of a row.
    assume(quoting == csv.QUOTE_ALL or not any("\r" in cell for row in rows for cell in row))
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=line_end)
    writer.writerows([("text", "label"), *rows])

    columns = read_delimited(file.getvalue(), "some.csv", tabs=delimiter == "\t").columns

    assert list(zip(columns["text"], columns["label"], strict=True)) == rows


def test_backslash_quotes():
    text = 'text,label\n"He said \\"no\\", then left.",bad\n'

    assert read_delimited(text, "some.csv", tabs=False).columns == {
        "text": ['He said "no", then left.'],
        "label": ["bad"],
    }


def test_a_tsv_file_without_quoting_may_hold_quotes_anywhere():
    text = 'text\tlabel\n"Great" is not the word\tbad\n6" of snow\tgood\n"unfinished\tbad\n'

    assert read_delimited(text, "some.tsv", tabs=True).columns == {
        "text": ['"Great" is not the word', '6" of snow', '"unfinished'],
        "label": ["bad", "good", "bad"],
    }


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path):
    file = tmp_path / "excel.csv"
    file.write_bytes(b"\xef\xbb\xbftext;label\r\na;b\r\n")

    assert read_raw_table(str(file)).columns == {"text": ["a"], "label": ["b"]}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b" \n\n", "a.csv is empty"),
        ("a.csv", b"text,label\n", "a.csv has no rows"),
        ("a.csv", b"text,label\na,b\nc,d,e\n", "line 3: 3 fields, but the header has 2"),
        ("a.csv", b"text,label\n\na\n", "line 3: 1 fields"),
        ("a.csv", b'text,label\na,b\n"c,d\ne,f\n', "line 3: unexpected end of data"),
        ("a.csv", b'text,label\na,b\n"c" d,e\n', "line 3: ',' expected after"),
        ("a.csv", b"text,text\na,b\n", "column 'text' occurs twice"),
        ("a.csv", "text,label\nÄÖ,Ü\nÄÖÜäöüß,ß\n".encode() + b"caf\xe9,d\n", r"not UTF-8: line 4, byte 40 is 0xe9"),
        ("a.jsonl", b'{"a": 1}\n\n{"a": \n', r"line 3, column \d+"),
        ("a.jsonl", b'{"a": 1}\n[1, 2]\n', r"line 2 holds \[1, 2\], which is not an object"),
        ("a.jsonl", b"\n", "a.jsonl is empty"),
        ("a.parquet", b"PAR1 or so", "a.parquet is not a readable Parquet file"),
        ("a.xlsx", b"PK", "not a readable spreadsheet"),
        ("a.docx", b"PK", "end in '.docx' cannot be read"),
        ("a.txt", b"PK", "end in '.txt' cannot be read"),
        ("a.csv.gz", b"PK", "cannot be unpacked"),
        ("a.csv", b"PK\x03\x04\x14\x00", "is not text: it begins as a file that ends in .xlsx"),
        ("a.jsonl", b"\x1f\x8b\x08\x00", "is not text: it begins as a file that ends in .gz"),
        ("a.zip", b"PK", "cannot be unpacked"),
        ("a", b"text", "end in 'nothing' cannot be read"),
    ],
)
def test_errors_about_malformed_files_say_where(tmp_path, name, content, expected):
    file = tmp_path / name
    file.write_bytes(content)

    with pytest.raises(UserError, match=expected) as caught:
        read_raw_table(str(file))

    assert name in caught.value.message
    assert caught.value.hint
    assert file.read_bytes() == content


def test_a_missing_file_suggests_similar_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews.csv").touch()

    with pytest.raises(UserError, match=r"does not exist.\nDid you mean reviews.csv\?"):
        read_raw_table("rewiews.csv")
    with pytest.raises(UserError, match="nor does the folder"):
        read_raw_table("nowhere/reviews.csv")
    with pytest.raises(UserError, match="Did you mean sentence-polarity"):
        read_raw_table("sentence_polarity")


def test_an_aclimdb_folder(tmp_path):
    for split in ("train", "test"):
        for label in ("pos", "neg", "unsup"):
            folder = tmp_path / "aclImdb" / split / label
            folder.mkdir(parents=True)
            for number in range(3):
                (folder / f"{number}_7.txt").write_text(f"{split} {label} {number}")

    table = read_raw_table(str(tmp_path / "aclImdb"))

    assert len(table) == 12
    rows = list(zip(*table.columns.values(), strict=True))
    assert ("test/neg/2_7", "test neg 2", "negative", "test") in rows
    assert not [row for row in rows if "unsup" in row[1]]


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not an aclImdb folder"):
        read_raw_table(str(tmp_path))
