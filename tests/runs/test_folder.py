"""Files of a run are complete or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
from pathlib import Path

import pyarrow as pa
import pytest

from bakeoff.errors import UserError
from bakeoff.runs.folder import (
    ContestantFolder,
    RunFolder,
    explain_disk_errors,
    recover_folder,
    replaced_folder,
    write_text,
)
from bakeoff.runs.results import ContestantResult, EpochLine, MetricValue, Sample, StepLine, TrainingCost

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


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "model"
    for text in ("first", "second"):
        with replaced_folder(target) as temporary:
            (temporary / "weights").write_text(text)

    assert (target / "weights").read_text() == "second"
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_a_failure_while_writing_leaves_the_old_folder(tmp_path):
    target = tmp_path / "model"
    with replaced_folder(target) as temporary:
        (temporary / "weights").write_text("old")

    def fail_half_way() -> None:
        with replaced_folder(target) as temporary:
            (temporary / "weights").write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()

    assert (target / "weights").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_a_kill_between_the_renames_is_undone(tmp_path):
    target = tmp_path / "model"
    with replaced_folder(target) as temporary:
        (temporary / "weights").write_text("old")
    target.rename(tmp_path / ".model.old")

    recover_folder(target)

    assert (target / "weights").read_text() == "old"


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("IoError: No space left on device (os error 28)")],
)
def test_a_full_disk_is_a_sentence(error):
    with pytest.raises(UserError, match=r"disk is full.*\n.*resume"), explain_disk_errors(Path("model")):
        raise error


def test_a_failed_text_keeps_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_text(path, "old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))

    with pytest.raises(UserError, match="disk is full"):
        write_text(path, "new")

    assert path.read_text() == "old"


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


def test_a_folder_that_is_not_a_run_names_the_runs_nearby(tmp_path):
    RunFolder(tmp_path / "mine").write_config_file({"task": "classification"})

    with pytest.raises(UserError, match=r"typo does not exist.\n.*mine"):
        RunFolder(tmp_path / "typo").must_hold_a_run()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no run"):
        RunFolder(tmp_path / "empty").must_hold_a_run()


def test_two_processes_cannot_work_in_one_folder(tmp_path):
    with (
        RunFolder(tmp_path / "run").locked(),
        pytest.raises(UserError, match="Another process is working"),
        RunFolder(tmp_path / "run").locked(),
    ):
        pass


def test_a_missing_or_foreign_result_is_explained(tmp_path):
    folder = ContestantFolder(tmp_path / "lstm")
    with pytest.raises(UserError, match="the run has not come that far"):
        folder.result()
    write_text(folder.path / "result.json", "{}")
    with pytest.raises(UserError, match="not what this version of bakeoff writes"):
        folder.result()
