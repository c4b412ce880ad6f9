"""Who may use the page's API, and that no request breaks it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import schemathesis

from bakeoff.errors import UserError
from bakeoff.ui.folders import locked, new_numbered, numbered
from tests.command import refused
from tests.serve.test_schema import send_many
from tests.ui.conftest import FakeProcesses, running, upload

TOKEN = "a long and secret token"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_pages_of_other_sites_can_change_nothing(client: httpx.Client, tmp_path: Path, origin: str) -> None:
    for path in ("/v1/files?name=a.csv", "/v1/bakeoffs", "/v1/bakeoffs/1/stop", "/v1/classify"):
        assert client.post(path, content=b"a,b", headers={"Origin": origin}).status_code == 403
    for path in ("/v1/files/1", "/v1/bakeoffs/1"):
        assert client.delete(path, headers={"Origin": origin}).status_code == 403
    assert numbered(tmp_path / "home" / "files") == []


def test_its_own_page_can(client: httpx.Client) -> None:
    own = str(client.base_url).rstrip("/")

    answer = client.post("/v1/files", params={"name": "a.csv"}, content=b"a,b", headers={"Origin": own})

    assert answer.status_code == 201


def test_other_names_of_this_machine_are_refused(client: httpx.Client) -> None:
    assert client.get("/v1/files", headers={"Host": "evil.example"}).status_code == 400


def test_the_token(tmp_path: Path, fake: FakeProcesses) -> None:
    with running(tmp_path, token=TOKEN) as client:
        for path in ("/v1/files", "/v1/bakeoffs", "/runs/1/winner.zip", "/runs/1/bakeoff.yaml"):
            assert client.get(path).status_code == 401
        assert client.post("/v1/files", params={"name": "a.csv"}, content=b"a").status_code == 401
        assert client.delete("/v1/files/1").status_code == 401
        assert client.get("/").status_code == client.get("/static/ui/app.js").status_code == 200
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        upload(client)
        assert len(client.get("/v1/files").json()["data"]) == 1


def test_no_request_breaks_the_server(client: httpx.Client) -> None:
    upload(client)
    schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    operations = [each.ok() for each in schema.get_all_operations()]
    ours = [each for each in operations if each.path.startswith(("/v1/files", "/v1/bakeoffs"))]
    assert len(ours) >= 10

    for operation in ours:
        send_many(operation, examples=4)


def test_folders_are_numbered_and_never_taken_twice(tmp_path: Path) -> None:
    made = [new_numbered(tmp_path).name for _ in range(11)]
    (tmp_path / "else").mkdir()

    assert made == [str(number) for number in range(1, 12)]
    assert [path.name for path in numbered(tmp_path)] == made


def test_a_second_server_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UserError, match="Another `bakeoff ui` works in"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_the_command_refuses_what_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert "could not be written" in refused("ui", "--folder", tmp_path / "file" / "folder")
    assert "The token is empty" in refused("ui", "--folder", tmp_path / "home", "--token", "")
    assert "The token must consist of ASCII" in refused("ui", "--folder", tmp_path / "home", "--token", "two words")
