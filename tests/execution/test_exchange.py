"""Files that go from one machine to another through a storage arrive as they were at one moment."""

from __future__ import annotations

import time
from pathlib import Path

import fsspec
import pytest

from bakeoff.errors import UserError
from bakeoff.execution import exchange
from bakeoff.execution.exchange import Exchange


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Exchange:
    if request.param == "file":
        return Exchange((tmp_path / "store").as_uri())
    fsspec.filesystem("memory").store.clear()
    return Exchange("memory://bucket/runs")


def written(folder: Path, **contents: str) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(content)
    return {f"model/{name}": folder / name for name in contents}


def found(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_files_come_out_as_they_went_in(store, tmp_path):
    store.push("trainings/1", written(tmp_path / "a", weights="1", empty=""))
    assert store.pull("trainings/1", tmp_path / "b")

    assert found(tmp_path / "b") == {"model/weights": "1", "model/empty": ""}


def test_a_unit_that_nobody_pushed_is_empty(store, tmp_path):
    assert not store.pull("trainings/1", tmp_path / "b")
    assert store.index("trainings/1") == {}


def test_what_is_the_same_is_not_sent_again_and_what_is_old_is_removed(store, tmp_path, monkeypatch):
    store.push("x", written(tmp_path / "a", weights="1", state="1"))
    sent: list[str] = []
    send = Exchange._send
    monkeypatch.setattr(Exchange, "_send", lambda self, file, *rest: (sent.append(file.name), send(self, file, *rest)))

    store.push("x", written(tmp_path / "a", weights="2", state="1"))

    assert sent == ["weights"]
    assert len(store._objects("x")) == 3  # two files and the index
    store.pull("x", tmp_path / "b")
    assert found(tmp_path / "b") == {"model/weights": "2", "model/state": "1"}


def test_a_checkpoint_that_changes_meanwhile_is_never_mixed(store, tmp_path, monkeypatch):
    files = written(tmp_path / "a", state="1", weights="1")
    send = Exchange._send
    replaced = iter([True])

    def replace_meanwhile(self: Exchange, *arguments: object) -> None:
        send(self, *arguments)
        if next(replaced, False):
            written(tmp_path / "a", state="22", weights="22")

    monkeypatch.setattr(Exchange, "_send", replace_meanwhile)
    store.push("x", files)

    store.pull("x", tmp_path / "b")
    assert found(tmp_path / "b") == {"model/state": "22", "model/weights": "22"}


def test_a_log_may_grow_while_it_is_sent(store, tmp_path, monkeypatch):
    log = tmp_path / "metrics.jsonl"
    log.write_text("1\n")
    digest = exchange.digest_of

    def grow(path: Path, size: int) -> str:
        found = digest(path, size)
        with log.open("a") as file:
            file.write("2\n")
        return found

    monkeypatch.setattr(exchange, "digest_of", grow)
    store.push("x", {"metrics.jsonl": log})
    monkeypatch.undo()

    store.pull("x", tmp_path / "b")
    assert found(tmp_path / "b") == {"metrics.jsonl": "1\n"}


def test_what_a_training_writes_is_pushed_while_it_runs_and_when_it_fails(store, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "PUSH_SECONDS", 0.01)

    def now() -> dict[str, Path]:
        return {path.name: path for path in (tmp_path / "a").glob("*")}

    def push_and_fail() -> None:
        with store.pushing("x", now):
            written(tmp_path / "a", checkpoint="1")
            while "checkpoint" not in store.index("x"):
                time.sleep(0.01)
            written(tmp_path / "a", last="2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push_and_fail()
    assert set(store.index("x")) == {"checkpoint", "last"}


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "..\\outside", ""])
def test_a_name_never_leads_out_of_the_folder(store, tmp_path, name):
    store.push("x", {name: written(tmp_path / "a", it="1")["model/it"]})

    with pytest.raises(UserError, match="is no name of a file"):
        store.pull("x", tmp_path / "b" / "c")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("url", ["nothing://bucket/x", "s3"])
def test_a_storage_that_cannot_be_used_is_one_sentence(url, tmp_path):
    with pytest.raises(UserError, match=r"--storage"):
        Exchange(url).push("x", written(Path(tmp_path / "a"), it="1"))
