"""Bad inputs: odd values for every key and option, bombs, bytes that are no text."""

from __future__ import annotations

import copy
import random
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from hostile.cases import Case, Maker, Outcome, judged
from hostile.forks import type_command
from hostile.runs import KINDS, write_config
from hostile.tables import odd_labels, odd_parquet, odd_prediction, odd_spreadsheet, odd_table, same_table
from hostile.web import odd_request, odd_upload

_EXAMPLES: dict[str, dict[str, Any]] = {
    "classification": {
        "task": "classification",
        "name": "mine",
        "seed": 1,
        "repeats": 1,
        "tracker": "none",
        "data": {
            "table": "good.csv",
            "text": "text",
            "label": "label",
            "rows": 60,
            "unlabeled": "-1",
            "split": {"validation": 0.2, "test": 0.2},
            "format": {"separator": "comma", "quote": "double", "header": True, "encoding": "utf-8"},
        },
        "budget": {"epochs": 1, "evaluations": 1},
        "learning_curve": [0.5],
        "contestants": {
            "linear": {"min_document_frequency": 2, "ngrams": "words", "max_ngram": 2, "class_weights": "none"},
            "lstm": {
                "embedding_size": 4,
                "hidden_size": 4,
                "batch_size": 32,
                "learning_rate": 0.01,
                "max_length": 20,
                "warmup": 0.1,
                "gradient_clip": 1.0,
                "vocabulary": {"min_frequency": 1},
            },
        },
        "evaluation": {
            "resamples": 20,
            "confidence": 0.9,
            "cost": {"positive": "p", "false_negative": 10, "false_positive": 1},
        },
    },
    "many methods": {
        "task": "classification",
        "data": {"table": "good.csv", "out_of_scope": "oos", "text": ["text", "author"], "label": "label"},
        "budget": {"epochs": 1},
        "contestants": {
            "majority": {},
            "fast": {"method": "fasttext", "buckets": 10, "embedding_size": 4},
            "own": {"method": "estimator", "estimator": "sklearn.naive_bayes:MultinomialNB", "settings": {"alpha": 1}},
            "said": {"method": "predictions", "file": "answers.csv", "label": "predicted", "labels_only": True},
            "gru": {"embedding_size": 4, "hidden_size": 4, "tune": {"trials": 2, "settings": ["dropout"]}},
            "both": {"method": "ensemble", "members": ["majority", "fast"]},
        },
        "evaluation": {"resamples": 20, "metric": "accuracy", "labels": ["n", "p"]},
    },
    "several labels": {
        "task": "classification",
        "data": {
            "table": "tickets.csv",
            "text": "text",
            "label": ["billing", "login", "bug"],
            "labels": {"threshold": 0.5},
            "split": {"folds": 2, "group": "author"},
        },
        "contestants": {"linear": {"ngrams": "characters", "max_characters": 3, "inverse_regularization": 1.0}},
        "evaluation": {"resamples": 20, "metric": "micro_f1", "threshold": 0.5},
    },
    "asked": {
        "task": "classification",
        "data": {"table": "good.csv", "text": "text", "label": "label", "rows": 40},
        "contestants": {
            "asked": {
                "method": "prompt",
                "model": "stories260k",
                "examples": 1,
                "choose": "nearest",
                "instruction": "Say it.",
                "template": "T: {text} L: {label} ",
                "labels": {"p": "good", "n": {"name": "bad", "description": "complains"}},
                "max_length": 32,
            },
            "linear": {"tune": {"trials": 2}},
        },
        "evaluation": {"resamples": 20},
    },
    "ordered": {
        "task": "classification",
        "data": {"table": "stars.csv", "text": "text", "label": "stars", "split": {"time": "when", "test": 0.3}},
        "contestants": {"linear": {}},
        "evaluation": {"resamples": 20, "labels": "ordered", "cost": {"1": {"3": 20}}},
    },
    "language-model": {
        "task": "language-model",
        "model": "stories260k",
        "data": {"train": "good.txt", "validation": "good.txt", "test": "good.txt", "fraction": {"train": 0.5}},
        "budget": {"tokens": 200},
        "contestants": {
            "full": {"max_length": 32, "learning_rate": 0.001, "batch_size": 2},
            "lora": {"r": 2, "lora_alpha": 4, "lora_dropout": 0.1, "target_modules": "all-linear", "max_length": 32},
        },
        "evaluation": {"protocols": ["document"], "context_length": 32, "resamples": 20, "prompts": ["Once"]},
        "precision": "fp32",
    },
    "prompts": {
        "task": "language-model",
        "model": "stories260k",
        "data": {
            "examples": "answers.jsonl",
            "prompt": "question",
            "completion": "answer",
            "template": "Q: {prompt} A: {completion}",
            "rows": 50,
        },
        "budget": {"tokens": 300},
        "contestants": {"few-shot": {"examples": 1}, "lora": {"max_length": 48, "r": 1}},
        "evaluation": {"answers": 2, "max_new_tokens": 3, "resamples": 20},
    },
}
ODD_VALUES = [
    *("null", "[]", "{}", "[[]]", "''", "-1", "0", "1.5", "true", "1e30", "1.0e+30", "-.inf", ".inf", ".nan", "1e-30"),
    *("18446744073709551616", "1000000000000", "9" * 400, "9" * 5000, "0x" + "f" * 80, "-0", "1e-400", "0.9999999"),
    *("2024-01-01", "2024-99-99", "9999-12-31T23:59:59+14:00", "!!int x", "!!timestamp x", "!!binary '?'", "!!set {a}"),
    *("!!python/object:os.system x", "? [a]\n: b", "{[a]: b}", "{null: 1, 1: 2}", "[1, a, null]", "{a: {b: {c: d}}}"),
    *('"\\ud800"', '"\\0"', '"a\\0b"', "'%s'", "../../../etc/passwd", "/dev/null", "/", "~root", "*", "?[", "a" * 300),
    *("a/" * 2000, "x" * 100_000, "[" * 1000 + "]" * 1000, "&r [*r]", "*unknown", "#", "'", '"', "|", "@", "`"),
    *("&a [x,x,x,x,x,x,x,x,x]", "[a, a]", "[linear, linear]", "[both]", "linear", "ordered", "[0.5, 0.5]", "[1.0]"),
    *("[0.000001, 1]", "text", "[text, text]", "[text, nothing]", "nothing", "{text: label}", "auto", "2", "3", "100"),
    *('"{prompt}"', '"{}"', '"{prompt.__class__}{completion}"', '"{completion}{prompt}"', "[p, n]", "[n, p, x]", "p"),
    *("{p: {n: -1}}", "{p: {n: .nan}}", "{p: {p: 1}}", "{x: {y: 1}}", "{p: {n: 1e308}, n: {p: 1e308}}", "os:system"),
    *("builtins:eval", "sklearn.svm:SVC", "sklearn.svm:LinearSVC", "nowhere:X", "os.path", ":", "a:b:c", "é"),
    *("http://127.0.0.1:1/v1", "http://[", "file:///etc/passwd", "s3://bucket/x", "hf://x", "hf://datasets/a/b"),
]
ODD_VALUES_OF = {
    **dict.fromkeys(("epochs", "tokens", "evaluations"), ("0", "2", "-1", "null", "1.5", "x")),  # no hours of training
    **dict.fromkeys(("repeats", "trials", "rows"), ("0", "2", "-1", "1.5", "true", "null")),
    "encoding": (
        "utf-7",
        "utf-16",
        "idna",
        "rot13",
        "hex",
        "cp037",
        "punycode",
        "undefined",
        "unicode_escape",
        "UTF_8",
    ),
    "separator": ("'\\t'", "'\\'", "'\"'", '"\\n"', '"\\r"', "a", "' '", "é", '"\\0"', '"\\u2028"'),
    "quote": ("'\"'", "single", "none", "'a'"),
    "threshold": ("0", "1", "f1", "1e-9", "0.9999", "-0.5"),
    "label": ("[billing, bug]", "[label]", "label.x", "text", "[]", "author", "[text, label]", "predicted"),
    "text": ("[text, text]", "label", "author", "[]", "text.0", "[text, label]"),
    "out_of_scope": ("p", "n", "''", "oos ", "OOS", "0"),
    "unlabeled": ("p", "oos", "''", "0"),
    "group": ("text", "label", "author", "[author]", "nothing"),
    "time": ("text", "stars", "when", "author", "nothing"),
    "column": ("label", "text", "author"),
    "labels": ("ordered", "[p, n]", "[n]", "[n, p, oos]", "[1, 2, 3]", "['3', '1', '2']", "{separator: ' '}", "[n, n]"),
    "members": (
        "[majority]",
        "[majority, majority]",
        "[both, fast]",
        "[nobody, fast]",
        "[]",
        "[gru, fast, majority, own]",
    ),
    "learning_curve": ("[0.001]", "[0.999, 1]", "[0.5, 0.1]", "[1.0]", "[0.01, 0.02, 0.03]", "[1e-9]"),
    "folds": ("1", "2", "59", "100", "0"),
    "tune": (
        "{trials: 1}",
        "{seconds: 1}",
        "{trials: 0}",
        "{settings: []}",
        "{trials: 1, settings: [precision]}",
        "{}",
    ),
    "metric": ("cost", "quadratic_kappa", "loss", "roc_auc", "average_precision", "perplexity", "token_f1"),
    "estimator": ("sklearn.svm:LinearSVC", "sklearn.svm:SVR", "sklearn.cluster:KMeans", "os:getcwd", "sklearn:nothing"),
    "quantization": ("int8", "nf4", "int2"),
    "template": ('"{prompt}"', '"{completion}"', '"{prompt}{completion}{prompt}"', '"{0}{prompt}{completion}"', "''"),
    "target_modules": ("default", "[nothing]", "[q_proj, q_proj]", "['.*']", "[]"),
    "model": ("minilm-l6", ".", "good.txt", "answers.csv", "stories260k/", "a/b/c/d", "good.gguf"),
}
"""Values that some keys have more often: nearly right ones."""
_NUMBERS = ("0", "1", "2", "3", "0.5", "0.05", "0.999", "1e-9", "40", "1000", "true", "1e30", "auto", "null")
ODD_BYTES = [b"\xff\xfe", b"\x00", b"caf\xe9", b"\xed\xa0\x80", b"\x1b[31m", "\u202e\u2066".encode(), b"\r", b"\n" * 99]


def bad_inputs(folder: Path) -> Iterator[Maker]:
    """Yield makers of cases, drawn at random."""
    makers: list[Maker] = [
        *(_odd_config, _odd_config, _odd_config, _odd_override, _odd_override, _two_odd_values, _broken_config, _bomb),
        *(odd_table, odd_table, same_table, same_table, odd_parquet, odd_spreadsheet, _odd_arguments, _odd_arguments),
        *(odd_prediction, odd_prediction, _odd_options, odd_labels, odd_labels, odd_upload, odd_request),
    ]

    def one_of_them(choose: random.Random, place: Path) -> Case:
        write_good_files(place)
        return choose.choice(makers)(choose, place)

    while True:
        yield one_of_them


def write_good_files(folder: Path) -> None:
    words, authors = ("good fine nice", "bad poor awful", "moon sky"), 12
    choose = random.Random(1)
    rows = "".join(
        f"text {choose.randrange(99)} of {n} is {words[n % 2]},{'pn'[n % 2]},{n % authors}\n" for n in range(60)
    )
    rows += "".join(f"what of the {words[2]} number {n},oos,{n}\n" for n in range(12))
    (folder / "good.csv").write_text(f"text,label,author\n{rows}")
    (folder / "answers.csv").write_text(f"text,predicted,author\n{rows}")
    (folder / "good.txt").write_text("Once upon a time there was a river. It was long.\n\n" * 40)
    for name in ("several-labels", "ordered", "prompts"):
        write_config(KINDS[name], folder)
    stars = (folder / "stars.csv").read_text().splitlines()
    dated = [f"{line},2024-01-{n % 28 + 1:02d}" for n, line in enumerate(stars[1:])]
    (folder / "stars.csv").write_text("\n".join([f"{stars[0]},when", *dated]))
    tickets = (folder / "tickets.csv").read_text().splitlines()
    (folder / "tickets.csv").write_text(
        "\n".join([f"{tickets[0]},author", *(f"{line},{n % 30}" for n, line in enumerate(tickets[1:]))])
    )


def _command(choose: random.Random, config: Path) -> list[str | Path]:
    if choose.random() < 0.1:
        return ["plan", config]
    return ["run", config, "-o", config.parent / "out"]


def _config(choose: random.Random) -> dict[str, Any]:
    return copy.deepcopy(_EXAMPLES[choose.choice(list(_EXAMPLES))])


def _paths(values: dict[str, Any]) -> Iterator[list[str]]:
    for key, value in values.items():
        yield [key]
        if isinstance(value, dict):
            for path in _paths(value):
                yield [key, *path]


def _typed(group: str, name: str, arguments: list[str | Path], place: Path, stdin: bytes = b"") -> Case:
    """Return a case that types a command in its folder."""

    def work() -> Outcome:
        return judged(type_command(arguments, stdin=stdin, inside=place, scratch=place))

    return Case(group, f"{name}: bakeoff {' '.join(map(str, arguments))[:300]}", work)


def _put(choose: random.Random, values: dict[str, Any], number: int) -> tuple[str, str]:
    """Mark a key for an odd value; return its path and the value."""
    path = choose.choice(list(_paths(values)))
    odd = _odd_value(choose, path, values)
    if path[0] == "budget" and odd == "1000000000000":  # a year of training is no hang
        odd = "0"
    section = values
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = f"MARK{number}"
    return ".".join(path), odd if "\n" not in odd else "{" + odd.replace("\n", " ") + "}"


def _odd_value(choose: random.Random, path: list[str], values: dict[str, Any]) -> str:
    present: Any = values
    for key in path:
        present = present[key]
    own = ODD_VALUES_OF.get(path[-1], _NUMBERS if isinstance(present, int | float) else ())
    return choose.choice(own if own and choose.random() < 0.7 else ODD_VALUES)


def _odd_config(choose: random.Random, place: Path) -> Case:
    """One key has an odd value, in the file."""
    values = _config(choose)
    path, odd = _put(choose, values, 1)
    file = place / "odd.yaml"
    file.write_text(yaml.safe_dump(values, sort_keys=False).replace("MARK1", odd))
    return _typed("config", f"{path} = {odd[:60]!r}", _command(choose, file), place)


def _two_odd_values(choose: random.Random, place: Path) -> Case:
    values = _config(choose)
    first, odd = _put(choose, values, 1)
    second, odd2 = _put(choose, values, 2)
    text = yaml.safe_dump(values, sort_keys=False).replace("MARK1", odd).replace("MARK2", odd2)
    file = place / "odd.yaml"
    file.write_text(text)
    return _typed("config", f"{first} = {odd[:40]!r}, {second} = {odd2[:40]!r}", _command(choose, file), place)


def _odd_override(choose: random.Random, place: Path) -> Case:
    values = _config(choose)
    keys = choose.choice([path for path in _paths(values) if path[0] != "budget"])
    path, odd = ".".join(keys), _odd_value(choose, keys, values)
    if choose.random() < 0.2:
        path = choose.choice(
            ("", ".", "a..b", "x" * 1000, "task.x", f"{path}.x", "contestants.new", "contestants.é", "=", "name")
        )
    file = place / "set.yaml"
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    return _typed("--set", f"{path[:60]}={odd[:60]!r}", [*_command(choose, file), "--set", f"{path}={odd}"], place)


def _broken_config(choose: random.Random, place: Path) -> Case:
    """A config that was cut, or has other bytes somewhere."""
    content = bytearray(yaml.safe_dump(_config(choose), sort_keys=False).encode())
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
    file = place / "broken.yaml"
    file.write_bytes(bytes(content))
    return _typed("broken config", "broken config", _command(choose, file), place)


def _bomb(choose: random.Random, place: Path) -> Case:
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
            "task: classification\ncontestants:\n" + "".join(f"  n{n}: {{method: majority}}\n" for n in range(9000)),
            "task: classification\nx: " + '"' + "é" * 400_000 + '"',
            "- " * 5000,
            "? " * 5000,
            "%YAML 9.9\n---\na: 1",
            "a: 1\n---\nb: 2",
        )
    )
    file = place / "bomb.yaml"
    file.write_text(content)
    return _typed("bombs", f"bomb {content[:40]!r}", ["run", file, "-o", place / "out"], place)


def _odd_arguments(choose: random.Random, place: Path) -> Case:
    files = ("good.csv", str(place), "/dev/null", "/", ".", "https://", "file:///etc", "stars.csv", "answers.jsonl")
    numbers = ("1e30", "18446744073709551616", "nan", "inf", "-1", "0", "1e-320", "٣", "1_0", "0x10")
    texts = ("", " ", "-", "--", "x" * 300, "x/" * 3000, "caf\udce9", "\ud800", "\n", "\x1b[31m", "*", "~", "=", "[/b]")
    odd = choose.choice(files + numbers + texts)
    model: list[str | Path] = ["generate", "stories260k"]
    new: list[str | Path] = ["--max-new-tokens", "2"]
    commands: list[list[str | Path]] = [
        ["init", odd],
        ["init", "good.csv", "-o", odd],
        ["init", "good.csv", "--text", odd, "-o", "new.yaml"],
        ["init", "good.csv", "--label", odd, "-o", "new.yaml"],
        ["init", "good.csv", "--label", "label", "--label", odd, "-o", "new.yaml"],
        ["init", "good.csv", "--test", odd, "-o", "new.yaml"],
        ["init", "good.csv", "--validation", "good.csv", "--test", odd, "-o", "new.yaml"],
        ["init", "good.csv", "--minutes", odd, "-o", "new.yaml"],
        ["run", odd],
        ["run", "sentiment", "-o", odd, "--set", "data.table=nowhere.csv"],
        ["run", "sentiment", "-o", "out", "--plan", odd],
        ["run", "sentiment", "-o", "out", "--on", odd],
        ["run", "sentiment", "-o", "out", "--workers", odd, "--set", "data.table=nowhere.csv"],
        ["plan", odd],
        ["resume", odd],
        ["report", odd],
        ["compare", odd, odd],
        ["compare", ".", odd, "-o", odd],
        ["predict", odd, "text"],
        ["predict", ".", odd],
        ["predict", ".", "--file", odd],
        ["explain", odd, "text"],
        ["export", odd, "-o", odd],
        ["export", ".", "-o", "exported", "--to", odd],
        ["push", odd, "me/mine", "--yes"],
        ["push", ".", odd, "--yes"],
        ["generate", odd, "text"],
        [*model, odd, *new],
        [*model, "Once", *new, "--seed", odd, "--temperature", "1"],
        [*model, "Once", *new, "--temperature", odd, "--top-k", "3"],
        [*model, "Once", *new, "--temperature", "1", "--top-p", odd],
        [*model, "Once", *new, "--temperature", "1", "--top-k", odd],
        [*model, "Once", "--max-new-tokens", odd],
        [*model, "Once", *new, "--contestant", odd],
        ["perplexity", "stories260k", odd],
        ["perplexity", "stories260k", "good.txt", "--context-length", odd],
        ["perplexity", "stories260k", "good.txt", "--stride", odd],
        ["perplexity", "stories260k", "answers.jsonl", "--column", odd],
        ["perplexity", odd, "good.txt"],
        ["serve", odd],
        ["serve", odd, "--host", odd],
        ["ui", "--folder", "good.csv"],
        ["ui", "--host", odd],
        ["doctor", odd],
        [odd],
    ]
    command = choose.choice(commands)
    if choose.random() < 0.15:
        command = choose.choice([[*model, "-", *new], ["perplexity", "stories260k", "-"]])
        return _typed("standard input", "bytes", command, place, choose.choice(ODD_BYTES) * choose.choice((1, 500)))
    return _typed("arguments", f"argument {odd[:30]!r}", command, place)


def _odd_options(choose: random.Random, place: Path) -> Case:
    """Two options of a command, with values of each other."""
    commands: dict[str, list[str]] = {
        "init": ["--text", "--label", "--validation", "--test", "--minutes", "-o", "--json"],
        "run": ["-o", "--set", "--workers", "--on", "--plan", "--json"],
        "report": ["--figures", "--tables", "--format", "--json"],
        "predict": ["--file", "--column", "--out", "--contestant", "--threshold", "--precision", "--json"],
        "generate": ["--temperature", "--top-k", "--top-p", "--seed", "--precision", "--contestant", "--json"],
        "perplexity": ["--protocol", "--stride", "--context-length", "--column", "--line-ends", "--json"],
        "export": ["-o", "--to", "--contestant", "--json"],
        "compare": ["-o", "--json"],
    }
    name = choose.choice(list(commands))
    words = [name, *choose.choices(("good.csv", "stories260k", "good.txt", ".", "sentiment"), k=choose.randint(0, 2))]
    for option in choose.choices(commands[name], k=choose.randint(1, 3)):
        words += [option] if option == "--json" else [option, choose.choice(("x", "1", "good.csv", "text", "0.5", ""))]
    if name == "run":
        words += ["--set", "data.table=nowhere.csv"]
    return _typed("arguments", "options", [*words], place)
