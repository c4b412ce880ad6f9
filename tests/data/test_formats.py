"""One table, written in many ways: every reading gives the same rows, or says what it dropped."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakeoff.data.config import TableData
from bakeoff.data.raw_tables import read_raw_table
from bakeoff.data.tables import prepare_table
from tests.data.spreadsheets import ods, xlsx

Rows = list[tuple[str, str]]

WORDS = [
    "the",
    "film",
    "café",
    "naïve",
    "was",
    "very",
    "good;",
    "bad,",
    "so|so",
    '"great"',
    "don't",
    "“fine”",
    "–",
    "Ä",
]
texts = st.lists(st.sampled_from(WORDS), min_size=3, max_size=8).map(" ".join)
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
QUOTES = {'"': "double", "'": "single"}


@st.composite
def tables(draw) -> Rows:
    """Draw rows of a text and a label, with two classes of five rows or more."""
    drawn = draw(st.lists(texts, min_size=12, max_size=20))
    return [(f"{text} {number}", ("neg", "pos")[number % 2]) for number, text in enumerate(drawn)]


def delimited(rows: Rows, separator: str, quote: str, quoting: int, line_end: str, *, header: bool = True) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, quotechar=quote, quoting=quoting, lineterminator=line_end)
    writer.writerows([("text", "label")] * header + rows)
    return file.getvalue()


def read_back(path: Path, content: bytes, **known: str) -> tuple[Rows, list[str]]:
    """Write a file and read it with no more known than the file's name; return rows and notes."""
    path.write_bytes(content)
    table = read_raw_table(str(path))
    text, label = known.get("text", "text"), known.get("label", "label")
    return list(zip(map(str, table.column(text)), map(str, table.column(label)), strict=True)), table.notes


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=tables(),
    separator=st.sampled_from(list(SEPARATORS)),
    quote=st.sampled_from(['"', '"', "'"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"]),
    header=st.booleans(),
    ending=st.sampled_from([".csv", ".tsv"]),
)
def test_delimited_files(tmp_path, rows, separator, quote, quoting, line_end, encoding, header, ending):
    if quote == "'":  # around a few cells, it cannot be told from an apostrophe
        quoting = csv.QUOTE_ALL
    content = delimited(rows, separator, quote, quoting, line_end, header=header).encode(encoding)
    names = {} if header else {"text": "column_1", "label": "column_2"}

    read, notes = read_back(tmp_path / f"table{ending}", content, **names)

    assert read == rows
    found = read_raw_table(str(tmp_path / f"table{ending}")).format
    assert (found.separator, found.header) == (SEPARATORS[separator], header)
    if encoding == "cp1252" and not content.isascii():
        assert found.encoding == "windows-1252"
    plain = separator == {".csv": ",", ".tsv": "\t"}[ending] and header and found.encoding == "utf-8"
    assert plain or notes[0].startswith("Read as: ")
    again = read_raw_table(str(tmp_path / f"table{ending}"), found)
    assert (again.column(names.get("text", "text")), again.notes) == ([text for text, _ in rows], [])


def zipped(content: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("a/table.csv", content)
        archive.writestr("README", b"about")
        archive.writestr("__MACOSX/._table.csv", b"x")
    return written.getvalue()


def zstandard(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=tables())
def test_compressed_files(tmp_path, rows):
    plain = delimited(rows, ",", '"', csv.QUOTE_MINIMAL, "\n").encode()
    packed = {
        "table.csv.gz": gzip.compress(plain),
        "table.csv.bz2": bz2.compress(plain),
        "table.csv.xz": lzma.compress(plain),
        "table.csv.zst": zstandard(plain),
        "table.zip": zipped(plain),
    }

    assert {name: read_back(tmp_path / name, content) for name, content in packed.items()} == dict.fromkeys(
        packed, (rows, [])
    )


def objects(rows: Rows) -> list[dict[str, str]]:
    return [{"text": text, "label": label} for text, label in rows]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=tables(), ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
def test_json(tmp_path, rows, ascii_only, indent):
    def dumped(value, **options) -> bytes:
        return json.dumps(value, ensure_ascii=ascii_only, **options).encode()

    lines = b"\n".join(dumped(row) for row in objects(rows))
    array = dumped(objects(rows), indent=indent)
    columns = dumped({"text": [text for text, _ in rows], "label": [label for _, label in rows]})
    by_row = {name: {str(number): row[name] for number, row in enumerate(objects(rows))} for name in ("text", "label")}
    shapes = {
        "lines.jsonl": lines,
        "lines.ndjson": lines.replace(b"\n", b"\r\n"),
        "lines.json": lines,
        "array.json": array,
        "array.jsonl": array,
        "columns.json": columns,
        "pandas.json": dumped(by_row),
    }

    assert {name: read_back(tmp_path / name, content) for name, content in shapes.items()} == dict.fromkeys(
        shapes, (rows, [])
    )
    inside = dumped({"version": 1, "data": objects(rows)}, indent=indent)
    assert read_back(tmp_path / "inside.json", inside) == (rows, ["The rows are those of the key 'data'."])
    nested = dumped([{"data": {"text": text}, "labels": [{"name": label}]} for text, label in rows])
    assert read_back(tmp_path / "n.json", nested, text="data.text", label="labels.0.name") == (rows, [])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=tables())
def test_parquet_and_spreadsheets(tmp_path, rows):
    columns = {"text": [text for text, _ in rows], "label": [label for _, label in rows]}
    types = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
    for number, kind in enumerate(types):
        file = tmp_path / f"{number}.parquet"
        label = pa.array(columns["label"], pa.string()).cast(kind if number < 2 else pa.string())
        if number == 3:
            label = label.dictionary_encode()
        pq.write_table(pa.table({"text": columns["text"], "label": label}), file)
        assert read_back(file, file.read_bytes()) == (rows, [])
    pytest.importorskip("python_calamine")
    sheet = {"Sheet1": [("text", "label"), *rows]}
    assert read_back(tmp_path / "table.xlsx", xlsx(sheet)) == (rows, [])
    assert read_back(tmp_path / "table.ods", ods(sheet)) == (rows, [])


LABELS = [0, 1, 2]


@pytest.mark.parametrize(
    "written",
    [
        lambda labels: pa.array(labels, pa.int8()),
        lambda labels: pa.array(labels, pa.float64()),
        lambda labels: pa.array([f"{label}" for label in labels]),
        lambda labels: pa.array([f" {label}.0 " for label in labels]),
        lambda labels: pa.array([str(label).encode() for label in labels]),
        lambda labels: pa.array([[label] for label in labels]),
    ],
)
def test_labels_have_one_spelling_in_all_types(tmp_path, written):
    labels = [LABELS[number % 3] for number in range(30)]
    texts = [f"text number {number}" for number in range(30)]
    pq.write_table(pa.table({"text": texts, "label": written(labels)}), tmp_path / "table.parquet")

    split, _ = prepare_table(TableData(table=str(tmp_path / "table.parquet")), seed=1)

    read = {text: split.label_names[label] for part in (split.train, split.validation, split.test)
            for text, label in zip(part.texts, part.labels, strict=True)}  # fmt: skip
    assert read == {text: str(label) for text, label in zip(texts, labels, strict=True)}


def test_a_scored_table_says_what_it_dropped(tmp_path):
    content = "text;label;\n" + "".join(f"text number {n};{'ab'[n % 2]};\n" for n in range(20))
    assert read_back(tmp_path / "own.csv", content.encode())[1] == ['Read as: semicolons, quotes ", header, utf-8.']
    content = "text;label\n" + "".join(f"text number {n};{'ab'[n % 2]};\n" for n in range(20))

    rows, notes = read_back(tmp_path / "short.csv", content.encode())

    assert rows == [(f"text number {n}", "ab"[n % 2]) for n in range(20)]
    assert notes[1].startswith("20 rows end with more separators than the header")
