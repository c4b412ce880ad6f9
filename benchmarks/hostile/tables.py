"""Tables with odd bytes and cells; and the same table written in other ways, which must be read the same."""

from __future__ import annotations

import bz2
import codecs
import csv
import functools
import gzip
import io
import json
import lzma
import random
import zipfile
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from hostile.cases import Case, Outcome, judged
from hostile.forks import type_command
from hostile.runs import KINDS, write_config

Quoting = Literal[0, 1, 2, 3]  # as in csv
ODD_TEXTS = [
    *("", " ", "\u2028", "a\u2028b", "a\x85b", "a\x0bb\x0cc", "a\x1cb", "a\x00b", "\ufeffa", "\u202egnirts", "e\u0301"),
    *("=1+1", '"', "a\tb", "a,b;c|d", "\x1b[31mred", "[bold]no[/bold]", "[/nothing]", "{text}", "%s %d", "\\n", "nan"),
    *("\U0001f600" * 50, "مرحبا", "漢字かな交じり文", "a" * 100_000, "a " * 20_000, "-", "--help", "NULL"),
    *("\ud800", "a\udfffb", "caf\udce9", "\uffff\ufffe", "<script>alert(1)</script>", "a\rb", "a\nb", "\n\n", "1e5"),
]
JSON_LINES = [
    *(
        "[" * 100_000,
        '{"text": ' * 50_000,
        '{"text": "a", "label": ' + "9" * 5000 + "}",
        '{"text": "\\ud800", "label": 1}',
    ),
    *('{"text": NaN, "label": Infinity}', "null", "[]", "{}", '{"": ""}', '{"text": {"a": []}, "label": [1, 2]}'),
    *('{"text": 1e999, "label": -0.0}', '{"' + "k" * 100_000 + '": 1, "text": "a", "label": "b"}', "\ufeff{}", "{]"),
    *('{"text": "a", "text": "b", "label": "p"}', '{"text": "a\\u0000b", "label": "p"}', '{"text": true, "label": []}'),
]
_BYTES = [b"\xff\xfe", b"\x00", b"caf\xe9", b"\xed\xa0\x80", b"\x1b[31m", "\u202e\u2066".encode(), b"\r", b"\n" * 99]
_BYTES += [b'"', b'""', b",,,,", b"\t", b"\x1a", b"\xef\xbb\xbf", b"'", b"a" * 200_000, b'"' * 3, b";", b"\\"]


def _run(place: Path, data: dict[str, Any], contestants: dict[str, Any] | None = None) -> list[str | Path]:
    """Return the command that runs a bake-off on these data."""
    values = {
        "task": "classification",
        "data": {"split": {"validation": 0.2, "test": 0.2}, **data},
        "contestants": contestants or {"majority": {}},
        "evaluation": {"resamples": 20},
    }
    config = place / "table.yaml"
    config.write_text(yaml.safe_dump(values))
    return ["run", config, "-o", place / "out"]


def _case(group: str, what: str, arguments: list[str | Path], place: Path) -> Case:
    return Case(group, what, lambda: judged(type_command(arguments, inside=place, scratch=place)))


def odd_file(choose: random.Random, place: Path) -> tuple[bytes, str]:
    """Return a table with odd lines, bytes or cells, and the end of its name."""
    ending = choose.choice(("csv", "csv", "tsv", "json", "jsonl", "txt", "csv.gz", "csv.zip", "jsonl.xz", "xlsx"))
    if ending == "xlsx":
        return _odd_workbook(choose), ending
    if "json" in ending:
        good = [json.dumps({"text": f"a text number {n} is here", "label": "pn"[n % 2]}) for n in range(40)]
        lines = good if "jsonl" in ending or choose.random() < 0.5 else ["[" + ",".join(good) + "]"]
        lines.insert(choose.randrange(len(lines) + 1), choose.choice(JSON_LINES))
        content = "\n".join(lines).encode()
    elif choose.random() < 0.4:
        rows = [[f"text {n} of {n % 7}", "pn"[n % 2]] for n in range(40)]
        for _ in range(choose.randint(1, 5)):
            choose.choice(rows)[choose.randrange(2)] = choose.choice(ODD_TEXTS)
        content = _delimited([(text, label) for text, label in rows], "\t" if ending == "tsv" else ",").encode(
            errors="surrogatepass"
        )
    else:
        content = (place / "good.csv").read_bytes()
        for _ in range(choose.randint(1, 5)):
            at = choose.randrange(len(content))
            content = content[:at] + choose.choice(_BYTES) * choose.choice((1, 1, 50)) + content[at:]
    content = _packed(content, ending)
    if "." in ending and choose.random() < 0.3:
        content = content[: choose.randrange(len(content))]
    return content, ending


def odd_table(choose: random.Random, place: Path) -> Case:
    """An odd table in a run, for `init`, as unlabeled texts, or as answers of a contestant."""
    content, ending = odd_file(choose, place)
    file = place / f"odd.{ending}"
    file.write_bytes(content)
    how = choose.choice(("init", "run", "run", "answers", "unlabeled"))
    if how == "init":
        return _case("tables", f"init of .{ending}", ["init", file, "-o", place / "made.yaml"], place)
    if how == "answers":
        said = {"said": {"method": "predictions", "file": str(file)}}
        return _case("tables", f"answers .{ending}", _run(place, {"table": str(place / "good.csv")}, said), place)
    if how == "unlabeled":
        lstm = {"lstm": {"embedding_size": 4, "hidden_size": 4, "pretrain": {"text": str(file), "epochs": 1}}}
        return _case("tables", f"unlabeled .{ending}", _run(place, {"table": str(place / "good.csv")}, lstm), place)
    return _case("tables", f"table .{ending}", _run(place, {"table": str(file)}), place)


_ODD_LABELS = [
    *(
        "p",
        "nan",
        "a/b",
        "../../x",
        "a|b",
        "<b>",
        "[red]x[/red]",
        "[/]",
        "a\nb",
        "\u202ex",
        "é",
        "\u0000x",
        "label",
        "1",
    ),
    *(
        "1.0",
        "01",
        "True",
        "probability",
        "x" * 500,
        "%s",
        "{0}",
        "$a_1^2$",
        "\\begin{x}",
        "=1+1",
        "none of these",
        "😀",
    ),
    *("-1", "None", ".", "..", "accuracy", "a,b", "a;b", " ", "\u2028", "__label__x", "&amp;", "'", '"', "`", "*a*"),
]


def odd_labels(choose: random.Random, place: Path) -> Case:
    """Labels that mean something to a terminal, a web page, LaTeX or a file system, through every command."""
    labels = choose.sample(_ODD_LABELS, k=choose.randint(2, 4))
    rows = [(f"text {n} about topic {n % len(labels)} again", labels[n % len(labels)]) for n in range(80)]
    file = place / "labels.jsonl"
    file.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    contestants: dict[str, Any] = {"linear": {}, "majority": {}}
    if choose.random() < 0.3:
        contestants["lstm"] = {"embedding_size": 4, "hidden_size": 4}
    data: dict[str, Any] = {"table": str(file), "text": "text", "label": "label"}
    if choose.random() < 0.3:
        data["out_of_scope"] = choose.choice(labels)
    run = _run(place, data, contestants)
    out, kind = place / "out", choose.choice(("csv", "jsonl", "parquet", "tsv"))
    commands: list[list[str | Path]] = [
        run,
        ["report", out, "--tables", place / "tables"],
        ["predict", out, "--file", file, "--out", place / f"scored.{kind}"],
        ["predict", out, "text about topic 1"],
        ["explain", out, "text about topic 1", "--contestant", "linear", "--label", choose.choice(labels)],
        ["compare", out, out],
        ["resume", out],
    ]
    if choose.random() < 0.2:
        commands.append(["report", out, "--figures", place / "figures"])

    def work() -> Outcome:
        outcome = Outcome("done")
        for command in commands:
            outcome = judged(type_command(command, inside=place, scratch=place))
            if outcome.problem or (command is run and outcome.ending != "done"):
                break
        return outcome

    return Case("labels", f"{labels}, {data.get('out_of_scope')!r} out of scope, {kind}", work)


def odd_parquet(choose: random.Random, place: Path) -> Case:
    rows = 60
    odd: list[pa.Array] = [
        pa.array([2**62] * rows, pa.timestamp("us")),
        pa.array([-(2**62)] * rows, pa.timestamp("ms")),
        pa.array([2**31 - 1] * rows, pa.date32()),
        pa.array([2**62] * rows, pa.duration("us")),
        pa.array([2**60] * rows, pa.timestamp("ns", tz="Europe/Nowhere")),
        pa.array([b"\xff"] * rows, pa.binary()),
        pa.array([{"a": [None]}] * rows),
        pa.array([None] * rows, pa.null()),
        pa.array([[b"\xff", b"a"]] * rows),
        pa.array([1.0, float("nan"), float("inf")] * (rows // 3)),
        pa.array([2**63 + 5] * rows, pa.uint64()),
        pa.array([0.1, 0.2] * (rows // 2), pa.float16()),
        pa.array(["p", "n"] * (rows // 2)).dictionary_encode(),
        pa.array([True, None] * (rows // 2)),
        pa.array([[("a", 1)]] * rows, pa.map_(pa.string(), pa.int64())),
        pa.array([10**37] * rows, pa.decimal128(38, 0)),
        pa.array([["p"], []] * (rows // 2)),
    ]
    table = pa.table(
        {
            "text": [f"text {n} of {n % 9}" for n in range(rows)],
            "label": ["pn"[n % 2] for n in range(rows)],
        }
    )
    column = choose.choice(("when", "id", "text", "label", "text2", "label2", "", "a.b"))
    odd_column = choose.choice(odd)
    if column in table.column_names:
        table = table.set_column(table.column_names.index(column), column, odd_column)
    else:
        table = table.append_column(column, odd_column)
    file = place / "odd.parquet"
    pq.write_table(table, file)
    if choose.random() < 0.3:
        content = bytearray(file.read_bytes())
        content[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
        file.write_bytes(bytes(content[: choose.choice((len(content), choose.randrange(len(content))))]))
    data: dict[str, Any] = {"table": str(file)}
    rule = choose.choice((None, None, "time", "group", "column"))
    if rule is not None:
        data["split"] = {rule: column}
    return _case("parquet", f"{column} of {odd_column.type}, split by {rule}", _run(place, data), place)


def odd_spreadsheet(choose: random.Random, place: Path) -> Case:
    file = place / "odd.xlsx"
    file.write_bytes(_odd_workbook(choose))
    data: dict[str, Any] = {"table": str(file)}
    if choose.random() < 0.2:
        data["format"] = {"sheet": choose.choice(("Sheet1", "nothing", "", "x" * 500))}
    command: list[str | Path] = ["init", file, "-o", place / "made.yaml"]
    if choose.random() < 0.7:
        command = _run(place, data)
    return _case("spreadsheets", "odd cells", command, place)


def _odd_workbook(choose: random.Random) -> bytes:
    rows: list[list[Any]] = [["text", "label"], *([f"text {n} of {n % 9}", "pn"[n % 2]] for n in range(60))]
    for _ in range(choose.randint(1, 4)):
        odd = (None, 1.5, True, 1e300, -1, "#REF!", "=1/0", "a\nb", 45000.5, "", *ODD_TEXTS[:12])
        choose.choice(rows)[choose.randrange(2)] = choose.choice(odd)
    if choose.random() < 0.3:
        choose.choice(rows).append("surplus")
    if choose.random() < 0.2:
        rows = choose.choice(([], [[]], [["text", "label"]], [[None, None], *rows], [["text", "text"], *rows[1:]]))
    content = bytearray(_spreadsheet(rows))
    if choose.random() < 0.4:
        for _ in range(choose.choice((1, 5))):
            content[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
        content = content[: choose.choice((len(content), choose.randrange(len(content))))]
    return bytes(content)


def _spreadsheet(rows: list[list[Any]]) -> bytes:
    """Return an .xlsx with inline strings."""

    def cell(value: Any) -> str:
        if value is None:
            return "<c/>"
        if isinstance(value, bool):
            return f'<c t="b"><v>{int(value)}</v></c>'
        if isinstance(value, int | float):
            return f"<c><v>{value}</v></c>"
        if value.startswith("#"):
            return f'<c t="e"><v>{escape(value)}</v></c>'
        printable = "".join(sign for sign in value if sign.isprintable() or sign in "\n\t")
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(printable)}</t></is></c>'

    lines = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    main, package = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org"
    relations = f"{package}/officeDocument/2006/relationships"
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    begin = '<?xml version="1.0" encoding="UTF-8"?>'
    parts = {
        "[Content_Types].xml": f'{begin}<Types xmlns="{package}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{types}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{types}.worksheet+xml"/></Types>',
        "_rels/.rels": f'{begin}<Relationships xmlns="{package}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{begin}<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{begin}<Relationships xmlns="{package}/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'{begin}<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>',
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        for name, part in parts.items():
            files.writestr(name, part.encode(errors="replace"))
    return archive.getvalue()


def _rows(variant: int) -> list[tuple[str, str]]:
    decoration = (
        ("plain", "words"),
        ("café über “naïve”", "costs 5 € – señor"),
        ('he said "no", then; yes', "it's 5 | 6\nand more"),
        ("漢字とかな 😀", "مرحبا شكرا"),
        ("  padded ", "NA None null nan"),
    )[variant]
    choose = random.Random(variant)
    return [
        (f"number {choose.randrange(999)} {decoration[n % 2]} {n} {('good', 'bad')[n % 2]}", ("yes", "no")[n % 2])
        for n in range(60)
    ]


def _delimited(
    rows: list[tuple[str, str]], separator: str, quoting: Quoting = csv.QUOTE_MINIMAL, line_end: str = "\n"
) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=line_end).writerows(
        [("text", "label"), *rows]
    )
    return text.getvalue()


def same_table(choose: random.Random, place: Path) -> Case:
    """A table in another format, encoding or packing: read the same, or with a note, or refused."""
    variant = choose.randrange(5)
    rows = _rows(variant)
    records = [{"text": text, "label": label} for text, label in rows]
    ending = choose.choice(("csv", "csv", "csv", "tsv", "jsonl", "json", "parquet", "xlsx"))
    encoding = choose.choice(("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "gb18030", "koi8-r"))
    said = f"rows {variant} as {ending}"
    if ending == "parquet":
        kind = choose.choice((pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())))
        columns = {"text": pa.array([row[0] for row in rows]), "label": pa.array([row[1] for row in rows]).cast(kind)}
        pq.write_table(pa.table(columns), place / "same.parquet", compression=choose.choice(("snappy", "zstd", "none")))
        content = (place / "same.parquet").read_bytes()
    elif ending == "xlsx":
        content = _spreadsheet([["text", "label"], *map(list, rows)])
    else:
        if ending == "jsonl":
            text = "".join(
                json.dumps(record, ensure_ascii=choose.random() < 0.5) + choose.choice(("\n", "\r\n"))
                for record in records
            )
        elif ending == "json":
            columns_ = {"text": [row[0] for row in rows], "label": [row[1] for row in rows]}
            values = choose.choice((records, columns_, {"data": records, "version": 1}))
            text = json.dumps(values, ensure_ascii=choose.random() < 0.5, indent=choose.choice((None, 2)))
        else:
            separator = "\t" if ending == "tsv" else choose.choice(",;|\t")
            quotings: list[Quoting] = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]
            quoting = choose.choice(quotings)
            text = _delimited(rows, separator, quoting, choose.choice(("\n", "\r\n", "\r")))
        try:
            content = text.encode(encoding)
        except UnicodeEncodeError:
            encoding, content = "utf-8", text.encode()
        said += f" in {codecs.lookup(encoding).name}"
    packing = choose.choice(("", "", ".gz", ".bz2", ".xz", ".zip")) if ending not in ("parquet", "xlsx") else ""
    file = place / f"same.{ending}{packing}"
    file.write_bytes(_packed(content, f"{ending}{packing}"))
    original = place / "original"
    original.mkdir()

    def work() -> Outcome:
        typed = type_command(_run(place, {"table": str(file)}), inside=place, scratch=place)
        outcome = judged(typed)
        if outcome.problem or typed.code:
            return outcome
        data = json.loads((place / "out" / "data.json").read_text())
        if data["fingerprint"] == _fingerprint(variant, original) or data["notes"] or data["skipped"]:
            return Outcome("read the same" if not data["notes"] else "read with a note")
        return Outcome("read otherwise", "the texts or labels changed without a note")

    return Case("same table", f"{said}{packing}", work)


@functools.cache
def _fingerprint(variant: int, place: Path) -> str:
    (place / "a.csv").write_text(_delimited(_rows(variant), ",", csv.QUOTE_MINIMAL, "\n"), encoding="utf-8")
    typed = type_command(_run(place, {"table": str(place / "a.csv")}))
    assert typed.code == 0, typed.err
    return str(json.loads((place / "out" / "data.json").read_text())["fingerprint"])


def _packed(content: bytes, ending: str) -> bytes:
    if ending.endswith(".gz"):
        return gzip.compress(content)
    if ending.endswith(".bz2"):
        return bz2.compress(content)
    if ending.endswith(".xz"):
        return lzma.compress(content)
    if ending.endswith(".zip"):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            files.writestr(f"inside.{ending.removesuffix('.zip')}", content)
        return archive.getvalue()
    return content


@functools.cache
def trained(folder: Path) -> Path:
    folder.mkdir()
    config = write_config(KINDS["classifiers"], folder)
    typed = type_command(["run", config, "-o", folder / "run"], seconds=300)
    assert typed.code == 0, typed.err
    return folder / "run"


def odd_prediction(choose: random.Random, place: Path) -> Case:
    """Odd texts as arguments, lines or cells: each has the same answer whichever way it comes."""
    run = trained(place.parent / "trained")
    texts = [choose.choice([*ODD_TEXTS, "a fine film", "so dull"]) for _ in range(choose.randint(1, 6))]
    way = choose.choice(("arguments", "stdin", "txt", "csv", "jsonl", "parquet"))
    writable = [text for text in texts if _encodable(text)]
    name = choose.choice(("linear", "lstm", "both"))
    command: list[str | Path] = ["predict", run, "--contestant", name, "--json"]
    if choose.random() < 0.3:
        command += ["--threshold", choose.choice(("0", "1", "0.5"))]
    stdin = b""
    if way == "arguments":
        texts = [text for text in texts if "\x00" not in text]
    elif way in ("stdin", "txt"):
        texts = [text for text in writable if text.strip() and not {"\n", "\r"} & set(text)]
        stdin = "\n".join(texts).encode() if way == "stdin" else b""
        if way == "txt":
            (place / "texts.txt").write_bytes("\n".join(texts).encode())
            command += ["--file", place / "texts.txt"]
    else:
        texts = writable
        file = place / f"texts.{way}"
        _write_texts(file, texts)
        command += ["--file", file, "--column", "text"]
    out = choose.choice((None, None, "csv", "tsv", "jsonl", "parquet"))
    if out is not None:
        command += ["--out", place / f"scored.{out}"]
    if way == "arguments":
        command += ["--", *texts]

    def work() -> Outcome:
        typed = type_command(command, stdin=stdin, inside=place, scratch=place)
        outcome = judged(typed)
        if outcome.problem or typed.code:
            return outcome
        said = json.loads(typed.out)
        if list(map(_bare, said["texts"])) != list(map(_bare, texts)) and all(map(_encodable, texts)):
            return Outcome("other texts", f"it read {str(said['texts'])[:300]}")
        text = texts[0].removeprefix("\ufeff") if way in ("stdin", "txt") else texts[0]  # there it is a file's mark
        alone = type_command(["predict", run, "--contestant", name, "--json", "--", text], scratch=place)
        if alone.code == 0 and "--threshold" not in command:
            first = json.loads(alone.out)["predictions"][name][0]
            if not _alike(first, said["predictions"][name][0]):
                return Outcome("other answer", f"{first} alone, {said['predictions'][name][0]} among others")
        return outcome

    return Case("predict", f"{way}, {len(texts)} texts, out {out}: {str(texts)[:200]}", work)


def _bare(text: str) -> str:
    """Return a text without white space around it, and without the mark that may stand before a file."""
    return text.removeprefix("\ufeff").strip()


def _alike(answer: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two answers differ by rounding alone, which depends on the texts of a batch."""
    differences = [
        abs(answer["probabilities"][label] - other["probabilities"][label]) for label in other["probabilities"]
    ]
    same_label = answer["label"] == other["label"] or abs(answer["probability"] - 0.5) < 1e-6
    return max(differences) < 1e-6 and bool(same_label)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _write_texts(file: Path, texts: list[str]) -> None:
    if file.suffix == ".csv":
        with file.open("w", encoding="utf-8", newline="") as opened:
            csv.writer(opened, quoting=csv.QUOTE_ALL).writerows([["text", "more"], *([text, "x"] for text in texts)])
    elif file.suffix == ".jsonl":
        file.write_text("".join(json.dumps({"text": text, "more": 1}) + "\n" for text in texts))
    else:
        pq.write_table(pa.table({"text": texts, "more": [1] * len(texts)}), file)
