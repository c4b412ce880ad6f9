"""Large tables in parts: what reading them at once gives, whatever the size of a part."""

from __future__ import annotations

import bz2
import datetime
import gzip
import json
import lzma
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff.data import table_parts
from bakeoff.data.scored_files import scored_file
from bakeoff.data.types import TextSource
from bakeoff.data.unlabeled import open_texts, read_texts
from bakeoff.errors import UserError

ROWS = [
    {
        "id": str(n),
        "text": f'Film {n}, "{"fine" if n % 3 else "dull"}"' + "\nindeed" * (n % 4 == 1),
        "stars": str(n % 5),
    }
    for n in range(400)
]
CSV = "id,text,stars\r\n" + "".join(
    '{},"{}",{}\r\n'.format(row["id"], row["text"].replace('"', '""'), row["stars"]) for row in ROWS
)
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
PIPES = "name|words|kind\n" + "".join(f'n{n}|Café number {n}, he said "so|k{n % 3}\n' for n in range(400))
HEADLESS = "".join(f"good;A fine film number {n}\nbad;A dull one number {n}\n" for n in range(200))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(table_parts, "PART_BYTES", 2_000)


def at_once(path, columns=None):
    return TextSource.of(read_texts(path, columns))


def everything(source):
    """Return the cells, the texts and what is said of a source."""
    parts = list(source.parts())
    rows = [
        dict(zip(source.columns, row, strict=True))
        for part in parts
        for row in zip(*(part.columns.get(name, [None] * len(part.texts)) for name in source.columns), strict=True)
    ]
    return rows, [text for part in parts for text in part.texts], source.rows, source.empty, source.notes


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV.encode()),
        ("a.csv.gz", gzip.compress(CSV.encode())),
        ("a.csv.bz2", bz2.compress(CSV.encode())),
        ("a.csv.xz", lzma.compress(CSV.encode())),
        ("a.csv.zst", pa.compress(CSV.encode(), "zstd", asbytes=True)),
        ("marked.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("pipes.csv", PIPES.encode()),
        ("old.csv", PIPES.encode("cp1252")),
        ("headless.csv", HEADLESS.encode()),
        ("tabs.tsv", PIPES.replace("|", "\t").encode()),
        ("a.jsonl", LINES.encode()),
        ("a.ndjson.gz", gzip.compress(LINES.encode())),
        ("later.jsonl", (LINES + '{"more": 1}\n\n{"text": "  ", "more": [2]}\n').encode()),
        ("absent.jsonl", ('{"other": 1}\n' * 400 + LINES).encode()),
        ("lines.txt", "".join(f"Line {n}\u2028and its half\r\n\n" for n in range(300)).encode()),
    ],
)
def test_parts_are_what_reading_at_once_gives(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    column = {"headless.csv": ["column_2"], "pipes.csv": ["words"], "old.csv": ["words"], "tabs.tsv": ["words"]}

    source = open_texts(tmp_path / name, column.get(name))

    assert len(list(source.parts())) > 3
    assert everything(source) == everything(at_once(tmp_path / name, column.get(name)))
    assert everything(source) == everything(source)


def test_a_table_in_a_zip_is_read_in_parts(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("folder/a.csv", CSV)

    source = open_texts(tmp_path / "a.zip")

    assert len(list(source.parts())) > 3
    assert everything(source) == everything(at_once(tmp_path / "a.zip"))


def test_parquet_in_parts_keeps_names_of_classes_and_counts_lost_dates(tmp_path):
    count = 3_000
    table = pa.table(
        {
            "text": [["Film", str(n)] for n in range(count)],
            "label": pa.array([n % 2 for n in range(count)], pa.int64()),
            "when": pa.array([2**62 if n % 1_000 == 999 else n for n in range(count)], pa.timestamp("us")),
        }
    )
    features = {"label": {"_type": "ClassLabel", "names": ["bad", "good"]}}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "a.parquet")

    source = open_texts(tmp_path / "a.parquet")

    assert len(list(source.parts())) > 3
    rows, texts, *_ = everything(source)
    assert (rows, texts) == everything(at_once(tmp_path / "a.parquet"))[:2]
    assert sorted(source.notes) == sorted(at_once(tmp_path / "a.parquet").notes)
    assert "3 rows have a time or date" in " ".join(source.notes)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("longer.csv", HEADLESS.replace(";", ",") + "good,A film, and more of it\n"),
        ("quotes.csv", "text,label\n" + "a film,good\n" * 300 + '"a film they say,bad\n' + "a film,good\n" * 9),
        ("array.json", json.dumps(ROWS)),
        ("array.jsonl", json.dumps(ROWS)),
        ("fast.txt", "".join(f"__label__a Film {n}\n" for n in range(300))),
        ("old.txt", b"A film\n" * 400 + "Caf\xe9 au lait\n".encode("cp1252") * 3),
        ("small.csv", "text\na film\n"),
        ("better.jsonl", '{"title": "A film"}\n' * 400 + LINES),
    ],
)
def test_what_cannot_be_told_from_the_first_part_is_read_at_once(tmp_path, name, content):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    column = ["column_2"] if name == "longer.csv" else None

    source = open_texts(tmp_path / name, column)

    assert len(list(source.parts())) == 1
    assert everything(source) == everything(at_once(tmp_path / name, column))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LINES + "{oops\n", "line 401, column 2"),
        (LINES + '{"text": {"a": 1}}\n', "row 401: the text in column 'text' is an object"),
        ('{"other": 1}\n' * 400 + '{"more": 1}\n', "its columns are other, more"),
    ],
)
def test_a_mistake_far_behind_is_named_by_its_line(tmp_path, content, message):
    (tmp_path / "a.jsonl").write_text(content)

    with pytest.raises(UserError, match=message):
        open_texts(tmp_path / "a.jsonl")


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_a_table_is_written_as_if_it_had_been_read_at_once(tmp_path, ending):
    odd = [None, *[1] * 150, 2.5, *[None] * 100, *["one", [1, "a"], {"a": 1}] * 40, datetime.date(2026, 1, 1)]
    whole = [*[None] * 200, *range(200), 2.5]
    rows = [
        {"text": f"A film number {n}", "odd": json.loads(json.dumps(value, default=str)), "number": number}
        for n, (value, number) in enumerate(zip(odd, whole, strict=False))
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"text": "", "later": True}]))
    files = []
    for name, source in (("parts", open_texts(tmp_path / "a.jsonl")), ("once", at_once(tmp_path / "a.jsonl"))):
        files.append(tmp_path / f"{name}.{ending}")
        with scored_file(files[-1], source) as write:
            for part in source.parts():
                write(part, {"label": [None if "1" in text else "x" for text in part.texts], "text": part.texts})

    if ending == "parquet":
        assert pq.read_table(files[0]).equals(pq.read_table(files[1]))
    else:
        assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("labels", [[None, "x"], [[], ["x"]]], ids=["one", "several"])
def test_the_first_part_may_have_no_labels(tmp_path, labels):
    (tmp_path / "a.csv").write_text(CSV)
    source, out = open_texts(tmp_path / "a.csv"), tmp_path / "out.parquet"

    with scored_file(out, source) as write:
        for number, part in enumerate(source.parts()):
            write(part, {"label": [labels[min(number, 1)]] * len(part.texts)})

    written = pq.read_table(out).column("label").to_pylist()
    assert (written[0], written[-1]) == tuple(labels)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_is_written_completely_or_not_at_all(tmp_path, ending):
    (tmp_path / "a.csv").write_text(CSV)
    source = open_texts(tmp_path / "a.csv")

    def interrupted():
        with scored_file(tmp_path / f"out.{ending}", source) as write:
            for number, part in enumerate(source.parts()):
                write(part, {"label": part.texts})
                if number == 1:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]
