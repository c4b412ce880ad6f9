"""Bad inputs: odd values for every key and option, bombs, bytes that are no text, tables that are none."""

from __future__ import annotations

import contextlib
import copy
import json
import random
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from hostile.cases import Case, judged, type_command

CLASSIFICATION: dict[str, Any] = {
    "task": "classification",
    "seed": 1,
    "repeats": 1,
    "data": {
        "table": "good.csv",
        "text": "text",
        "label": "label",
        "rows": 60,
        "split": {"validation": 0.2, "test": 0.2},
        "format": {"separator": "comma", "quote": "double", "header": True, "encoding": "utf-8"},
    },
    "budget": {"epochs": 1, "evaluations": 1},
    "contestants": {
        "linear": {"min_document_frequency": 2},
        "lstm": {"embedding_size": 4, "hidden_size": 4, "batch_size": 32, "learning_rate": 0.01, "max_length": 20},
    },
    "evaluation": {"resamples": 20, "confidence": 0.9},
}
LANGUAGE_MODEL: dict[str, Any] = {
    "task": "language-model",
    "model": "stories260k",
    "data": {"train": "good.txt", "validation": "good.txt", "test": "good.txt", "fraction": 0.5},
    "budget": {"tokens": 200},
    "contestants": {"full": {"max_length": 32, "learning_rate": 0.001, "batch_size": 2}},
    "evaluation": {"protocols": ["document"], "context_length": 32, "resamples": 20, "prompts": ["Once"]},
}
ODD_VALUES = [
    *("null", "[]", "{}", "[[]]", "''", "-1", "0", "1.5", "true", "1e30", "1.0e+30", "-.inf", ".inf", ".nan"),
    *("18446744073709551616", "1000000000000", "9" * 400, "9" * 5000, "0x" + "f" * 80, "-0", "1e-400"),
    *("2024-01-01", "2024-99-99", "9999-12-31T23:59:59+14:00", "!!int x", "!!timestamp x", "!!binary '?'", "!!set {a}"),
    *("!!python/object:os.system x", "? [a]\n: b", "{[a]: b}", "{null: 1, 1: 2}", "[1, a, null]", "{a: {b: {c: d}}}"),
    *('"\\ud800"', '"\\0"', '"a\\0b"', "'%s'", "../../../etc/passwd", "/dev/null", "/", "~root", "*", "?[", "a" * 300),
    *("a/" * 2000, "x" * 100_000, "[" * 1000 + "]" * 1000, "&r [*r]", "*unknown", "#", "'", '"', "|", "@", "`"),
    "&a [x,x,x,x,x,x,x,x,x]",
]
ODD_BYTES = [b"\xff\xfe", b"\x00", b"caf\xe9", b"\xed\xa0\x80", b"\x1b[31m", "\u202e\u2066".encode(), b"\r", b"\n" * 99]
JSON_LINES = [
    *(
        "[" * 100_000,
        '{"text": ' * 50_000,
        '{"text": "a", "label": ' + "9" * 5000 + "}",
        '{"text": "\\ud800", "label": 1}',
    ),
    *('{"text": NaN, "label": Infinity}', "null", "[]", "{}", '{"": ""}', '{"text": {"a": []}, "label": [1, 2]}'),
    *('{"text": 1e999, "label": -0.0}', '{"' + "k" * 100_000 + '": 1, "text": "a", "label": "b"}', "\ufeff{}", "{]"),
]


def bad_inputs(choose: random.Random, folder: Path) -> Iterator[Case]:
    """Yield cases without end."""
    _write_good_files(folder)
    makers: list[Callable[[random.Random, Path, int], Case]] = [
        _odd_config,
        _odd_config,
        _odd_override,
        _broken_config,
        _bomb,
        _odd_table,
        _odd_parquet,
        _odd_arguments,
    ]
    number = 0
    while True:
        number += 1
        yield choose.choice(makers)(choose, folder, number)


def _write_good_files(folder: Path) -> None:
    words = ("good fine nice", "bad poor awful")
    rows = "".join(
        f"text {number % 7} of {number} is {words[number % 2]},{('p', 'n')[number % 2]}\n" for number in range(60)
    )
    (folder / "good.csv").write_text(f"text,label\n{rows}")
    (folder / "good.txt").write_text("Once upon a time there was a river. It was long.\n\n" * 40)


def _command(choose: random.Random, config: Path, number: int) -> list[str | Path]:
    if choose.random() < 0.1:
        return ["plan", config]
    return ["run", config, "-o", config.parent / f"out-{number}"]


def _config(choose: random.Random, folder: Path) -> dict[str, Any]:
    values = copy.deepcopy(choose.choice((CLASSIFICATION, CLASSIFICATION, LANGUAGE_MODEL)))
    for key in ("table", "train", "validation", "test"):
        if isinstance(values["data"].get(key), str):
            values["data"][key] = str(folder / values["data"][key])
    return values


def _paths(values: dict[str, Any]) -> Iterator[list[str]]:
    for key, value in values.items():
        yield [key]
        if isinstance(value, dict):
            for path in _paths(value):
                yield [key, *path]


def _case(name: str, arguments: list[str | Path], stdin: bytes = b"", inside: Path | None = None) -> Case:
    """Return a case, which may have a new working folder: `init -o` writes files with odd names."""

    def work() -> tuple[str, str]:
        if inside is None:
            return judged(type_command(arguments, stdin))
        inside.mkdir()
        with contextlib.chdir(inside):
            return judged(type_command(arguments, stdin))

    return Case(f"{name}: {' '.join(map(str, arguments))[:300]}", work)


def _odd_config(choose: random.Random, folder: Path, number: int) -> Case:
    """One key has an odd value, in the file."""
    values, odd = _config(choose, folder), choose.choice(ODD_VALUES)
    path = choose.choice(list(_paths(values)))
    if path[0] == "budget":  # a year of training is no hang
        odd = odd if len(odd) != len("1000000000000") else "0"
    section = values
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = "MARK"
    odd = odd if "\n" not in odd else "{" + odd.replace("\n", " ") + "}"
    file = folder / f"odd-{number}.yaml"
    file.write_text(yaml.safe_dump(values).replace("MARK", odd))
    return _case(f"{'.'.join(path)} = {odd[:60]!r}", _command(choose, file, number))


def _odd_override(choose: random.Random, folder: Path, number: int) -> Case:
    values, odd = _config(choose, folder), choose.choice(ODD_VALUES)
    path = ".".join(choose.choice([path for path in _paths(values) if path[0] != "budget"]))
    if choose.random() < 0.2:
        path = choose.choice(
            ("", ".", "a..b", "x" * 1000, "task.x", f"{path}.x", "contestants.new", "contestants.é", "=", "name")
        )
    file = folder / f"set-{number}.yaml"
    file.write_text(yaml.safe_dump(values))
    return _case(f"--set {path[:60]}={odd[:60]!r}", [*_command(choose, file, number), "--set", f"{path}={odd}"])


def _broken_config(choose: random.Random, folder: Path, number: int) -> Case:
    """A config that was cut, or has other bytes somewhere."""
    content = bytearray(yaml.safe_dump(_config(choose, folder)).encode())
    for _ in range(choose.randint(1, 4)):
        at = choose.randrange(len(content))
        how = choose.choice(("cut", "put", "swap", "bytes"))
        if how == "cut":
            del content[at : at + choose.randint(1, 40)]
        elif how == "put":
            content[at:at] = choose.choice(string.punctuation).encode() * choose.choice((1, 1, 300))
        elif how == "swap":
            content[at] = choose.randrange(256)
        else:
            content[at:at] = choose.choice(ODD_BYTES)
    file = folder / f"broken-{number}.yaml"
    file.write_bytes(bytes(content))
    return _case("broken config", _command(choose, file, number))


def _bomb(choose: random.Random, folder: Path, number: int) -> Case:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]
    merged = ["m0: &m0 {x: 1}", *(f"m{n}: &m{n} {{<<: [{','.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 12))]
    content = choose.choice(
        (
            "\n".join(lines),
            "\n".join(merged),
            "x: &r [*r]",
            "x: &r {y: *r}",
            "x: " + "[" * 1000 + "]" * 1000,
            "x: " + "[" * 100_000,
            "x: " + "9" * 5000,
            "x: " + ":".join(["1"] * 50_000),
            "k" * 100_000 + ": 1",
            "x: " + "y" * 2_000_000,
            "\n".join(f"k{n}: {n}" for n in range(200_000)),
            "task: classification\ncontestants:\n  " + "n" * 100_000 + ": {}",
            "- " * 5000,
            "? " * 5000,
            "%YAML 9.9\n---\na: 1",
            "a: 1\n---\nb: 2",
        )
    )
    file = folder / f"bomb-{number}.yaml"
    file.write_text(content)
    return _case(f"bomb {content[:40]!r}", ["run", file, "-o", folder / f"out-{number}"])


def _odd_table(choose: random.Random, folder: Path, number: int) -> Case:
    """A table with odd lines or bytes, in a run and for `predict`-like reading by `init`."""
    ending = choose.choice(("csv", "tsv", "json", "jsonl", "txt"))
    if ending in ("json", "jsonl"):
        good = [json.dumps({"text": f"a text number {n} is here", "label": "pn"[n % 2]}) for n in range(40)]
        lines = good if ending == "jsonl" or choose.random() < 0.5 else ["[" + ",".join(good) + "]"]
        content = "\n".join([*lines, choose.choice(JSON_LINES)]).encode()
    else:
        content = (folder / "good.csv").read_bytes()
        for _ in range(choose.randint(1, 5)):
            at = choose.randrange(len(content))
            content = content[:at] + choose.choice(ODD_BYTES) * choose.choice((1, 1, 50)) + content[at:]
    file = folder / f"table-{number}.{ending}"
    file.write_bytes(content)
    if choose.random() < 0.5:
        return _case("init", ["init", file, "-o", folder / f"table-{number}.yaml"])
    values = {**CLASSIFICATION, "data": {"table": str(file)}, "contestants": {"majority": {}}}
    config = folder / f"table-{number}-run.yaml"
    config.write_text(yaml.safe_dump(values))
    return _case(f"table .{ending}", ["run", config, "-o", folder / f"out-{number}"])


def _odd_parquet(choose: random.Random, folder: Path, number: int) -> Case:
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
    ]
    table = pa.table(
        {
            "text": [f"text {n} of {n % 9}" for n in range(rows)],
            "label": ["pn"[n % 2] for n in range(rows)],
            choose.choice(("when", "id", "text", "label")) + choose.choice(("", "2")): choose.choice(odd),
        }
    )
    file = folder / f"table-{number}.parquet"
    pq.write_table(table, file)
    if choose.random() < 0.3:
        content = bytearray(file.read_bytes())
        content[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
        file.write_bytes(bytes(content[: choose.choice((len(content), choose.randrange(len(content))))]))
    values = {**CLASSIFICATION, "data": {"table": str(file)}, "contestants": {"majority": {}}}
    if choose.random() < 0.3:
        values["data"] = {"table": str(file), "split": {"time": table.column_names[-1]}}
    config = folder / f"parquet-{number}.yaml"
    config.write_text(yaml.safe_dump(values))
    return _case(f"parquet {table.schema.types[-1]}", ["run", config, "-o", folder / f"out-{number}"])


def _odd_arguments(choose: random.Random, folder: Path, number: int) -> Case:
    files = (str(folder / "good.csv"), str(folder), "/dev/null", "/", ".", "https://", "file:///etc")
    numbers = ("1e30", "18446744073709551616", "nan", "inf", "-1")
    texts = ("", " ", "-", "--", "x" * 300, "x/" * 3000, "caf\udce9", "\ud800", "\n", "\x1b[31m", "*", "~")
    odd = choose.choice(files + numbers + texts)
    command = choose.choice(
        (
            ["init", odd],
            ["init", folder / "good.csv", "-o", odd],
            ["run", odd],
            ["run", "sentiment", "-o", odd, "--set", "data.table=nowhere.csv"],
            ["plan", odd],
            ["resume", odd],
            ["report", odd],
            ["compare", odd, odd],
            ["compare", folder, odd, "-o", odd],
            ["predict", odd, "text"],
            ["predict", folder, odd],
            ["predict", folder, "--file", odd],
            ["explain", odd, "text"],
            ["export", odd, "-o", odd],
            ["generate", odd, "text"],
            ["generate", "stories260k", odd, "--max-new-tokens", "2"],
            ["generate", "stories260k", "Once", "--max-new-tokens", "2", "--seed", odd, "--temperature", "1"],
            ["generate", "stories260k", "Once", "--max-new-tokens", "2", "--temperature", odd, "--top-k", "3"],
            ["generate", "stories260k", "Once", "--max-new-tokens", odd],
            ["perplexity", "stories260k", odd],
            ["perplexity", "stories260k", folder / "good.txt", "--context-length", odd],
            ["perplexity", "stories260k", folder / "good.txt", "--stride", odd],
            ["perplexity", odd, folder / "good.txt"],
            ["serve", odd],
            [odd],
        )
    )
    if choose.random() < 0.2:
        return _case(
            "standard input", ["generate", "stories260k", "-", "--max-new-tokens", "2"], choose.choice(ODD_BYTES)
        )
    return _case(f"argument {odd[:30]!r}", [*command], inside=folder / f"inside-{number}")
