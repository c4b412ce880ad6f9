"""/v1/runs, from the first line of metrics to the verdict."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import bakeoff
from bakeoff.runs.contestant_folder import ContestantFolder, parse_metrics
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import EpochLine, StepLine
from bakeoff.serve.curves import MOST_POINTS, CurvesReader, TrainingLog
from tests.real_runs import copy_run
from tests.serve.conftest import SENTIMENT
from tests.serve.servers import running


def step(number: int, loss: float = 0.5) -> StepLine:
    return StepLine(step=number, epoch=1, loss=loss, learning_rate=1e-3, tokens=number * 100, seconds=number * 0.5)


def evaluation(number: int, loss: float) -> EpochLine:
    return EpochLine(
        epoch=1, step=number, validation_loss=loss, validation_accuracy=0.7, tokens=number * 100, best=True
    )


def losses(read: CurvesReader, folder: ContestantFolder) -> list[float | None]:
    found = read(folder)
    return [point.loss for point in found.training] if found else []


def test_a_finished_run(client: httpx.Client) -> None:
    (run, _) = client.get("/v1/runs").json()["data"]

    assert run["finished"]
    assert run["report"] == "/runs/sentiment/report.html"
    assert run["summary"] == run["verdict"][: len(run["summary"])]
    assert run["summary"][0].startswith(
        "A tie: linear (accuracy 0.6167), majority (0.5000) and lstm (0.5000) cannot be"
    )
    assert run["summary"][1].startswith(f"Recommended: {run['recommended']}, ")
    assert run["summary"][2].startswith("Caution: 60 test texts are too few to tell linear from majority")
    assert [each["state"] for each in run["contestants"]] == ["finished"] * 3
    assert run["contestants"][1]["metric"]["name"] == "accuracy"
    assert 0 < run["contestants"][1]["metric"]["value"] < 1


def test_a_run_is_watched_from_its_first_step_to_its_result(young: RunFolder) -> None:
    with running([young.path]) as client:

        def look() -> dict:
            return client.get("/v1/runs/young").json()

        assert [each["state"] for each in look()["run"]["contestants"]] == ["finished", "waiting", "waiting"]
        assert look()["curves"] == []
        assert len(client.get("/v1/models").json()["data"]) == 1

        young.contestant("lstm").append_metrics(step(1, 0.75))
        assert [each["state"] for each in look()["run"]["contestants"]] == ["finished", "waiting", "training"]
        assert look()["curves"][0]["training"] == [{"tokens": 100, "loss": 0.75}]
        assert client.post("/v1/classify", json={"texts": ["x"], "models": ["young/lstm"]}).status_code == 404

        young.contestant("lstm").append_metrics(evaluation(1, 0.6))
        young.contestant("lstm").append_metrics(step(2, 0.25))
        (curve,) = look()["curves"]
        assert [point["loss"] for point in curve["training"]] == [0.75, 0.25]
        assert curve["validation"] == [{"tokens": 100, "loss": 0.6}]
        assert (curve["step"], curve["tokens_per_second"], curve["validation_accuracy"]) == (2, 200, 0.7)
        assert not look()["run"]["finished"]


def test_the_curve_is_that_of_the_seed_that_trains(young: RunFolder) -> None:
    lstm = young.contestant("lstm")

    def newest() -> int:
        found = CurvesReader()(young.contestant("lstm"))
        assert found is not None
        return found.step

    lstm.append_metrics(step(9))
    (lstm.path / "later.json").rename(lstm.path / "result.json")
    assert newest() == 9
    (lstm.path / "repeat-2").mkdir()
    assert newest() == 9  # until the next seed has taken a step
    lstm.repeat(2).fold(1).append_metrics(step(3))
    assert newest() == 3
    lstm.repeat(2).append_metrics(step(1))
    assert newest() == 1


def test_a_contestant_that_pretrains_is_training(young: RunFolder) -> None:
    young.contestant("lstm").stage("pretraining").append_metrics(step(1))

    with running([young.path]) as client:
        states = [each["state"] for each in client.get("/v1/runs/young").json()["run"]["contestants"]]

    assert states == ["finished", "waiting", "training"]


def test_a_contestant_trains_until_its_last_seed_has_ended(tmp_path: Path) -> None:
    lstm = {"embedding_size": 8, "hidden_size": 8}
    config = {**SENTIMENT, "repeats": 2, "contestants": {"majority": {}, "lstm": lstm}}
    runs = [RunFolder(bakeoff.run(config, tmp_path / "good").folder), copy_run(tmp_path / "good", tmp_path / "bad")]
    mean = runs[0].contestant("lstm").average()
    seconds = [run.contestant("lstm").repeat(2) for run in runs]
    for run, second in zip(runs, seconds, strict=True):
        (run.path / "verdict.json").unlink()
        (second.path / "result.json").rename(tmp_path / f"{run.path.name}.json")

    with running([run.path for run in runs]) as client:

        def look(name: str) -> dict:
            return client.get(f"/v1/runs/{name}").json()["run"]["contestants"][1]

        assert [(look(name)["state"], look(name)["metric"]) for name in ("good", "bad")] == [("training", None)] * 2

        (tmp_path / "good.json").rename(seconds[0].path / "result.json")
        seconds[1].write_failure("It diverged.")
        assert look("bad")["state"] == "failed"
        found, metric = look("good"), mean.metrics[0]
        assert found["state"] == "finished"
        assert [found["metric"][key] for key in ("value", "low", "high")] == [metric.value, metric.low, metric.high]
        assert found["training_seconds"] == mean.training.seconds


def test_a_line_that_is_half_written_waits(young: RunFolder) -> None:
    folder = young.contestant("lstm")
    folder.append_metrics(step(1))
    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write('{"kind":"step","st')

    read = CurvesReader()
    assert losses(read, folder) == [0.5]

    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write(step(2, 0.25).model_dump_json().removeprefix('{"kind":"step","st') + "\n")
    assert losses(read, folder) == [0.5, 0.25]


def test_only_new_lines_are_read(young: RunFolder, monkeypatch) -> None:
    folder, read, parsed = young.contestant("lstm"), CurvesReader(), []

    def counting(lines: bytes) -> list[StepLine | EpochLine]:
        parsed.append(lines.count(b"\n"))
        return parse_metrics(lines)

    monkeypatch.setattr("bakeoff.serve.curves.parse_metrics", counting)
    for number in range(1, 7):
        folder.append_metrics(step(number, 1 / number))
        if number % 3 == 0:
            assert losses(read, folder) == losses(read, folder) == [1 / each for each in range(1, number + 1)]

    assert parsed == [3, 3]


@pytest.mark.parametrize("kept", [0, 2])
@pytest.mark.parametrize("loss", [0.7, 0.125])  # with lines as long as before, and longer ones
def test_a_log_that_a_resume_has_cut_is_read_anew(young: RunFolder, kept: int, loss: float) -> None:
    folder, read = young.contestant("lstm"), CurvesReader()
    sizes = [0]
    for number in range(1, 6):
        folder.append_metrics(step(number, 0.5))
        sizes.append(folder.metrics_size())
    assert losses(read, folder) == [0.5] * 5

    folder.cut_metrics(sizes[kept])
    for number in range(kept + 1, 8):
        folder.append_metrics(step(number, loss))

    assert losses(read, folder) == [0.5] * kept + [loss] * (7 - kept)


def test_who_asks_while_another_reads_gets_the_curves_too(young: RunFolder, monkeypatch) -> None:
    folder = young.contestant("lstm")
    folder.append_metrics(step(1))
    read, metrics_from = CurvesReader(), ContestantFolder.metrics_from
    reading, asked = threading.Event(), threading.Event()

    def slow(folder: ContestantFolder, begin: int) -> bytes:
        reading.set()
        asked.wait(60)
        return metrics_from(folder, begin)

    monkeypatch.setattr(ContestantFolder, "metrics_from", slow)
    with ThreadPoolExecutor(2) as others:
        first = others.submit(losses, read, folder)
        reading.wait(60)
        second = others.submit(losses, read, folder)
        asked.set()

    assert first.result() == second.result() == [0.5]


def test_a_damaged_log_is_read_once(young: RunFolder, monkeypatch) -> None:
    folder = young.contestant("lstm")
    (folder.path / "metrics.jsonl").write_text("{]\n{]\n")
    read = CurvesReader()

    assert read(folder) is None
    monkeypatch.delattr(ContestantFolder, "metrics_from")
    assert read(folder) is None


def test_a_long_training_is_told_in_few_points() -> None:
    log = TrainingLog()
    log.add(step(number, loss=number) for number in range(1, 10_001))

    found = log.curves("lstm")

    assert found is not None
    assert len(found.training) <= MOST_POINTS
    assert found.training[0].loss == pytest.approx(25.5)  # the mean of the first 50
    assert found.training[-1].tokens == 1_000_000


def test_runs_of_the_same_name_are_told_apart(sentiment: Path, tmp_path: Path) -> None:
    first, second = (copy_run(sentiment, tmp_path / parent / "run").path for parent in ("a", "b"))

    with running([first, second, first]) as client:
        assert [run["name"] for run in client.get("/v1/runs").json()["data"]] == ["run", "run-2"]


def test_what_nobody_may_read_does_not_take_the_others_down(sentiment: Path, tmp_path: Path, monkeypatch) -> None:
    bad = copy_run(sentiment, tmp_path / "bad")
    exists = Path.exists

    def refusing(path: Path) -> bool:  # as of a folder without permissions; root sees them nevertheless
        if path.is_relative_to(bad.path / "contestants"):
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path)

    monkeypatch.setattr(Path, "exists", refusing)
    with running([sentiment, bad.path]) as client:
        assert {model["run"] for model in client.get("/v1/models").json()["data"]} == {"sentiment"}
        states = [each["state"] for each in client.get("/v1/runs/bad").json()["run"]["contestants"]]
        assert states == ["failed"] * 3


def test_a_damaged_failure_and_a_report_that_is_a_link(sentiment: Path, tmp_path: Path) -> None:
    bad = copy_run(sentiment, tmp_path / "bad")
    (bad.path / "contestants" / "lstm" / "result.json").unlink()
    (bad.path / "contestants" / "lstm" / "failure.json").write_text("{]")
    bad.html_report.unlink()
    bad.html_report.symlink_to("/etc/passwd")

    with running([bad.path]) as client:
        (run,) = client.get("/v1/runs").json()["data"]
        assert [each["state"] for each in run["contestants"]] == ["finished", "finished", "failed"]
        assert run["report"] is None
        assert client.get("/runs/bad/report.html").status_code == 404
