"""Compare bakeoff's language-model engine with Trainer, lm-evaluation-harness and others on this machine.

    python benchmarks/language_model.py --quick
    python benchmarks/language_model.py --json figures.json

docs/reference/benchmarks.md explains the rows.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from comparison import program, running
from comparison.language_model_parts import FULL, NOT_QUICK, PARTS, QUICK
from peers.job import Job

MODELS = ("smollm2-135m", "gpt2-random")


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    sizes = QUICK if options.quick else FULL
    record = program.begin(sizes, text=options.text, models={})
    parts = options.only or [name for name in PARTS if not (options.quick and name in NOT_QUICK)]
    for model in options.model or MODELS[: 1 if options.quick else None]:
        with tempfile.TemporaryDirectory() as folder:
            prepared = running.run_job(Job("prepare.model", model, folder=str(Path(folder) / model)))
            if isinstance(prepared, str):
                print(f"### {model}\n\nNot measured: {prepared}\n", flush=True)
                continue
            record["environment"] = prepared.details["environment"]
            job = Job("", prepared.details["folder"], text=options.text)
            for found in program.measure(model, (PARTS[name](job, sizes) for name in parts)):
                record["models"][model] = found
                if options.json:
                    options.json.write_text(json.dumps(record, indent=2), encoding="utf-8")
    if "environment" in record:
        print(program.circumstances(record))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = program.options(__doc__, PARTS, f", one model, without {' and '.join(NOT_QUICK)}")
    parser.add_argument(
        "--model",
        action="append",
        help=f"a model that bakeoff knows, or gpt2-random; repeat it for several (default: {', '.join(MODELS)})",
    )
    parser.add_argument(
        "--text",
        default="wikitext-2-part",
        help="a text file, a folder, or a name that `data.text` of a config accepts",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
