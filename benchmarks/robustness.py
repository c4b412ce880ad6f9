"""Attack bakeoff with bad inputs, damaged run folders and kills, for as long as you like.

    python benchmarks/robustness.py --minutes 5
    python benchmarks/robustness.py --minutes 60 --seed 2 --only kills

A case fails if it shows a traceback, ends with another exit code than 0 or 2, takes more than 10 seconds, or changes a
result without a word. Failed cases are printed with what repeats them; the exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from hostile.cases import Case, Outcome
from hostile.damage import damaged_runs
from hostile.inputs import bad_inputs
from hostile.kills import killed_runs

KINDS: dict[str, Callable[[random.Random, Path], Iterator[Case]]] = {
    "inputs": bad_inputs,
    "damage": damaged_runs,
    "kills": killed_runs,
}


def campaign(
    minutes: float, seed: int, kinds: list[str], folder: Path
) -> tuple[Counter[tuple[str, str]], list[Outcome]]:
    """Run cases of every kind for an equal share of the time; return counts by kind and ending, and the failures."""
    counts: Counter[tuple[str, str]] = Counter()
    failures: list[Outcome] = []
    for kind in kinds:
        ends = time.monotonic() + 60 * minutes / len(kinds)
        (folder / kind).mkdir()
        for case in KINDS[kind](random.Random(seed), folder / kind):
            outcome = case.run()
            counts[kind, outcome.ending] += 1
            if outcome.problem:
                failures.append(outcome)
                print(f"FAILED {kind}: {outcome}", flush=True)
            if time.monotonic() > ends:
                break
    return counts, failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=KINDS, action="append", help="May be repeated.")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # the server's log, of what it leaves out
    with tempfile.TemporaryDirectory() as folder:
        counts, failures = campaign(arguments.minutes, arguments.seed, arguments.only or list(KINDS), Path(folder))
    for (kind, ending), count in sorted(counts.items()):
        print(f"{kind:<8}{ending:<24}{count:>7,}")
    print(f"{sum(counts.values()):,} cases, {len(failures):,} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
