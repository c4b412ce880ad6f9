"""Compare bakeoff's default line-up with programs that promise the same: a good text classifier in a few minutes.

    python -m venv peers
    peers/bin/pip install setfit 'model2vec[distill,train]' fasttext-community scikit-learn
    python -m venv gluon
    gluon/bin/pip install 'autogluon.tabular[lightgbm,catboost,xgboost,fastai]' autogluon.multimodal
    python benchmarks/panel.py --data FOLDER --peers-python peers/bin/python --autogluon-python gluon/bin/python
    python benchmarks/panel.py --show

FOLDER holds imdb.parquet, medical-abstracts.parquet, stackoverflow-titles.parquet, clinc150-small.parquet and
waimai-chinese.parquet, in it or below. Every cell, a program on a table, is a process of its own, one at a time, on the
same cores, with the same minutes for everything before it predicts the test split. It appends a line to `--out`; cells
that are there are skipped, so the program can be stopped and started again. After twice the minutes and five more, a
cell did not finish.

- All learn from the train split; the validation split only chooses and stops. With few labels, both have so many rows
  of a class. All that can use an encoder use the same one, minilm-l6, made for English, also where texts are Chinese.
- bakeoff runs the config that `bakeoff init --minutes` writes. It tests all contestants, which is part of its time. Its
  answer is the contestant with the best validation accuracy; nothing is chosen by the test split.
- SetFit and fastText's autotune get the time as a setting, scikit-learn's grid goes on until it is over, AutoGluon has
  a limit of its own, model2vec stops by itself. The module of each in peers/panel/ says what it does.
- The peak memory is that of the largest process. The size is what predicting needs on disk.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from comparison.panel_summary import OURS, page
from comparison.panel_tables import TABLES, write_splits
from comparison.program import say
from peers.panel.cell import Cell

BENCHMARKS = Path(__file__).resolve().parent
PROGRAMS = {
    OURS: "bakeoff_lineup",
    "autogluon": "autogluon_multimodal",
    "autogluon-tabular": "autogluon_tabular",
    "setfit": "setfit_library",
    "model2vec": "model2vec_classifier",
    "fasttext": "fasttext_autotune",
    "scikit-learn": "scikit_learn_grid",
}
GRACE = 300.0
"""Seconds that a cell may take beyond twice its minutes: for loading, and for predicting the test split."""

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    if not options.show:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C, it ends the cell, too
        _measure(options)
    records = read_records(options.out)
    if not records:
        sys.exit(f"{options.out} holds no cells yet.")
    print(page(_in_order(records)))


def read_records(file: Path) -> list[dict[str, Any]]:
    """Return the last record of every cell."""
    if not file.exists():
        return []
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return list({(record["table"], record["program"]): record for record in records}.values())


def _measure(options: argparse.Namespace) -> None:
    from bakeoff.environment import current_environment
    from bakeoff.pretrained.packaged_models import packaged_folder

    files = options.out.resolve().with_suffix("")
    earlier = read_records(options.out)
    if any((record["minutes"], record["cores"]) != (options.minutes, options.cores) for record in earlier):
        sys.exit(f"{options.out} holds cells with other --minutes or --cores: name another file with --out.")
    done = {(record["table"], record["program"]) for record in earlier if record["status"] != "failed"}
    if hasattr(os, "sched_setaffinity"):  # on Linux, processes inherit their cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    encoder, environment = str(packaged_folder("minilm-l6")), current_environment()
    for table in options.only_tables or TABLES:
        for program in options.only_programs or PROGRAMS:
            if (table, program) in done:
                continue
            try:
                write_splits(TABLES[table], options.data, files / "splits" / table)
            except FileNotFoundError as error:
                sys.exit(str(error))
            folder = files / "cells" / table / program
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            say(f"{table}: {program} ...")
            cell = Cell(
                table=table,
                program=PROGRAMS[program],
                minutes=options.minutes,
                cores=options.cores,
                splits=str(files / "splits" / table),
                encoder=encoder,
                folder=str(folder),
            )
            record = {
                "table": table,
                "program": program,
                "minutes": options.minutes,
                "cores": options.cores,
                "started": datetime.now(UTC).isoformat(timespec="seconds"),
                "load_average": os.getloadavg()[0],
                "processor": environment.processor,
                "git_revision": environment.git_revision,
                **run_cell(cell, _python(options, program)),
            }
            with options.out.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(record) + "\n")
            say(f"{table}: {program}: {record['status']}, {record.get('accuracy', record.get('reason'))}")


def run_cell(cell: Cell, python: str) -> dict[str, Any]:
    """Return what a cell measured, or why it did not. Of its files, the log and the config stay."""
    folder = Path(cell.folder)
    environment = {
        **os.environ,
        **dict.fromkeys(THREADS, str(cell.cores)),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join([str(BENCHMARKS), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    command = [python, "-m", "peers.panel.worker", json.dumps(asdict(cell))]
    started = time.perf_counter()
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(2 * cell.seconds + GRACE)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):  # whatever it has started
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    outcome: dict[str, Any] = {"seconds": time.perf_counter() - started}
    if code == 0:
        outcome |= {"status": "finished", **json.loads((folder / "measured.json").read_text(encoding="utf-8"))}
    elif code is None:
        outcome |= {"status": "did not finish"}
    elif code == -signal.SIGKILL:
        outcome |= {"status": "failed", "reason": "killed by the system, most likely out of memory"}
    else:
        last = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        outcome |= {"status": "failed", "reason": last[0] if last else f"ended with exit code {code}"}
    for path in folder.iterdir():
        if path.name not in ("log.txt", "bakeoff.yaml"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return outcome


def _in_order(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tables, programs = list(TABLES), list(PROGRAMS)
    return sorted(records, key=lambda record: (tables.index(record["table"]), programs.index(record["program"])))


def _python(options: argparse.Namespace, program: str) -> str:
    if program == OURS:
        return sys.executable
    chosen = options.autogluon_python if program.startswith("autogluon") else options.peers_python
    return chosen or sys.executable


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="the folder of the tables that are not packaged")
    parser.add_argument("--out", type=Path, default=Path("panel.jsonl"), help="a line a cell; default: panel.jsonl")
    parser.add_argument("--minutes", type=float, default=10, help="for a program on a table; default: 10")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="of every program; default: all")
    parser.add_argument("--peers-python", metavar="PYTHON", help="the peers' Python; default: this one")
    parser.add_argument("--autogluon-python", metavar="PYTHON", help="AutoGluon's Python; default: this one")
    parser.add_argument("--only-tables", nargs="+", choices=TABLES, metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--only-programs", nargs="+", choices=PROGRAMS, metavar="PROGRAM", help=", ".join(PROGRAMS))
    parser.add_argument("--show", action="store_true", help="measure nothing; print what --out holds")
    options = parser.parse_args(arguments)
    for name in ("peers_python", "autogluon_python"):
        if value := getattr(options, name):
            setattr(options, name, str(Path(value).absolute()))  # not resolved: a link tells an environment apart
    return options


if __name__ == "__main__":
    main()
