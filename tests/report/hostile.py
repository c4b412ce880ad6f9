"""Hostile text: a table that holds it, and an injector for finished runs."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa

from bakeoff.report.output import write_report
from bakeoff.runs.checksums import MANIFEST
from bakeoff.runs.folder import RunFolder
from tests.real_runs import copy_run

# Real data and models contain such text sooner or later: HTML, terminal markup, other scripts, very long words.
HOSTILE = "<script>alert('x')</script> [red]not red[/red] \x1b[31m ünïcödé 映画 & \"quotes\" | pipes | " + "long" * 40
VISIBLE = "<script>alert('x')</script> [red]not red[/red] ␛[31m"  # the beginning of HOSTILE as a reader should see it
LABELS = ['<b>dull</b> | "no"', "good & [red]fine[/red] \x1b[31m"]

_TELLING = [["dull", "awful"], ["fine", "moving"]]  # words, by label
_FILLERS = ["the", "film", "and", "its", "plot", "were", "seen", "by", "many", "in", "a", "cinema", "last", "week"]
_WRONG = 0.1  # share of the labels, so that there are label issues


def write_hostile_table(path: Path, rows: int = 180) -> Path:
    """Write a table whose ids, texts and labels are hostile, with a pair of near-duplicates."""
    chance = random.Random(0)
    lines = []
    for row in range(rows):
        label = row % 2
        words = chance.choices(_FILLERS, k=chance.randint(4, 20))
        words.insert(chance.randint(0, len(words)), chance.choice(_TELLING[label]))
        text = " ".join(words) + (f" {HOSTILE}" if row % 3 == 0 else "")
        given = label if chance.random() > _WRONG else 1 - label
        lines.append({"id": f"row {row} <i>", "text": text, "label": LABELS[given]})
    long = " ".join(f"word{number}" for number in range(40))
    lines += [
        {"id": "one <u>", "text": f"A fine film {long}", "label": LABELS[1]},
        {"id": "other <u>", "text": f"A dull film {long}", "label": LABELS[1]},
    ]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def with_hostile_texts(run: Path, copy: Path) -> RunFolder:
    """Copy a run of language models, and put hostile text into its generated texts and the names of its documents."""
    folder = copy_run(run, copy)
    for manifest in folder.path.rglob(MANIFEST):  # the run would otherwise be damaged, as it is
        manifest.unlink()
    for contestant in folder.contestants():
        samples = contestant.samples()
        contestant.write_samples(sample.model_copy(update={"text": f"{sample.text} {HOSTILE}"}) for sample in samples)
        scores = contestant.scores()
        names = pa.array([f"{name} {HOSTILE}" for name in scores["document"].to_pylist()])
        contestant.write_scores(scores.set_column(scores.column_names.index("document"), "document", names))
    write_report(folder)
    return folder
