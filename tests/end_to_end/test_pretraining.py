"""A contestant that is pretrained on a file of texts, from the command line."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from bakeoff.data.raw_tables import read_raw_table
from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff, fork, refused
from tests.real_runs import write_config_file

SMALL = {"method": "lstm", "embedding_size": 16, "hidden_size": 16, "batch_size": 32}


@pytest.fixture
def config(tmp_path) -> Path:
    """Two contestants, one pretrained on texts of which many stand in the validation or test split."""
    (tmp_path / "more.txt").write_text("\n".join(read_raw_table("sentence-polarity").columns["text"][:1200]))
    pretrain = {"text": str(tmp_path / "more.txt"), "epochs": 3}
    values = {
        "task": "classification",
        "data": {"table": "sentence-polarity", "rows": 400},
        "budget": {"epochs": 2},
        "contestants": {"majority": {}, "pretrained": {**SMALL, "pretrain": pretrain}},
        "evaluation": {"resamples": 100},
    }
    return write_config_file(tmp_path / "small.yaml", values)


def test_killed_while_pretraining_and_resumed(config, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    metrics = killed / "contestants" / "pretrained" / "pretraining.jsonl"
    process = fork("run", config, "-o", killed)
    deadline = time.monotonic() + 120
    while process.poll() is None and not (metrics.exists() and '"epoch":2' in metrics.read_text()):
        assert time.monotonic() < deadline, "the run did not get that far"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)

    texts = (tmp_path / "more.txt").read_text()
    (tmp_path / "more.txt").write_text(texts + "\nOne more.")
    assert "have changed since the run began" in refused("resume", killed)
    (tmp_path / "more.txt").write_text(texts)
    resumed = bakeoff("resume", killed, "--json")
    typed = bakeoff("run", config, "-o", whole, "--json")

    assert resumed.code == typed.code == 0
    assert "Pretraining, epoch 3: loss on held-out words" in resumed.err
    folders = [RunFolder(path).contestant("pretrained") for path in (whole, killed)]
    for folder in folders:  # what is not needed is gone, what was measured is there
        assert not folder.stage("pretraining").path.exists()
        assert (folder.path / "pretraining.jsonl").exists()
    first, second = (
        (
            folder.result().metrics,
            [line.loss for line in folder.stage("pretraining").training_log()[0]],
            [line.loss for line in folder.training_log()[0]],
        )
        for folder in folders
    )
    assert first == second
    note = next(note for note in folders[0].result().notes if "were left out of pretraining" in note)
    assert int(note.split(" ")[0].replace(",", "")) >= 5
    assert "pretrained on" in (whole / "report.md").read_text()
    assert bakeoff("predict", whole, "--contestant", "pretrained", "A fine film").code == 0


def test_a_missing_file_is_said_before_anything_is_trained(config, tmp_path):
    assignment = f"contestants.pretrained.pretrain.text={tmp_path / 'mor.txt'}"

    said = refused("run", config, "-o", tmp_path / "run", "--set", assignment)

    assert "mor.txt does not exist" in said
    assert "more.txt" in said
    assert not (tmp_path / "run").exists()
    assert "mor.txt does not exist" in refused("plan", config, "--set", assignment)
