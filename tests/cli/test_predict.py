"""What `bakeoff predict` prints: texts and labels as they are, and one line for each answer."""

from __future__ import annotations

import json

import pytest

from bakeoff.runner import run
from tests.command import bakeoff

LONG = "a label of so many words that " * 5 + "it ends :heart:"


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        ([":joy:", LONG, LONG, LONG], f"majority  {LONG}  0.7"),
        ([[":joy:"], [LONG], [LONG, ":joy:"], [LONG]], f"majority  {LONG} 0.7"),
    ],
    ids=["one", "several"],
)
def test_texts_and_labels_are_printed_as_they_are(tmp_path, labels, shown):
    table = tmp_path / "table.jsonl"
    rows = [{"text": f"A line, the number {row} of many", "label": labels[row % 4]} for row in range(60)]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = {"task": "classification", "data": {"table": str(table)}, "contestants": {"majority": {}}}
    folder = run({**config, "evaluation": {"resamples": 10}}, tmp_path / "run").folder

    typed = bakeoff("predict", folder, "a :joy: to [bold]see", "another")

    first, answer, second, again = typed.out.splitlines()
    assert (first, second) == ("a :joy: to [bold]see", "another")
    assert answer == again
    assert answer.startswith(shown)
