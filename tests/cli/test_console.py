from __future__ import annotations

import json

import pytest

from bakeoff.cli.console import print_error, print_json, printable
from bakeoff.cli.progress_bar import ConsoleProgress, duration
from bakeoff.errors import UserError
from bakeoff.runs.results import EpochLine


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (185, "3:05"), (3723, "1:02:03")])
def test_durations_read_like_a_clock(seconds, text):
    assert duration(seconds) == text


def test_control_characters_do_not_reach_the_terminal():
    assert printable("a\x1b[31mb\tc\n") == "a�[31mb\tc\n"


def test_json_has_no_nan(capsys):
    print_json({"value": float("nan"), "list": [float("inf"), 1.5]})

    assert json.loads(capsys.readouterr().out) == {"value": None, "list": [None, 1.5]}


def test_errors_and_hints_go_to_standard_error_unchanged(capsys):
    print_error(UserError("reviews.csv: no column [bold]text[/bold].", "It has: review"))

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "Error: reviews.csv: no column [bold]text[/bold].\nIt has: review\n"


FIRST_EPOCH = EpochLine(
    epoch=1,
    step=70,
    train_loss=0.689,
    train_accuracy=0.541,
    validation_loss=0.676,
    validation_accuracy=0.563,
    seconds=12.0,
    best=True,
)


def test_the_lab_s_table_without_a_terminal(capsys):
    with ConsoleProgress() as progress:
        progress.contestant("lstm", 3, 3)
        progress.epoch(FIRST_EPOCH)

    assert capsys.readouterr().err.splitlines() == [
        "[3/3] lstm",
        "  epoch   step  train loss  train acc  valid loss  valid acc      time",
        "      1     70       0.689      0.541       0.676      0.563      12 s  best so far",
    ]


@pytest.mark.parametrize(("measure", "shown"), [("accuracy", "valid acc 0.563"), ("micro-F1", "micro-F1 0.563")])
def test_a_training_beside_others_says_its_name_and_what_it_measures(capsys, measure, shown):
    line = FIRST_EPOCH.model_copy(update={"measure": measure, "best": False})

    with ConsoleProgress() as progress:
        progress.side_by_side("lstm", 3, 3).epoch(line)

    assert capsys.readouterr().err.splitlines()[-1] == f"lstm: epoch 1  step 70  valid loss 0.676  {shown}"
