"""The panel's tables, from its records alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from bakeoff.evaluation.intervals import paired_bootstrap_ratio
from comparison.tables import markdown

OURS = "bakeoff"
Record = dict[str, Any]
Accuracies = Mapping[str, Mapping[str, float | None]]  # by table and program; None: there is no answer


@dataclass(frozen=True)
class Rank:
    mean: float
    low: float
    high: float


def accuracies(records: Sequence[Record]) -> dict[str, dict[str, float | None]]:
    """Return the accuracies by table and program, in the order of the records."""
    found: dict[str, dict[str, float | None]] = {}
    for record in records:
        found.setdefault(record["table"], {})[record["program"]] = record.get("accuracy")
    return found


def complete(found: Accuracies) -> dict[str, Mapping[str, float | None]]:
    """Return the tables on which every program was measured: only these can be ranked."""
    programs = {program for row in found.values() for program in row}
    return {table: row for table, row in found.items() if row.keys() == programs}


def mean_ranks(found: Accuracies, *, resamples: int = 10_000, seed: int = 0) -> dict[str, Rank]:
    """Return the mean rank of each program over the tables (1 is best), with a 95 % interval.

    Equal accuracies share the mean of their ranks; a program without an answer comes after all others. The interval is
    a percentile bootstrap over the tables.

    Args:
        found: Of tables that all have the same programs.
    """
    programs = list(next(iter(found.values())))
    values = np.array([[_or_worst(row[program]) for program in programs] for row in found.values()])
    ranks: npt.NDArray[np.float64] = rankdata(-values, axis=1)
    draws = np.random.default_rng(seed).integers(len(ranks), size=(resamples, len(ranks)))
    low, high = np.quantile(ranks[draws].mean(axis=1), [0.025, 0.975], axis=0)
    return {
        program: Rank(float(ranks[:, column].mean()), float(low[column]), float(high[column]))
        for column, program in enumerate(programs)
    }


def gap(row: Mapping[str, float | None]) -> tuple[str, float] | None:
    """Return the best peer on a table and bakeoff's accuracy minus its own, in points; None if one is missing."""
    peers = {program: value for program, value in row.items() if program != OURS and value is not None}
    ours = row.get(OURS)
    if ours is None or not peers:
        return None
    best = max(peers, key=lambda program: peers[program])
    return best, 100 * (ours - peers[best])


def _or_worst(value: float | None) -> float:
    return -1.0 if value is None else value


def page(records: Sequence[Record]) -> str:
    """Return the Markdown page of a panel."""
    found = accuracies(records)
    programs = list(dict.fromkeys(record["program"] for record in records))
    whole = complete(found)
    parts = [_settings(records), "### Test accuracy\n", _accuracy_table(records, found, programs)]
    if whole:
        parts += [f"\n### Mean rank and mean accuracy over {len(whole)} tables\n", _ranks_table(whole, programs)]
    parts += ["\n### Cells\n", _cells_table(records)]
    if chosen := [record for record in records if "winner" in record.get("notes", {})]:
        parts += ["\n### bakeoff's contestants: accuracy on the validation and the test split\n", _contestants(chosen)]
    return "\n".join(parts)


def _settings(records: Sequence[Record]) -> str:
    first = records[0]
    versions: dict[str, set[str]] = {}
    for record in records:
        for name, version in record.get("versions", {}).items():
            versions.setdefault(name, set()).add(version)
    loads = [record["load_average"] for record in records]
    tables_of: dict[str, dict[str, None]] = {}  # in the order of the records, as a set is not
    for record in records:
        tables_of.setdefault(record["processor"], {})[record["table"]] = None
    processors = [
        processor if len(tables_of) == 1 else f"{processor}: {', '.join(tables)}"
        for processor, tables in tables_of.items()
    ]
    return (
        f"{first['minutes']:g} minutes a table on {first['cores']} core{'s' if first['cores'] > 1 else ''} "
        f"({'; '.join(processors)}); load average when a cell started {min(loads):.1f} to {max(loads):.1f}. "
        "bakeoff's answer is the contestant that is best on the validation split. Versions: "
        + "; ".join(f"{name} {', '.join(sorted(several))}" for name, several in versions.items())
        + ".\n"
    )


def _accuracy_table(records: Sequence[Record], found: Accuracies, programs: Sequence[str]) -> str:
    record_of = {(record["table"], record["program"]): record for record in records}
    rows = []
    for table, row in found.items():
        cells = [_percent(row[program]) if program in row else "" for program in programs]
        said = ""
        if (difference := gap(row)) is not None:
            best, points = difference
            said = f"{points:+.1f} ({best}{_interval(record_of[table, OURS], record_of[table, best])})"
        rows.append([table, *cells, said])
    return markdown(["", *programs, "bakeoff minus best peer, points (95 % interval)"], rows)


def _interval(ours: Record, peer: Record) -> str:
    """Return the interval of the difference over the test texts; nothing for records that do not have their answers."""
    if "right" not in ours or "right" not in peer:
        return ""
    right = (np.unpackbits(np.frombuffer(bytes.fromhex(each["right"]), np.uint8)) for each in (ours, peer))
    one, other = (bits[: ours["tested"]] for bits in right)
    found = paired_bootstrap_ratio(one, other, np.ones(len(one)), confidence=0.95, resamples=2_000, seed=0)
    if found is None:
        return ""
    (low, high), _ = found
    return f", {100 * low:+.1f} to {100 * high:+.1f}"


def _ranks_table(found: Accuracies, programs: Sequence[str]) -> str:
    rows = []
    for program, rank in sorted(mean_ranks(found).items(), key=lambda each: each[1].mean):
        values = [value for row in found.values() if (value := row[program]) is not None]
        of = "" if len(values) == len(found) else f" (of {len(values)} tables)"
        mean = f"{_percent(float(np.mean(values)))}{of}" if values else "-"
        rows.append([program, f"{rank.mean:.2f}", f"{rank.low:.2f} to {rank.high:.2f}", mean])
    return markdown(["", "mean rank", "95 % interval over tables", "mean accuracy"], rows)


def _cells_table(records: Sequence[Record]) -> str:
    head = ["table", "program", "accuracy", "macro-F1", "training", "predicting", "peak memory", "model", "notes"]
    rows = []
    for record in records:
        first = [record["table"], record["program"]]
        if record["status"] != "finished":
            rows.append([*first, record["status"], *[""] * 5, record.get("reason", "")])
            continue
        late = record["training_seconds"] / 60 - record["minutes"]
        notes = {key: value for key, value in record["notes"].items() if isinstance(value, str | int | float)}
        said = [f"{late:.1f} minutes over time"] if late > 0.05 * record["minutes"] else []
        said += [f"{key.replace('_', ' ')} {_short(value)}" for key, value in notes.items()]
        rows.append(
            [
                *first,
                _percent(record["accuracy"]),
                _percent(record["macro_f1"]),
                f"{record['training_seconds']:.0f} s",
                f"{record['predicting_seconds']:.1f} s",
                f"{record['peak_memory_bytes'] / 1e9:.2f} GB",
                f"{record['model_bytes'] / 1e6:.1f} MB",
                "; ".join(said),
            ]
        )
    return markdown(head, rows)


def _contestants(records: Sequence[Record]) -> str:
    names = list(dict.fromkeys(row["name"] for record in records for row in record["notes"]["contestants"]))
    rows = []
    for record in records:
        of = {row["name"]: row for row in record["notes"]["contestants"]}
        cells = [
            f"{_percent(of[name]['validation_accuracy'])} / {_percent(of[name]['test_accuracy'])}" if name in of else ""
            for name in names
        ]
        rows.append([record["table"], record["notes"]["winner"], *cells])
    return markdown(["", "chosen", *names], rows)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
