"""/v1/bakeoffs: turns, stops, failures, and what can be downloaded."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import bakeoff
from bakeoff.cli.outcome import resumable_progress
from bakeoff.config.load import load_config
from bakeoff.errors import NotEnoughMemoryError, UserError
from bakeoff.runs.folder import RunFolder
from bakeoff.ui.bakeoffs import Bakeoffs
from bakeoff.ui.files import Files
from tests.serve.servers import measured
from tests.ui.conftest import FakeProcesses, running, upload

NAMES = ["majority", "linear"]


def begin(client: httpx.Client, file: str, contestants: list[str] | None = None) -> dict[str, Any]:
    answer = client.post("/v1/bakeoffs", json={"file": file, "contestants": contestants or NAMES})
    assert answer.status_code == 201, answer.text
    return answer.json()


def state(client: httpx.Client, id: str) -> str:
    return client.get(f"/v1/bakeoffs/{id}").json()["state"]


def tended(client: httpx.Client, id: str) -> str:
    """The state after the server has looked whose turn it is, which any stop or resume makes it do."""
    client.post(f"/v1/bakeoffs/{id}/resume")
    return state(client, id)


def test_a_bake_off_is_a_command_with_a_config_of_its_own(
    client: httpx.Client, fake: FakeProcesses, tmp_path: Path
) -> None:
    file = upload(client)["id"]

    made = begin(client, file)

    home = tmp_path / "home"
    folder = home / "runs" / made["id"]
    assert made["state"] == "running"
    assert made["run"] is None
    assert fake.of("run") == [["run", str(folder / "bakeoff.yaml"), "-o", str(folder / "run")]]
    assert made["command"] == f"bakeoff run {folder / 'bakeoff.yaml'} -o again"
    config = load_config(folder / "bakeoff.yaml")
    assert list(config.contestants) == NAMES
    assert config.data.table == str(home / "files" / file / "content.csv")
    assert config.name == "Bewertungen"
    downloaded = client.get(f"/runs/{made['id']}/bakeoff.yaml")
    assert downloaded.text == (folder / "bakeoff.yaml").read_text()
    assert "attachment" in downloaded.headers["content-disposition"]
    assert fake.alive == {2}  # the forecast, which would take time from the contestants, has been stopped


def test_a_text_is_for_language_models(client: httpx.Client, tmp_path: Path) -> None:
    file = upload(client, b"The river flows on and on.\n" * 90, "river.txt")["id"]

    made = begin(client, file, ["pretrained", "lora"])

    config = load_config(tmp_path / "home" / "runs" / made["id"] / "bakeoff.yaml")
    assert (config.task, list(config.contestants)) == ("language-model", ["pretrained", "lora"])


def test_an_ensemble_is_made_of_those_who_were_chosen(client: httpx.Client, tmp_path: Path) -> None:
    made = begin(client, upload(client)["id"], ["linear", "corrector", "ensemble"])

    values = yaml.safe_load((tmp_path / "home" / "runs" / made["id"] / "bakeoff.yaml").read_text())

    assert values["contestants"]["ensemble"] == {"members": ["linear", "corrector"]}


@pytest.mark.parametrize(
    ("names", "said"),
    [(["ensemble"], "none was chosen"), (["majority", "linear", "ensemble"], "only linear was chosen")],
)
def test_an_ensemble_of_too_few_is_refused(
    client: httpx.Client, fake: FakeProcesses, tmp_path: Path, names: list[str], said: str
) -> None:
    file = upload(client)["id"]

    answer = client.post("/v1/bakeoffs", json={"file": file, "contestants": names})

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        f"Choose more contestants: ensemble is made of others that learn, and of those {said}."
    )
    assert client.get(f"/v1/files/{file}/config", params={"contestant": names}).status_code == 400
    assert fake.of("run") == []
    assert not list((tmp_path / "home").glob("runs/*"))


@pytest.mark.parametrize(
    "asked",
    [
        {"contestants": ["estimator"]},
        {"contestants": ["predictions"]},
        {"contestants": ["prompt"]},
        {"contestants": ["https://example.com/v1"]},
        {"contestants": {"linear": {"base_url": "http://example.com"}}},
        {"contestants": [{"method": "estimator", "estimator": "os.system"}]},
        {"contestants": ["linear"], "base_url": "http://example.com"},
        {"contestants": ["linear"], "model": "gpt2"},
        {"contestants": ["linear"], "data": {"table": "/etc/passwd"}},
        {"contestants": ["linear"], "file": "../1"},
        {"contestants": []},
    ],
)
def test_only_contestants_that_were_proposed_can_be_asked_for(
    client: httpx.Client, fake: FakeProcesses, asked: dict[str, Any]
) -> None:
    file = upload(client)["id"]

    answer = client.post("/v1/bakeoffs", json={"file": file, **asked})

    assert answer.status_code in (400, 404)
    assert fake.of("run") == []


def test_bake_offs_take_turns(client: httpx.Client, fake: FakeProcesses) -> None:
    file = upload(client)["id"]
    first, second, third = (begin(client, file) for _ in range(3))

    assert [first["state"], second["state"], third["state"]] == ["running", "waiting", "waiting"]
    assert [client.get(f"/v1/bakeoffs/{each['id']}").json()["ahead"] for each in (first, second, third)] == [0, 1, 2]
    client.post(f"/v1/bakeoffs/{second['id']}/stop")
    assert state(client, second["id"]) == "stopped"
    client.post(f"/v1/bakeoffs/{first['id']}/stop")
    assert tended(client, third["id"]) == "running"
    assert tended(client, second["id"]) == "waiting"


def test_who_is_stopped_goes_on_with_what_was_learned(
    client: httpx.Client, fake: FakeProcesses, tmp_path: Path
) -> None:
    made = begin(client, upload(client)["id"])
    client.post(f"/v1/bakeoffs/{made['id']}/stop")
    stopped = client.get(f"/v1/bakeoffs/{made['id']}").json()
    run = tmp_path / "home" / "runs" / made["id"] / "run"
    run.mkdir()
    (run / "bakeoff.yaml").write_text("task: classification\n")  # the process had begun

    client.post(f"/v1/bakeoffs/{made['id']}/resume")

    assert (stopped["state"], stopped["can_resume"]) == ("stopped", True)
    assert fake.started[-1] == ["resume", str(run)]


def test_the_state_is_on_the_disk(fake: FakeProcesses, tmp_path: Path) -> None:
    with running(tmp_path) as client:
        file = upload(client)["id"]
        first, second = begin(client, file), begin(client, file)
    with running(tmp_path) as client:  # another server
        assert [state(client, each["id"]) for each in (first, second)] == ["running", "waiting"]
        fake.alive.clear()  # as after a restart of the machine
        failed = client.get(f"/v1/bakeoffs/{first['id']}").json()
        assert failed["state"] == "failed"
        assert failed["problem"]["message"].startswith("Its process ended without an error message")
        assert failed["can_resume"]
        client.post(f"/v1/bakeoffs/{first['id']}/resume")
        assert {state(client, each["id"]) for each in (first, second)} == {"running", "waiting"}


def test_a_failure_is_told_in_the_words_of_the_command(
    client: httpx.Client, fake: FakeProcesses, tmp_path: Path
) -> None:
    made = begin(client, upload(client)["id"])
    folder = tmp_path / "home" / "runs" / made["id"]
    (folder / "output.txt").write_text(f"[1/2] linear\nError: The disk is full: {folder}/run.\nFree some space.\x1b[0m")
    fake.alive.clear()

    problem = client.get(f"/v1/bakeoffs/{made['id']}").json()["problem"]

    assert problem == {"message": "The disk is full: The run.", "hint": "Free some space.[0m"}


def test_advice_stays_where_the_command_beside_it_is_left_out(
    client: httpx.Client, fake: FakeProcesses, tmp_path: Path
) -> None:
    made = begin(client, upload(client)["id"])
    RunFolder(tmp_path / "run").write_config_file({})
    with pytest.raises(UserError, match="Resume with: bakeoff resume") as failure, resumable_progress(tmp_path / "run"):
        raise NotEnoughMemoryError("There is not enough memory.", "Close other programs.")
    (tmp_path / "home" / "runs" / made["id"] / "output.txt").write_text(f"Error: {failure.value}")
    fake.alive.clear()

    problem = client.get(f"/v1/bakeoffs/{made['id']}").json()["problem"]

    assert problem == {"message": "There is not enough memory.", "hint": "Close other programs."}


@pytest.fixture
def done(finished: Path, tmp_path: Path, fake: FakeProcesses):
    with running(Path(shutil.copytree(finished, tmp_path / "done"))) as client:
        yield client


def test_a_finished_one(done: httpx.Client) -> None:
    view = done.get("/v1/bakeoffs/1").json()

    assert view["state"] == "finished"
    assert view["file"] is None  # the file is not there any more
    assert view["share"] == 1
    assert view["winner"] == "linear"
    assert [each["state"] for each in view["run"]["contestants"]] == ["finished", "finished"]
    assert done.get(view["run"]["report"]).text.startswith("<!DOCTYPE html>")
    assert done.get("/v1/models").json()["data"][1]["id"] == "1/linear"


def test_curves_of_a_finished_one_are_not_read(done: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("bakeoff.ui.bakeoff_routes.curves_of")

    assert done.get("/v1/bakeoffs/1").json()["curves"] == []


def test_a_verdict_is_not_read_whenever_turns_are_taken(
    finished: Path, fake: FakeProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    bakeoffs = Bakeoffs(finished / "runs", Files(finished / "files"))
    bakeoffs.tend()
    monkeypatch.delattr(RunFolder, "verdict")

    bakeoffs.tend()

    assert [bakeoff.state(bakeoff.record) for bakeoff in bakeoffs.all()] == ["finished"]


def test_its_contestants_answer(done: httpx.Client) -> None:
    asked = {"texts": ["Das Frühstück war wunderbar"], "models": ["1/linear"]}

    (answer,) = done.post("/v1/classify", json=asked).json()["data"]

    assert answer["predictions"][0]["label"] == "gut"


def test_the_winner_can_be_taken_along(done: httpx.Client, finished: Path, tmp_path: Path) -> None:
    answer = done.get("/runs/1/winner.zip")
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path / "taken")

    text = "Das Frühstück war trüb"
    (taken,) = bakeoff.load_classifier(tmp_path / "taken" / "linear").predict([text])
    (kept,) = bakeoff.load_classifier(finished / "runs" / "1" / "run", contestant="linear").predict([text])
    assert answer.headers["content-disposition"] == 'attachment; filename="linear.zip"'
    assert taken == kept


def test_a_removed_one_is_gone(done: httpx.Client, tmp_path: Path) -> None:
    assert done.delete("/v1/bakeoffs/1").status_code == 204

    assert done.get("/v1/bakeoffs").json()["data"] == []
    assert done.get("/v1/models").json()["data"] == []
    assert done.get("/runs/1/report.html").status_code == 404
    assert list((tmp_path / "done" / "runs" / "1").iterdir()) == []
    assert begin(done, upload(done)["id"])["id"] == "2"


def test_only_what_does_not_run_can_be_removed(client: httpx.Client) -> None:
    file = upload(client)["id"]
    running, waiting = begin(client, file), begin(client, file)

    assert client.delete(f"/v1/bakeoffs/{running['id']}").status_code == 409
    assert client.delete(f"/v1/bakeoffs/{waiting['id']}").status_code == 204
    assert [each["id"] for each in client.get("/v1/bakeoffs").json()["data"]] == [running["id"]]


def test_models_of_a_removed_one_leave_the_memory(finished: Path, tmp_path: Path, fake: FakeProcesses) -> None:
    home = shutil.copytree(finished, tmp_path / "home")
    shutil.copytree(home / "runs" / "1", home / "runs" / "11")
    with running(home) as client:
        for models in (["1/linear", "1/majority"], ["11/linear"]):
            assert client.post("/v1/classify", json={"texts": ["süß"], "models": models}).status_code == 200
        assert measured(client, "bakeoff_loaded_models") == 3

        assert client.delete("/v1/bakeoffs/1").status_code == 204

        assert measured(client, "bakeoff_loaded_models") == 1


def test_an_unfinished_one_has_no_winner(client: httpx.Client) -> None:
    made = begin(client, upload(client)["id"])

    assert client.get(f"/runs/{made['id']}/winner.zip").status_code == 404
    assert client.get(f"/runs/{made['id']}/report.html").status_code == 404
