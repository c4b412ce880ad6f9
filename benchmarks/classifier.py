"""Compare bakeoff's classifiers with plain PyTorch, scikit-learn and fastText on this machine.

    python benchmarks/classifier.py --quick
    python benchmarks/classifier.py --data imdb.parquet --json figures.json

docs/reference/benchmarks.md explains the rows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from comparison import program, running
from comparison.classifier_parts import FULL, PARTS, QUICK
from peers.job import Job


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    sizes = QUICK if options.quick else FULL
    record = program.begin(sizes, data=options.data)
    with tempfile.TemporaryDirectory() as folder:
        prepared = running.run_job(Job("tables.prepare", table=options.data, folder=folder))
        if isinstance(prepared, str):
            sys.exit(f"Not measured: {prepared}")
        record["environment"] = prepared.details["environment"]
        job = Job("", table=prepared.details["table"])
        for found in program.measure(Path(options.data).stem, (PARTS[name](job, sizes) for name in options.only)):
            record |= found
            if options.json:
                options.json.write_text(json.dumps(record, indent=2), encoding="utf-8")
    print(program.circumstances(record))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = program.options(__doc__, PARTS, "")
    parser.add_argument(
        "--data",
        default="sentence-polarity",
        metavar="FILE",
        help="a labeled table: a file, a folder, or a name that `data.table` of a config accepts",
    )
    options = parser.parse_args(arguments)
    options.only = options.only or list(PARTS)
    return options


if __name__ == "__main__":
    main()
