"""Compare how long two versions of bakeoff take to judge the contestants of the language-model demos.

    git worktree add /tmp/before COMMIT
    python benchmarks/judging.py --against /tmp/before
    python benchmarks/judging.py --against /tmp/before --set precision=fp32 --set data.rows=200 --only answers

The contestants are those that need no training; trained ones are judged in the same way. Both versions take turns, each
in a process of its own, and the values of all metrics are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

CONTESTANTS = {"language-model": ["pretrained"], "answers": ["pretrained", "few-shot"]}

_JUDGE = """
import json, sys, tempfile, yaml
from importlib import resources
import bakeoff
name, contestants, overrides = json.loads(sys.argv[1])
config = yaml.safe_load((resources.files("bakeoff.config") / "builtin" / f"{name}.yaml").read_text(encoding="utf-8"))
config["contestants"] = {contestant: config["contestants"][contestant] for contestant in contestants}
with tempfile.TemporaryDirectory() as folder:
    results = bakeoff.run(config, folder, overrides=overrides).results
print(json.dumps({each.name: {
    "seconds": each.training.total_seconds,
    "values": {f"{metric.name} {metric.protocol}": metric.value for metric in each.metrics},
} for each in results}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--against", type=Path, required=True, metavar="FOLDER", help="a checkout of the other version")
    parser.add_argument("--only", action="append", choices=CONTESTANTS, help="this demo; repeat it for several")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of `bakeoff run`")
    options = parser.parse_args()
    sides = {"before": options.against, "now": Path(__file__).parents[1]}
    print("| contestant | before (s) | now (s) | times as fast | largest difference of a value |")
    print("| --- | --- | --- | --- | --- |")
    for name in options.only or CONTESTANTS:
        found: dict[str, list[Any]] = {side: [] for side in sides}
        for repetition in range(options.repetitions):
            for side in list(sides)[:: -1 if repetition % 2 else 1]:
                found[side].append(_judge(sides[side], name, options.set))
        for contestant in CONTESTANTS[name]:
            print(_row(name, contestant, found), flush=True)


def _judge(checkout: Path, name: str, overrides: list[str]) -> Any:
    job = json.dumps([name, CONTESTANTS[name], overrides])
    environment = {"OMP_PROC_BIND": "true", **os.environ, "PYTHONPATH": str(checkout.resolve() / "src")}
    ended = subprocess.run([sys.executable, "-c", _JUDGE, job], env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(ended.stdout.splitlines()[-1])


def _row(name: str, contestant: str, found: dict[str, list[Any]]) -> str:
    seconds = {side: median(run[contestant]["seconds"] for run in runs) for side, runs in found.items()}
    before, now = (runs[0][contestant]["values"] for runs in found.values())
    difference = max(abs(now[key] - before[key]) / max(abs(before[key]), 1e-12) for key in before)
    ratio = seconds["before"] / seconds["now"]
    return (
        f"| {name}: {contestant} | {seconds['before']:.1f} | {seconds['now']:.1f} | {ratio:.2f}x | {difference:.1e} |"
    )


if __name__ == "__main__":
    main()
