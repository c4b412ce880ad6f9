"""Record every number of small runs of every method, and compare two such records to the last bit.

    python benchmarks/same_numbers.py record before.json            # about two minutes
    python benchmarks/same_numbers.py record before.json --demos    # with both demos, about ten minutes
    python benchmarks/same_numbers.py compare before.json after.json

A change that is meant to move no number proves it this way: record before it, record after it on the same machine,
compare. Times, memory, sizes on disk and prose are left out; losses of every step are in.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

SMALL = {"embedding_size": 16, "hidden_size": 16}
TABLE = {"table": "sentence-polarity", "rows": 600}
STORIES = {"model": "stories260k", "max_length": 64}
LORA = {"method": "lora", "max_length": 128, "r": 4, "target_modules": "all-linear", "learning_rate": 5.0e-3}

RUNS: dict[str, dict[str, Any]] = {
    "classifiers": {
        "task": "classification",
        "data": TABLE,
        "budget": {"epochs": 2},
        "repeats": 2,
        "contestants": {
            "majority": {},
            "linear": {},
            "linear-balanced": {"method": "linear", "class_weights": "balanced", "naive_bayes": False},
            "lstm": SMALL,
            "gru": {**SMALL, "layers": 2, "class_weights": "balanced", "schedule": "linear"},
            "lstm-lab": {"embedding_size": 8, "hidden_size": 8},
            "corrector": {"method": "lstm", **SMALL, "linear_part": {}},
            "pretrained-lstm": {"method": "lstm", **SMALL, "pretrain": {"text": "unlabelled.txt", "epochs": 1}},
            "ensemble": {"members": ["linear", "lstm"]},
        },
        "evaluation": {"resamples": 200},
    },
    "transformers": {
        "task": "classification",
        "data": TABLE,
        "budget": {"epochs": 1},
        "contestants": {
            "transformer": STORIES,
            "full": {"method": "transformer", "tuning": "full", "class_weights": "balanced", **STORIES},
            "wide": {"method": "transformer", "r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "warmup": 0.2, **STORIES},
        },
        "evaluation": {"metric": "macro_f1", "resamples": 200},
    },
    "language-models": {
        "task": "language-model",
        "model": "stories260k",
        "data": {"text": "wikitext-2-part", "fraction": {"train": 0.02, "validation": 0.01, "test": 0.01}},
        "budget": {"tokens": 6000, "evaluations": 2},
        "repeats": 2,
        "contestants": {
            "pretrained": {},
            "full": {"max_length": 128, "learning_rate": 1.0e-3},
            "auto": {"method": "full", "max_length": 128, "learning_rate": "auto", "activation_checkpointing": True},
            "lora": {**LORA, "lora_dropout": 0.1},
            "lora-lab": {"max_length": 128, "warmup": 2},
            "rslora": {**LORA, "variant": "rslora"},
            "dora": {**LORA, "variant": "dora"},
            "pissa": {**LORA, "variant": "pissa", "learning_rate": 2.0e-3},
            "loraplus": {**LORA, "variant": "loraplus", "learning_rate": 1.0e-3, "merge": True},
        },
        "evaluation": {
            "protocols": ["document", "window", "lab"],
            "context_length": 256,
            "prompts": ["Once upon a time", "The village church"],
            "max_new_tokens": 20,
            "resamples": 200,
        },
        "precision": "fp32",
    },
}
DEMOS = ("sentiment", "language-model")

UNLABELLED = "A film about two brothers, quiet and well played.\nToo long by half, and the jokes are old.\n" * 40

_LEFT_OUT = {"settings", "notes", "model_bytes", "task", "token_unit", "description", "pretrained_model"}
_TIMES = {"seconds", "total_seconds", "peak_memory_bytes", "micro_batch_tokens"}
_RENAMED = {
    "figures": "metrics",
    "figure": "metric",
    "abstaining": "selective_prediction",
    "suspected_labels": "label_issues",
    "suspected_label": "suggested_label",
    "suspect": "label_issue",
    "attended": "weight",
}
"""Keys and values of older run folders -> today's."""

Numbers = dict[str, Any]


def record(*, demos: bool) -> Numbers:
    """Run everything in a temporary folder; return every number by its place."""
    numbers: Numbers = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "unlabelled.txt").write_text(UNLABELLED, encoding="utf-8")
        for name, values in RUNS.items():
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        for source in [*(f"{name}.yaml" for name in RUNS), *(DEMOS if demos else ())]:
            run = folder / "runs" / source.removesuffix(".yaml")
            command = [sys.executable, "-m", "bakeoff", "run", source, "-o", str(run)]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{source} failed:\n{done.stderr}")
            numbers |= {f"{run.name}/{place}": value for place, value in _of_run(run)}
            print(f"{run.name}: recorded", file=sys.stderr)
    return numbers


def _of_run(run: Path) -> Iterator[tuple[str, Any]]:
    verdict = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    for key in ("summary", "sentences", "recommended", "time_limit", "fronts"):  # prose, and findings about times
        del verdict[key]
    yield from _leaves("verdict", verdict)
    for result in sorted(run.glob("contestants/**/result.json")):
        home = result.parent
        name = str(home.relative_to(run / "contestants"))
        yield from _leaves(name, json.loads(result.read_text(encoding="utf-8")))
        for number, line in enumerate((home / "metrics.jsonl").open() if (home / "metrics.jsonl").exists() else []):
            yield from _leaves(f"{name}/metrics/{number}", json.loads(line))
        for number, line in enumerate((home / "samples.jsonl").open()):
            sample = json.loads(line)
            sample |= {"marks": _by_place(sample.pop("words", [])) or sample.get("marks", [])}
            yield from _leaves(f"{name}/samples/{number}", sample)
        scores = pq.read_table(home / "scores.parquet")
        for column in scores.column_names:
            content = json.dumps(pc.cast(scores[column], "string").to_pylist()).encode()
            yield f"{name}/scores/{column}", hashlib.sha256(content).hexdigest()


def _by_place(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return attributions as older runs have them: one record for each occurrence of a word, in the text's order."""
    places = [(*span, word["contribution"]) for word in words for span in word["spans"]]
    return [{"start": start, "end": end, "contribution": value} for start, end, value in sorted(places)]


def _leaves(place: str, values: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(values, dict):
        for key, value in values.items():
            if key not in _LEFT_OUT | _TIMES:
                yield from _leaves(f"{place}/{key}", value)
    elif isinstance(values, list):
        for number, value in enumerate(values):
            yield from _leaves(f"{place}/{number}", value)
    elif values is not None:
        yield place, values


def renamed(numbers: Numbers) -> Numbers:
    """Return the numbers by the names of today."""
    return {
        "/".join(_RENAMED.get(key, key) for key in place.split("/")): _RENAMED.get(value, value)
        for place, value in numbers.items()
    }


def _about_times(place: str) -> bool:
    """Tell whether a number of an older record depends on how fast the machine was."""
    return "/verdict/time_limit/" in place or "/verdict/fronts/" in place


def compare(before: Numbers, after: Numbers) -> int:
    """Print what differs and return how many numbers do."""
    before, after = (
        {place: value for place, value in renamed(numbers).items() if not _about_times(place)}
        for numbers in (before, after)
    )
    differing = {place for place in before.keys() & after.keys() if before[place] != after[place]}
    for place in sorted(differing):
        print(f"{place}: {before[place]!r} -> {after[place]!r}")
    for place in sorted(before.keys() - after.keys()):
        print(f"{place}: {before[place]!r} is gone")
    for place in sorted(after.keys() - before.keys()):
        print(f"{place}: {after[place]!r} is new")
    wrong = len(differing) + len(before.keys() ^ after.keys())
    print(f"{len(before.keys() & after.keys()) - len(differing):,} numbers are identical, {wrong:,} are not.")
    return wrong


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("file", type=Path)
    recording.add_argument("--demos", action="store_true")
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "record":
        options.file.write_text(json.dumps(record(demos=options.demos), indent=1), encoding="utf-8")
    else:
        before, after = (json.loads(file.read_text(encoding="utf-8")) for file in (options.before, options.after))
        sys.exit(compare(before, after) > 0)


if __name__ == "__main__":
    main()
