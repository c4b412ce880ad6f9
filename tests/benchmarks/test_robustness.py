"""The campaign: its rules find what is wrong, its forks die as they should, and a few of its cases pass."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import robustness
from bakeoff.config.load import load_config
from bakeoff.runs.locking import locked
from hostile import damage, kills
from hostile.cases import judged
from hostile.clients import Crowd
from hostile.forks import Typed, longest_wall, run_forked
from hostile.runs import KINDS, differences, measured, write_config
from hostile.tables import _packed, _spreadsheet
from tests.processes import Forked


@pytest.mark.parametrize(
    ("typed", "ending", "problem"),
    [
        (Typed(0, "", "", 1, 1), "done", ""),
        (Typed(2, "", "Error: no such file", 1, 1), "refused in a sentence", ""),
        (Typed(2, "", "", 1, 1), "refused in a sentence", "without a word"),
        (Typed(0, "", "Traceback (most recent call last):", 1, 1), "done", "Traceback"),
        (Typed(70, "", "Error: a defect", 1, 1), "reported as a defect", "a defect"),
        (Typed(-signal.SIGSEGV, "", "", 1, 1), "exit code -11", "exit code -11"),
        (Typed(-signal.SIGXCPU, "", "", 10, 30), "hung", "10 s of the processor, 30 s in all"),
        (Typed(2, "", "x" * 30_000, 1, 1), "refused in a sentence", "a message of 30,000 characters"),
    ],
)
def test_what_is_wrong_with_an_ending(typed, ending, problem):
    outcome = judged(typed)

    assert outcome.ending == ending
    assert problem in outcome.problem
    assert bool(problem) == bool(outcome.problem)


def test_a_fork_is_killed_before_the_change_of_a_file_that_was_asked_for(tmp_path):
    def write() -> int:
        for name in "abc":
            (tmp_path / name).write_text("x")
        Path("/dev/null").write_text("elsewhere")
        return 3

    left_alone = run_forked(write, watched=tmp_path)
    assert (left_alone.code, left_alone.changes) == (3, 3)
    for path in tmp_path.iterdir():
        path.unlink()

    assert run_forked(write, watched=tmp_path, dies_at=2).code == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_fork_that_hangs_is_told(tmp_path):
    assert run_forked(lambda: time.sleep(60) or 0, seconds=0.01).hung
    interrupted = run_forked(lambda: time.sleep(60) or 0, signals=[(0.01, signal.SIGTERM)])
    assert interrupted.code == -signal.SIGTERM


def test_who_waits_has_several_times_the_processor_time(tmp_path):
    assert longest_wall(0.5) == 2.0
    typed = run_forked(lambda: time.sleep(60) or 0, seconds=0.1)
    outcome = judged(typed)

    assert outcome.ending == "hung"
    assert "0 s of the processor" in outcome.problem


KEEPS_A_LOCK = """
import fcntl, os, sys, time
os.setsid()
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)
"""


def test_who_outlives_a_command_is_found_in_any_session_and_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(kills, "GONE_SECONDS", 0.1)
    tally = str(tmp_path / "tally")
    orphan = subprocess.Popen(
        [sys.executable, "-c", KEEPS_A_LOCK, tmp_path / ".lock"], env={kills.TALLY: tally}, stdout=subprocess.PIPE
    )
    with orphan:
        assert orphan.stdout.readline() == b"locked\n"
        assert kills.is_locked(tmp_path / ".lock")
        assert "time.sleep(60)" in kills.outlived(tmp_path, tally)

    assert orphan.returncode == -signal.SIGKILL
    assert kills.outlived(tmp_path, tally) == ""


def test_a_lock_that_is_kept_is_found_though_nobody_knows_by_whom(tmp_path, monkeypatch):
    monkeypatch.setattr(kills, "GONE_SECONDS", 0.1)
    with locked(tmp_path / ".lock"):
        assert ".lock" in kills.outlived(tmp_path, "none")

    assert kills.outlived(tmp_path, "none") == ""


def test_a_fork_obeys_permissions_and_its_input(tmp_path):
    (tmp_path / "hidden").write_text("x")
    (tmp_path / "hidden").chmod(0)

    def look() -> int:
        print(input())
        (tmp_path / "hidden").read_text()
        return 0

    typed = run_forked(look, stdin=b"said\n", obeys_permissions=True)

    assert typed.out == "said\n"
    assert "PermissionError" in typed.err


def test_differences_name_the_place():
    assert differences({"a": {"b": [1]}}, {"a": {"b": [2]}}) == [".a.b: [1] instead of [2]"]
    assert differences({"a": 1.0, "b": float("nan")}, {"a": 1.0, "b": float("nan")}) == []


def test_runs_that_are_not_the_same_are_found(sentiment_run):
    other = measured(sentiment_run)
    other["lstm"]["steps"][0]["loss"] += 1e-12

    assert differences(other, measured(sentiment_run))[0].startswith(".lstm.steps: ")


@pytest.mark.parametrize("name", [name for name in KINDS if name != "transformer"])  # whose encoder takes a second
def test_configs_are_valid(name, tmp_path):
    assert load_config(write_config(KINDS[name], tmp_path)).contestants


def test_every_damage_changes_the_folder(sentiment_run, tmp_path):
    def state(run: Path) -> list[tuple[str, int, int, bytes]]:
        found = []
        for path in sorted(run.rglob("*")):
            status = path.lstat()
            readable = path.is_file() and not path.is_symlink() and status.st_size < 100_000
            content = path.read_bytes() if readable else b""
            found.append((str(path), status.st_mode, status.st_size, content))
        return found

    choose = random.Random(1)
    for number, how in enumerate((*damage._TO_FILES, *damage._TO_FOLDERS)):
        copy = tmp_path / str(number) / "damaged"
        shutil.copytree(sentiment_run, copy)
        before = state(copy)
        contestant = copy / "contestants" / "lstm"
        path, other = (contestant / "metrics.jsonl", contestant / "result.json")
        if how in damage._TO_FILES:
            damage._TO_FILES[how](choose, path, other)
        else:
            damage._TO_FOLDERS[how](choose, contestant / "model", copy / "contestants" / "linear" / "model")
        assert state(copy) != before, how
        shutil.rmtree(copy)


def test_a_spreadsheet_and_an_archive_can_be_read(tmp_path):
    from bakeoff.data.raw_tables import read_raw_table

    (tmp_path / "a.xlsx").write_bytes(_spreadsheet([["text", "label"], ["x", 1]]))
    (tmp_path / "a.csv.zip").write_bytes(_packed(b"text,label\nx,1\n", "csv.zip"))

    assert read_raw_table(str(tmp_path / "a.xlsx")).columns == {"text": ["x"], "label": [1]}
    assert read_raw_table(str(tmp_path / "a.csv.zip")).columns == {"text": ["x"], "label": ["1"]}


def test_percentiles_of_a_crowd():
    crowd = Crowd(8, [float(number) for number in range(100)])

    assert (crowd.percentile(0.5), crowd.percentile(0.99)) == (50, 99)


def test_the_program_ends_with_a_table(tmp_path):
    given = ["--only", "inputs", "--cases", "4", "--seed", "3", "--findings", str(tmp_path / "findings")]

    process = Forked(robustness.main, given, cwd=tmp_path)
    out, err = process.communicate(timeout=60)

    assert process.poll() == 0, err
    assert out.splitlines()[-1] == "| inputs | all | 4 | | 0 |"
    assert not (tmp_path / "findings").exists()
