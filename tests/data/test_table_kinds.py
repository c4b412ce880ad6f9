"""Tables as people have them: how each kind is read, and what is said about it."""

from __future__ import annotations

import http.server
import io
import json
import threading
import zipfile
from functools import partial
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff import packages
from bakeoff.config.load import load_config
from bakeoff.config.paths import with_absolute_paths
from bakeoff.data.config import TableData, TableFormat
from bakeoff.data.raw_tables import read_raw_table
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError
from tests.data.spreadsheets import ods, xlsx

TEXTS = [f"the film number {n} was seen, twice" for n in range(20)]
LABELS = [("neg", "pos")[n % 2] for n in range(20)]


def lines(rows, end="\n") -> str:
    return "".join(row + end for row in rows)


@pytest.fixture
def read(tmp_path):
    """Write a file and return its table."""

    def write(name: str, content: str | bytes, **settings):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_raw_table(str(file), TableFormat(**settings))

    return write


def prepared(table: Path, **settings):
    """Return label by text, and the report."""
    split, report = prepare_table(TableData(table=str(table), **settings), seed=1)
    parts = (split.train, split.validation, split.test)
    labels = {text: split.label_names[id] for part in parts for text, id in zip(part.texts, part.labels, strict=True)}
    return labels, report


# Delimited files


def test_unpaired_quotes_do_not_hide_rows(read):
    rows = [f"{text.replace(',', '')}\t{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    rows[4] = '"' + rows[4]
    rows[9] = rows[9].replace("\t", '"\t')

    table = read("a.tsv", lines(["text\tlabel", *rows]))

    assert table.columns["label"] == LABELS
    assert table.columns["text"][4].startswith('"the film')
    assert "no quotes" in table.notes[0]
    assert "5 lines would be lost" in table.notes[1]


def test_quoted_line_breaks_stay_line_breaks(read):
    rows = [f'"the film\tnumber {n}\nwas\tseen"\t{LABELS[n]}' for n in range(20)]

    table = read("a.tsv", lines(["text\tlabel", *rows]))

    assert table.columns["text"][0] == "the film\tnumber 0\nwas\tseen"
    assert table.notes == []


def test_semicolons_single_quotes_no_header_windows_1252(read):
    rows = [f"{label};'Café; {text}'" for text, label in zip(TEXTS, LABELS, strict=True)]

    table = read("a.csv", lines(rows).encode("cp1252"))

    assert table.columns == {"column_1": LABELS, "column_2": [f"Café; {text}" for text in TEXTS]}
    assert table.notes == ["Read as: semicolons, quotes ', no header, windows-1252."]
    assert read("a.csv", lines(rows).encode("cp1252"), **table.format.model_dump()).notes == []


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("rows", [1, 20])
def test_the_line_in_which_excel_names_the_separator_is_no_row(read, separator, rows):
    expected = {"label": LABELS[:rows], "text": TEXTS[:rows]}
    written = [f'{label}{separator}"{text}"' for text, label in zip(TEXTS[:rows], LABELS, strict=False)]
    content = lines([f"sep={separator}", f"label{separator}text", *written], end="\r\n")

    table = read("a.csv", content)

    assert table.columns == expected
    assert read("a.csv", content, **table.format.model_dump()).columns == expected
    with pytest.raises(UserError, match="line 4: 3 fields, but the header has 2"):
        read("a.csv", lines([f"sep={separator}", f"label{separator}text", "", separator.join("abc")]))


def test_lines_of_blanks_are_skipped(read):
    rows = [f"{label},on film {n}" for n, label in enumerate(LABELS)]

    assert read("a.csv", lines(["label,text", *rows[:3], "  ", *rows[3:], " "])).columns["label"] == LABELS


@pytest.mark.parametrize(("name", "separator"), [("Kommentar\n(frei)", ";"), ("Kommentar,\nfrei", "\t")])
def test_a_header_may_have_a_line_break_before_its_first_separator(read, name, separator):
    rows = [f'"{text}; gern"{separator}{label}' for text, label in zip(TEXTS, LABELS, strict=True)]

    table = read("a.csv", lines([f'"{name}"{separator}Bewertung', *rows]))

    assert table.columns == {name: [f"{text}; gern" for text in TEXTS], "Bewertung": LABELS}


@pytest.mark.parametrize("header", ["label, text", "label,text"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_quotes_behind_a_blank_are_no_part_of_the_text(read, header, separator):
    texts = [f'{text}; said "yes"' for text in TEXTS]
    cells = [text.replace('"', '""') for text in texts]
    rows = [f'{label}, "{cell}"' for cell, label in zip(cells, LABELS, strict=True)]
    content = lines(row.replace(", ", f"{separator} ", 1) for row in rows)

    table = read("a.csv", header.replace(",", separator) + "\n" + content)

    assert table.columns == {"label": LABELS, "text": texts}
    assert (
        read("a.csv", header.replace(",", separator) + "\n" + content, **table.format.model_dump()).columns
        == table.columns
    )


def test_quotes_behind_a_blank_that_end_inside_the_cell_are_part_of_it(read):
    table = read("a.csv", lines(["label,text", *(f'{label}, "Yes" she said' for label in LABELS)]))

    assert set(table.columns["text"]) == {' "Yes" she said'}


@pytest.mark.parametrize(
    ("first", "expected"),
    [("neg,the first film", False), ("opinion,what was said", True), ("label,neg", True), ("3,a text of a row", False)],
)
def test_a_header_is_told_from_a_row(read, first, expected):
    values = list(range(1, 21)) if first[0] == "3" else LABELS
    rows = [f"{value},the film number {n}" for n, value in enumerate(values)]

    assert read("a.csv", lines([first, *rows])).format.header is expected
    other = read("a.csv", lines([first, *rows]), header=not expected)
    assert next(iter(other.columns)) == ("column_1" if expected else first.split(",")[0])


def test_a_class_with_a_usual_name_is_no_header(read):
    rows = [f"what number {n} is it,{('date', 'number', 'name')[n % 3]}" for n in range(20)]

    assert len(read("a.csv", lines(rows))) == 20
    assert len(read("a.csv", lines(["question,topic", *rows, "which topic is it,topic"]))) == 21


def test_surplus_separators_belong_to_a_last_column_of_texts_only(read):
    rows = [f"{label},{text}" for text, label in zip(TEXTS, LABELS, strict=True)]
    table = read("a.csv", lines(["label,text", *rows]))
    assert table.columns == {"label": LABELS, "text": TEXTS}
    assert table.notes[0].startswith("20 rows have more separators than the header, without quotes; they were taken")

    rows = [f"{text},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    with pytest.raises(UserError, match="line 2: 3 fields, but the header has 2"):
        read("b.csv", lines(["text,label", *rows]))


def test_windows_1252_is_not_guessed_for_damaged_utf_8(read):
    content = lines(["text,label", *("schöne grüße,neg" for _ in range(30))]).encode() + b"caf\xe9,pos\n"

    with pytest.raises(UserError, match="not UTF-8: line 32"):
        read("a.csv", content)
    assert read("a.csv", content, encoding="latin-1").columns["text"][-1] == "café"


@pytest.mark.parametrize(
    ("content", "setting"),
    [
        (b"text,label\none,neg\ntwo, or three,pos\n", "data.format.separator"),
        (b"text,text\none,neg\ntwo,pos\n", "data.format.header"),
        (("text,label\n" + 30 * "schöne grüße,neg\n").encode() + b"caf\xe9,pos\n", "data.format.encoding"),
    ],
)
def test_settings_are_named_where_there_is_a_config_to_set_them_in(tmp_path, content, setting):
    file = tmp_path / "a.csv"
    file.write_bytes(content)

    with pytest.raises(UserError) as alone:
        read_raw_table(str(file))
    with pytest.raises(UserError) as of_a_config:
        prepare_table(TableData(table=str(file)), seed=1)

    assert "--set" not in str(alone.value)
    assert f"--set {setting}=" in str(of_a_config.value)
    assert of_a_config.value.message == alone.value.message


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("windows-1250", "Zażółć gęślą jaźń i źdźbło, wszystko było świetne"),
        ("windows-1251", "Это был очень хороший фильм"),
        ("koi8_r", "Это был очень хороший фильм"),
        ("windows-1254", "Bu film çok güzeldi, şahane ığdır"),
        ("gb18030", "这部电影太无聊了浪费时间"),
        ("cp950", "這部電影太無聊了浪費時間"),
        ("cp950", "這部電影裏的人太無聊了"),
        ("cp932", "この映画はとても面白かったです"),
        ("cp932", "この映画はとても面白かったです。最高でした①"),
        ("cp949", "이 영화는 정말 재미있었어요"),
        ("cp949", "됬 재미있었어요 영화"),  # a syllable that EUC-KR lacks
        ("cp874", "หนังเรื่องนี้น่าเบื่อมากครับ"),
    ],
)
def test_other_encodings_are_found(read, encoding, text):
    table = read("a.tsv", lines(["text\tlabel", *(f"{text} {n}\t{'ab'[n % 2]}" for n in range(20))]).encode(encoding))

    assert table.columns["text"][0] == f"{text} 0"
    assert encoding in table.notes[0]


@pytest.mark.parametrize("first", ["", "-"])  # the sample may end between two bytes of a character
def test_a_long_file_in_an_encoding_of_several_bytes(read, first):
    rows = [f"재미있었어요영화는정말{n}\t{'ab'[n % 2]}" for n in range(5_000)]
    content = lines(["text\tlabel", first + rows[0], *rows[1:]]).encode("cp949")

    assert read("a.tsv", content).columns["text"][-1] == "재미있었어요영화는정말4999"
    with pytest.raises(UserError, match=r"is not cp949: line 5002, byte \d+ is 0xc7"):
        read("b.tsv", content + b"\xc7\x41\ta\n")  # which gb18030 reads, as it reads nearly everything


# Spreadsheets


def test_the_first_sheet_that_is_not_empty_is_read(read):
    pytest.importorskip("python_calamine")
    sheets = {"Empty": [], "Reviews": [("text", "stars"), *zip(TEXTS, range(20), strict=True)], "Notes": [("x",)]}

    table = read("a.xlsx", xlsx(sheets))

    assert table.columns == {"text": TEXTS, "stars": list(range(20))}
    assert table.notes == ["Read as: sheet 'Reviews', header. Other sheets, which are not read: 'Notes'."]
    assert read("a.ods", ods(sheets), sheet="Notes", header=False).columns == {"column_1": ["x"]}
    with pytest.raises(UserError, match=r"no sheet 'Review'(.|\n)*Did you mean 'Reviews'"):
        read("a.xlsx", xlsx(sheets), sheet="Review")


@pytest.mark.timeout(20)
def test_a_spreadsheet_that_is_cut_is_refused(read):
    pytest.importorskip("python_calamine")
    whole, cut = io.BytesIO(ods({"Reviews": [("text", "stars"), ("A fine film", 5)]})), io.BytesIO()
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(cut, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            other.writestr(name, content[: content.find(b"<table:table-row>")] if name == "content.xml" else content)

    with pytest.raises(UserError, match="not a readable spreadsheet: no element found"):
        read("a.ods", cut.getvalue())  # calamine would look for its end forever


@pytest.mark.parametrize(("encoding", "said"), [("rot13", "not the name of an encoding"), ("idna", "is not idna")])
def test_codecs_that_are_no_encoding_of_a_file(read, encoding, said):
    with pytest.raises((UserError, ValueError), match=said):
        read("a.csv", "text,label\nA\u3002..é,1\n".encode(), encoding=encoding)


def test_without_the_package_for_spreadsheets_one_sentence_says_so(read, monkeypatch):
    monkeypatch.setattr(packages, "missing_modules", lambda extra: ["python_calamine"])

    with pytest.raises(UserError, match=r"needs python-calamine(.|\n)*bakeoff\[excel\](.|\n)*\.csv"):
        read("a.xlsx", xlsx({"Sheet": [("text",), ("a",)]}))


# Several files, and files elsewhere


def test_several_files_and_patterns(tmp_path, monkeypatch):
    for part in range(3):
        rows = [f"{n},{TEXTS[n]!r},{LABELS[n]}".replace("'", '"') for n in range(part * 6, part * 6 + 6)]
        (tmp_path / f"part-{part}.csv").write_text(lines(["id,text,label", *rows]))
    monkeypatch.chdir(tmp_path)

    table = read_raw_table("part-*.csv")

    assert table.columns["text"] == TEXTS[:18]
    assert list(table.files) == ["part-0.csv", "part-1.csv", "part-2.csv"]
    assert read_raw_table(["part-0.csv", "part-1.csv", "part-2.csv"]).columns == table.columns
    values = {"task": "classification", "contestants": {"linear": {}}}
    config = load_config({**values, "data": {"table": "part-*.csv"}})
    assert with_absolute_paths(config).data.table == str(tmp_path / "part-*.csv")
    config = load_config({**values, "data": {"table": ["part-0.csv", "part-1.csv"]}})
    assert with_absolute_paths(config).data.table == [str(tmp_path / "part-0.csv"), str(tmp_path / "part-1.csv")]
    (tmp_path / "part-3.csv").write_text("id,text,kind\n1,a,b\n")
    with pytest.raises(UserError, match=r"part-3.csv does not have the same columns as part-0.csv: kind, label"):
        read_raw_table("part-*.csv")
    with pytest.raises(UserError, match="No file matches"):
        read_raw_table("piece-*.csv")


def test_urls(tmp_path):
    content = lines(["text,label", *(f'"{t}",{la}' for t, la in zip(TEXTS, LABELS, strict=True))])
    with fsspec.open("memory://reviews/part-1.csv", "w") as file:
        file.write(content)
    assert read_raw_table("memory://reviews/part-1.csv").columns["text"] == TEXTS
    assert read_raw_table("memory://reviews/part-*.csv").columns["text"] == TEXTS
    with pytest.raises(UserError, match=r"memory://reviews/no\.csv does not exist"):
        read_raw_table("memory://reviews/no.csv")

    (tmp_path / "reviews.csv").write_text(content)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert read_raw_table(f"{address}/reviews.csv?version=1").columns["text"] == TEXTS
        with pytest.raises(UserError, match=r"no.csv does not exist"):
            read_raw_table(f"{address}/no.csv")
        server.shutdown()


def test_a_place_whose_package_is_missing(monkeypatch):
    def missing(*_, **__):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "open", missing)
    with pytest.raises(UserError, match="Install s3fs"):
        read_raw_table("s3://bucket/reviews.csv")


# Labels


def write_rows(path: Path, texts, labels, **further) -> Path:
    columns = {"text": texts, "label": labels, **further}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    path.write_text(lines(json.dumps(row) for row in rows))
    return path


@pytest.mark.parametrize(
    ("written", "names", "note"),
    [
        ([0, "1"] * 9 + [0, 1.0], ["0", "1"], "'1' is also written '1.0' (1 row)"),
        (["0.0", "1.0"] * 10, ["0", "1"], "'0' is written '0.0' (10 rows); '1' is written '1.0' (10 rows)"),
        (["FALSE", True] * 9 + [False, "true"], ["False", "True"], "'False' is also written 'FALSE' (9 rows)"),
        (["neg", "pos"] * 9 + ["neg ", "pos"], ["neg", "pos"], "'neg' is also written 'neg ' (1 row)"),
        (["true", "fake"] * 10, ["fake", "true"], None),
        (["1.10", "1.1"] * 10, ["1.1", "1.10"], None),
        ([0.0, 1.0] * 10, ["0", "1"], None),
        ([["neg"], "pos"] * 10, ["neg", "pos"], None),
        (["a", "b, c"] * 10, ["a", "b, c"], None),
        (["Austin, TX", "Dallas, TX"] * 10, ["Austin, TX", "Dallas, TX"], None),
    ],
)
def test_one_rule_for_the_spelling_of_labels(tmp_path, written, names, note):
    labels, report = prepared(write_rows(tmp_path / "a.jsonl", TEXTS, written))

    assert sorted(set(labels.values())) == names
    said = [line for line in report.notes if line.startswith("One class, however its label is written: ")]
    assert said == [] if note is None else note in said[0]


def test_minus_one_may_mark_rows_without_a_label(tmp_path):
    file = write_rows(tmp_path / "a.jsonl", TEXTS, [n % 3 - 1 for n in range(20)])

    labels, report = prepared(file)
    assert set(labels.values()) == {"-1", "0", "1"}
    assert any("'-1' (7 rows)" in note and note.endswith("out: data.unlabeled: -1.") for note in report.notes)
    labels, report = prepared(file, unlabeled=-1)
    assert set(labels.values()) == {"0", "1"}
    assert report.skipped == {"the label is '-1', which marks rows without one": 7}
    assert prepared(file, unlabeled="-1.0")[0] == labels
    _, report = prepared(write_rows(tmp_path / "b.jsonl", TEXTS, [n % 2 * 2 - 1 for n in range(20)]))
    assert not any("-1" in note for note in report.notes)


def test_a_mark_of_rows_without_a_label_that_no_row_has_is_refused(tmp_path):
    file = write_rows(tmp_path / "a.jsonl", TEXTS, [["good", "bad", "unknown"][n % 3] for n in range(20)])

    with pytest.raises(UserError, match=r"unlabeled: no row of .* has the label 'unknwon'; did you mean 'unknown'"):
        prepared(file, unlabeled="unknwon")


def test_class_names_from_the_metadata_of_parquet(tmp_path):
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    ids = [-1, *(n % 2 for n in range(1, 20))]
    datasets.Dataset.from_dict({"text": TEXTS, "label": ids}, features=features).to_parquet(tmp_path / "a.parquet")

    labels, report = prepared(tmp_path / "a.parquet")

    assert labels == dict(zip(TEXTS[1:], LABELS[1:], strict=True))
    assert report.skipped == {"the label is missing": 1}
    assert any("neg, pos" in note for note in report.notes)


@pytest.mark.parametrize("wrap", [list, lambda inner: {"_type": "Sequence", "feature": inner[0], "length": -1}])
def test_class_names_in_lists_from_the_metadata_of_parquet(tmp_path, wrap):
    feature = wrap([{"_type": "ClassLabel", "names": ["neg", "pos"]}])
    table = pa.table({"text": TEXTS, "label": [[n % 2] if n % 4 else [0, 1] for n in range(20)]})
    metadata = {"huggingface": json.dumps({"info": {"features": {"label": feature}}})}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")

    split, report = prepare_table(TableData(table=str(tmp_path / "a.parquet")), seed=1)

    assert split.multilabel
    assert split.label_names == ["neg", "pos"]
    assert any("neg, pos" in note for note in report.notes)


def test_classes_too_small_for_three_splits_are_set_aside(tmp_path):
    file = write_rows(tmp_path / "a.jsonl", [*TEXTS, "x", "y", "y"], [*LABELS, "rare", "rare", "rare"])

    labels, report = prepared(file)

    assert labels == dict(zip(TEXTS, LABELS, strict=True))
    assert report.skipped == {"their class has fewer than three different texts": 3}
    assert any("'rare' (3); 3 rows in all" in note for note in report.notes)


def test_repeats_are_named_where_too_few_different_texts_are_left(tmp_path):
    """The training rows are two texts and their copies, so no validation text can be taken from them."""
    texts = [f"t{n % 2}" for n in range(40)] + [f"other t{n % 2}" for n in range(20)]
    splits = ["train"] * 40 + ["test"] * 20
    file = write_rows(tmp_path / "a.jsonl", texts, ["ab"[n % 2] for n in range(60)], split=splits)

    with pytest.raises(UserError, match=r"the validation split: only 4 of its 60 texts are different") as caught:
        prepared(file, split={"column": "split"})
    assert "Give more different texts" in caught.value.hint


def test_fasttext_files(read):
    rows = [f"__label__{label} {text}" for text, label in zip(TEXTS, LABELS, strict=True)]

    table = read("a.txt", lines([*rows, "", "no label"]))

    assert table.columns == {"text": [*TEXTS, "no label"], "label": [*LABELS, None]}
    assert "fastText" in table.notes[0]
    tabs = read("c.txt", lines([row.replace(" ", "\t", 1) for row in rows]))
    assert tabs.columns == {"text": TEXTS, "label": LABELS}
    several = read("b.txt", "__label__a x\n__label__a __label__b y\nz\n")
    assert several.columns == {"text": ["x", "y", "z"], "label": [["a"], ["a", "b"], []]}


# Texts, and nested objects


def test_other_cells_than_strings(tmp_path):
    pq.write_table(pa.table({"text": [text.encode() for text in TEXTS], "label": LABELS}), tmp_path / "a.parquet")
    labels, report = prepared(tmp_path / "a.parquet")
    assert labels == dict(zip(TEXTS, LABELS, strict=True))
    assert any(note.startswith("20 rows have bytes in column 'text'") for note in report.notes)

    labels, report = prepared(write_rows(tmp_path / "b.jsonl", [text.split() for text in TEXTS], LABELS))
    assert labels == dict(zip(TEXTS, LABELS, strict=True))
    assert any(note.startswith("20 rows have a list of strings") for note in report.notes)

    pq.write_table(pa.table({"text": [b"ok"] * 19 + [b"\xff"], "label": LABELS}), tmp_path / "c.parquet")
    with pytest.raises(UserError, match="row 20: the text in column 'text' is bytes that are no UTF-8"):
        prepared(tmp_path / "c.parquet")


def test_paths_into_nested_objects(tmp_path):
    rows = [{"data": {"text": t}, "annotations": [{"label": la}]} for t, la in zip(TEXTS, LABELS, strict=True)]
    rows[3]["annotations"].append({"label": "other"})
    (tmp_path / "a.jsonl").write_text(lines(map(json.dumps, rows)))

    labels, report = prepared(tmp_path / "a.jsonl", text="data.text", label="annotations.0.label")

    assert labels == dict(zip(TEXTS, LABELS, strict=True))
    assert any(note.startswith("1 row has more than one element") for note in report.notes)
    for settings in ({}, {"text": "data.txt"}, {"text": "data.text", "label": "annotations.1.labels"}):
        with pytest.raises(UserError, match=r"data\.text, annotations\.0\.label"):
            prepared(tmp_path / "a.jsonl", **settings)
    with pytest.raises(UserError, match=r"row 1: the text in column 'data' is an object(.|\n)*data\.text"):
        prepared(tmp_path / "a.jsonl", text="data", label="annotations.0.label")
