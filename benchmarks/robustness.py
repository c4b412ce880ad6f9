"""Attack bakeoff with kills, bad inputs, damaged run folders and crowds of clients, for as long as you like.

    python benchmarks/robustness.py --minutes 20
    python benchmarks/robustness.py --minutes 60 --seed 2 --only kills
    python benchmarks/robustness.py --only inputs --from 117 --cases 1     # case 117 again

A case fails if it shows a traceback, ends with another exit code than 0 or 2, takes more than 10 seconds of the
processor or 40 seconds in all, or changes a result without a word. What failed is kept in a folder, with what repeats
it. The last output is a table; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hostile.cases import Case, Maker, Outcome
from hostile.clients import clients
from hostile.damage import damaged_runs
from hostile.forks import preload
from hostile.inputs import bad_inputs
from hostile.kills import killed_runs

PARTS: dict[str, Callable[[Path], Iterator[Maker]]] = {
    "kills": killed_runs,
    "inputs": bad_inputs,
    "folders": damaged_runs,
}
CLIENTS = "clients"


@dataclass
class Summary:
    """What was tried and how it ended, by part and group."""

    endings: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    kills: Counter[str] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, part: str, case: Case, outcome: Outcome) -> None:
        self.endings[part, case.group][outcome.ending] += 1
        self.kills[case.group] += outcome.kills
        self.failed[part, case.group] += bool(outcome.problem)

    def lines(self) -> list[str]:
        """Return a table in Markdown."""
        rows = ["| part | group | cases | how they ended | failed |", "| --- | --- | --- | --- | --- |"]
        totals: Counter[str] = Counter()
        for (part, group), endings in sorted(self.endings.items()):
            said = [f"{count:,} {ending}" for ending, count in endings.most_common()]
            said += [f"after {self.kills[group]:,} kills"] if part == "kills" else []
            cases = sum(endings.values())
            totals[part] += cases
            rows.append(f"| {part} | {group} | {cases:,} | {', '.join(said)} | {self.failed[part, group]:,} |")
        for part, cases in totals.items():
            failed = sum(count for (of, _), count in self.failed.items() if of == part)
            rows.append(f"| {part} | all | {cases:,} | | {failed:,} |")
        return rows


def campaign(
    part: str, makers: Iterator[Maker], seed: int, first: int, most: int | None, minutes: float, folder: Path,
    findings: Path, summary: Summary,
) -> None:  # fmt: skip
    """Try cases, from the one with the number `first` on, until the time is over."""
    ends = time.monotonic() + 60 * minutes
    numbers = itertools.count(1)
    said = time.monotonic()
    for number, maker in zip(numbers, makers, strict=False):
        if number < first:
            continue
        if time.monotonic() >= ends or (most is not None and number >= first + most):
            break
        place = folder / str(number)
        place.mkdir()
        case = maker(random.Random(f"{seed} {part} {number}"), place)
        outcome = case.work()
        summary.add(part, case, outcome)
        if outcome.problem:
            keep(findings / f"{part}-{seed}-{number}", place, part, seed, number, case, outcome)
        shutil.rmtree(place, ignore_errors=True)
        if time.monotonic() - said > 20:
            said = time.monotonic()
            left = (ends - said) / 60
            print(f"{part}: case {number}, {left:.1f} minutes left", file=sys.stderr, flush=True)


def keep(kept: Path, place: Path, part: str, seed: int, number: int, case: Case, outcome: Outcome) -> None:
    """Keep what repeats a failed case: its files and a description."""
    repeat = f"python benchmarks/robustness.py --only {part} --seed {seed} --from {number} --cases 1"
    print(f"FAILED {kept.name}: {case.group}: {case.what}\n    {outcome.problem}", file=sys.stderr, flush=True)
    shutil.rmtree(kept, ignore_errors=True)
    with contextlib.suppress(shutil.Error, OSError):  # a pipe cannot be copied
        shutil.copytree(place, kept / "files", symlinks=True)
    kept.mkdir(parents=True, exist_ok=True)
    text = f"{case.group}: {case.what}\n\n{outcome.ending}: {outcome.problem}\n\nagain: {repeat}\n"
    (kept / "what.txt").write_text(text, encoding="utf-8", errors="backslashreplace")


def ask_clients(minutes: float, seed: int, folder: Path, findings: Path) -> tuple[list[str], bool]:
    """Return a table of what clients saw, and whether any answer was wrong."""
    crowds = clients(60 * minutes, seed, folder)
    rows = ["| asked for | clients | answers | refused | wrong | median | p99 |", "| --- " * 7 + "|"]
    for asked, crowd in crowds:
        times = f"{crowd.percentile(0.5):.1f} ms | {crowd.percentile(0.99):.1f} ms"
        answers = len(crowd.milliseconds)
        rows.append(f"| {asked} | {crowd.clients} | {answers:,} | {crowd.refused:,} | {len(crowd.wrong):,} | {times} |")
    wrong = [each for _, crowd in crowds for each in crowd.wrong]
    if wrong:
        findings.mkdir(parents=True, exist_ok=True)
        (findings / f"clients-{seed}.txt").write_text("\n".join(wrong), encoding="utf-8")
    return rows, bool(wrong)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0, help="For all parts together.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=[*PARTS, CLIENTS], action="append", help="May be repeated.")
    parser.add_argument("--kind", action="append", help="Of the runs that are killed; may be repeated.")
    parser.add_argument("--from", type=int, default=1, dest="first", help="Number of the first case of each part.")
    parser.add_argument("--cases", type=int, help="Most cases of each part.")
    parser.add_argument("--findings", type=Path, default=Path("robustness-findings"), help="Folder for what failed.")
    given = parser.parse_args(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    signal.signal(signal.SIGINT, signal.default_int_handler)  # commands of programs in the background would ignore it
    logging.disable(logging.CRITICAL)
    preload()
    parts = given.only or [*PARTS, CLIENTS]
    summary, failed = Summary(), False
    tables: list[str] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        for part in parts:
            folder = Path(name) / part
            folder.mkdir()
            minutes = given.minutes / len(parts)
            if part == CLIENTS:
                tables, failed = ask_clients(minutes, given.seed, folder, given.findings)
                continue
            makers = killed_runs(folder, given.kind or ()) if part == "kills" else PARTS[part](folder)
            campaign(part, makers, given.seed, given.first, given.cases, minutes, folder, given.findings, summary)
    print("\n".join([*summary.lines(), *([""] if tables else []), *tables]))
    return 1 if failed or summary.failed.total() else 0


if __name__ == "__main__":
    sys.exit(main())
