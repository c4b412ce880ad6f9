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
    files = written(tmp_path / "a", weights="1", empty="")
    store.push("trainings/1", lambda: files)
    assert store.pull("trainings/1", tmp_path / "b")

    assert found(tmp_path / "b") == {"model/weights": "1", "model/empty": ""}


def test_a_unit_that_nobody_pushed_is_empty(store, tmp_path):
    assert not store.pull("trainings/1", tmp_path / "b")
    assert store.index("trainings/1") == {}


def test_what_is_the_same_is_not_sent_again_and_what_is_old_is_removed(store, tmp_path, monkeypatch):
    before = written(tmp_path / "a", weights="1", state="1")
    store.push("x", lambda: before)
    sent: list[str] = []
    put = store._store.put_file
    monkeypatch.setattr(store._store, "put_file", lambda file, to: (sent.append(Path(file).name), put(file, to)))

    now = written(tmp_path / "a", weights="2", state="1")
    store.push("x", lambda: now)

    assert sent == ["weights"]
    assert len(store._objects("x")) == 3  # two files and the index
    store.pull("x", tmp_path / "b")
    assert found(tmp_path / "b") == {"model/weights": "2", "model/state": "1"}


def in_folder(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def test_a_checkpoint_that_changes_meanwhile_is_never_mixed(store, tmp_path, monkeypatch):
    """Nor does it lack a file that it has now, or name one that is gone."""
    written(tmp_path / "a", state="1", weights="1")
    put = store._store.put_file
    replaced = iter([True])

    def replace_meanwhile(*arguments: str) -> None:
        put(*arguments)
        if next(replaced, False):
            (tmp_path / "a" / "weights").unlink()
            written(tmp_path / "a", state="22", shard="22")

    monkeypatch.setattr(store._store, "put_file", replace_meanwhile)
    store.push("x", lambda: in_folder(tmp_path / "a"))

    store.pull("x", tmp_path / "b")
    assert found(tmp_path / "b") == {"state": "22", "shard": "22"}


@pytest.mark.parametrize("name", ["contestants/lstm/metrics.jsonl", "contestants/lstm/tracking/events"])
def test_a_log_or_a_trackers_file_may_change_while_it_is_sent(store, tmp_path, monkeypatch, name):
    (tmp_path / "a" / name).parent.mkdir(parents=True)
    (tmp_path / "a" / name).write_text("1\n")
    pipe = store._store.pipe_file

    def change(*arguments: object) -> None:
        pipe(*arguments)
        with (tmp_path / "a" / name).open("a") as file:
            file.write("2\n")

    monkeypatch.setattr(store._store, "pipe_file", change)
    store.push("x", lambda: in_folder(tmp_path / "a"))
    monkeypatch.undo()

    store.pull("x", tmp_path / "b")
    assert found(tmp_path / "b") == {name: "1\n"}


def test_a_contestant_of_any_name_is_no_tracker():
    assert exchange._changes_at_any_time("contestants/lstm/repeat-2/tracking/wandb/run")
    assert not exchange._changes_at_any_time("contestants/tracking/checkpoint/state")


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
    file = written(tmp_path / "a", it="1")["model/it"]
    store.push("x", lambda: {name: file})

    with pytest.raises(UserError, match="is no name of a file"):
        store.pull("x", tmp_path / "b" / "c")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("url", ["nothing://bucket/x", "s3"])
def test_a_storage_that_cannot_be_used_is_one_sentence(url, tmp_path):
    files = written(tmp_path / "a", it="1")

    with pytest.raises(UserError, match=r"--storage"):
        Exchange(url).push("x", lambda: files)
