"""bakeoff's language-model engine and what else one would use, side by side on this machine.

    python benchmarks/language_model.py --quick
    python benchmarks/language_model.py --json figures.json

docs/reference/benchmarks.md says what the rows mean.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from comparison import figures, running, tables
from comparison.parts import FULL, NOT_QUICK, PARTS, QUICK, Sizes
from peers.job import Job

MODELS = ("smollm2-135m", "gpt2-random")


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    sizes = QUICK if options.quick else FULL
    load = os.getloadavg()
    if load[0] > 0.5:
        _say(f"Other programs are busy on this machine (load average {load[0]:.1f}): the figures will be poor.")
    record: dict[str, Any] = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": ["python", *sys.argv],
        "load_average_at_start": load,
        "text": options.text,
        "sizes": dataclasses.asdict(sizes),
        "models": {},
    }
    parts = options.only or [name for name in PARTS if not (options.quick and name in NOT_QUICK)]
    for model in options.model or MODELS[: 1 if options.quick else None]:
        with tempfile.TemporaryDirectory() as folder:
            prepared = running.run_job(Job("prepare.model", model, folder=str(Path(folder) / model)))
            if isinstance(prepared, str):
                print(f"### {model}\n\nNot measured: {prepared}\n", flush=True)
                continue
            record["environment"] = prepared.details["environment"]
            job = Job("", prepared.details["folder"], text=options.text)
            for found in _measure(model, job, sizes, parts):
                record["models"][model] = found
                if options.json:
                    options.json.write_text(json.dumps(record, indent=2), encoding="utf-8")
    if "environment" in record:
        print(_circumstances(record))


def _measure(model: str, job: Job, sizes: Sizes, parts: list[str]) -> Iterator[dict[str, Any]]:
    """Measure part after part and print the tables; yields all figures so far after each part."""
    outcomes: dict[str, dict[str, running.Outcome]] = {}
    judged: list[figures.Judged] = []
    for name in parts:
        part = PARTS[name](job, sizes)
        outcomes[name] = running.run_part(part, lambda text: _say(f"{model}: {text}"))
        print(tables.measurements(model, part, outcomes[name]), end="\n\n", flush=True)
        judged += figures.judge(part, outcomes)
        yield {
            "parts": {
                name: {contender: dataclasses.asdict(outcome) for contender, outcome in found.items()}
                for name, found in outcomes.items()
            },
            "targets": [dataclasses.asdict(each) for each in judged],
        }
    print(tables.targets(model, judged), end="\n\n", flush=True)


def _circumstances(record: dict[str, Any]) -> str:
    environment, load = record["environment"], record["load_average_at_start"][0]
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    return (
        f"Measured {record['started']} on {environment['processor']}, {environment['cores']} cores, "
        f"{environment['threads']} threads, {environment['memory_bytes'] / 1e9:.0f} GB, load average at the start "
        f"{load:.2f}; bakeoff {environment['git_revision'] or environment['bakeoff']}; {packages}."
    )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"once instead of three times, less of everything, one model, without {' and '.join(NOT_QUICK)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there, anew after each part")
    parser.add_argument(
        "--only", action="append", choices=list(PARTS), help="run this part; may be given several times"
    )
    parser.add_argument(
        "--model",
        action="append",
        help=f"a model as bakeoff knows it, or gpt2-random; may be given several times (default: {', '.join(MODELS)})",
    )
    parser.add_argument(
        "--text", default="wikitext-2-part", help="a text file, a folder, or a name that `data.text` of a spec takes"
    )
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
