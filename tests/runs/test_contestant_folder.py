"""A contestant's folder: its records come back as they were written, and what cannot be read is explained."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from bakeoff.errors import UserError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import ContestantResult, EpochLine, MetricValue, Sample, StepLine, TrainingCost
from bakeoff.runs.writing import replaced_folder, write_text

STEP = StepLine(step=1, epoch=1, loss=0.5, learning_rate=0.1, tokens=8, seconds=0.1)
EPOCH = EpochLine(epoch=1, step=1, train_loss=0.5, validation_loss=0.4, best=True)
RESULT = ContestantResult(
    name="lstm",
    method="lstm",
    task="classification",
    settings={},
    seed=1,
    metrics=[
        MetricValue(name="accuracy", value=0.9, protocol="accuracy", split="test", documents=10, higher_is_better=True),
        MetricValue(name="perplexity", value=9, protocol="lab", split="test", documents=10, higher_is_better=False),
    ],
    training=TrainingCost(),
    total_parameters=1,
    trainable_parameters=1,
    model_bytes=1,
)


def test_metrics_go_back_to_a_checkpoint_and_survive_a_torn_line(tmp_path):
    folder = ContestantFolder(tmp_path / "lstm")
    folder.append_metrics(STEP)
    size = folder.metrics_size()
    folder.append_metrics(EPOCH)
    assert folder.training_log() == ([STEP], [EPOCH])

    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "step", "st')
    assert folder.training_log() == ([STEP], [EPOCH])

    folder.cut_metrics(size)
    assert folder.training_log() == ([STEP], [])


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is synced there")
@pytest.mark.parametrize("kind", ["checkpoint", "result.json", "summary.json"])
def test_the_log_is_on_the_disk_before_what_vouches_for_it(tmp_path, monkeypatch, kind):
    """A power failure right after the rename may cost what was not synced, and then the whole training."""
    synced: dict[int, int] = {}  # bytes by inode
    sync = os.fsync

    def noting(handle: int) -> None:
        sync(handle)
        state = os.fstat(handle)
        synced[state.st_ino] = state.st_size

    vouched = []

    def checked(move):
        def moved(source: Path, target: Path) -> Path:
            if Path(target).name == kind:
                state = log.stat()
                vouched.append(synced.get(state.st_ino) == state.st_size)
            return move(source, target)

        return moved

    folder = ContestantFolder(tmp_path / "lstm") if kind != "summary.json" else ContestantFolder(tmp_path).trial(1)
    log = folder.path / "metrics.jsonl"
    folder.append_metrics(STEP)
    monkeypatch.setattr(os, "fsync", noting)
    for name in ("rename", "replace"):
        monkeypatch.setattr(Path, name, checked(getattr(Path, name)))
    if kind == "checkpoint":
        with replaced_folder(folder.checkpoint) as temporary:
            folder.write_checkpoint_checksums(temporary, folder.metrics_size())
    elif kind == "result.json":
        folder.write_result(RESULT)
    else:
        folder.write_summary(RESULT)

    assert vouched == [True]


def test_results_scores_and_samples_come_back_as_they_were(tmp_path):
    folder = ContestantFolder(tmp_path / "lstm")
    samples = [Sample(prompt="one\ntwo", text="<b>"), Sample(prompt="", label="positive", kind="mistake")]
    folder.write_scores(pa.table({"document": ["1"], "loss": [0.25]}))
    folder.write_samples(samples)
    folder.checkpoint.mkdir()

    assert not folder.finished
    folder.write_result(RESULT)

    assert folder.finished
    assert folder.result() == RESULT
    assert folder.samples() == samples
    assert folder.scores().to_pylist() == [{"document": "1", "loss": 0.25}]
    assert not folder.checkpoint.exists()
    assert RESULT.metric("perplexity", "lab").value == 9
    assert RESULT.metric("perplexity", "window") is None


def test_a_missing_or_damaged_result_is_explained(tmp_path):
    folder = ContestantFolder(tmp_path / "lstm")
    with pytest.raises(UserError, match="the run has not finished"):
        folder.result()
    write_text(folder.path / "result.json", "{}")
    with pytest.raises(UserError, match="damaged, or from another version of bakeoff"):
        folder.result()
