"""/v1/files: what is taken, what is found in it, and what is refused."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import httpx
import pytest
import yaml

from bakeoff.config.load import load_config
from bakeoff.serve.limits import Limits
from bakeoff.ui.files import Files, bakeoff_name, ending
from bakeoff.ui.limits import PageLimits
from tests.ui.conftest import FakeProcesses, planned, reviews, running, upload


def test_what_is_found_in_a_file(client: httpx.Client, fake: FakeProcesses) -> None:
    file = upload(client)

    look = client.get(f"/v1/files/{file['id']}").json()["look"]

    assert look["columns"] == ["Nr", "Bewertung", "Urteil"]
    assert look["rows"][0] == ["0", "Das Frühstück war schäbig; am 1. Tag sehr schäbig", "schlecht"]
    found = look["found"]
    assert (found["text"], found["label"]) == (["Bewertung"], "Urteil")
    assert found["read_as"] == 'semicolons, quotes ", header, windows-1252'
    assert found["classes"] == {"schlecht": 40, "gut": 40}
    assert found["lengths"]["units"] == "words"
    assert found["tested"] == "all rows, each by models that learned from other rows (5 folds)"
    assert (found["english"], found["epochs"], found["metric"]) == (False, 30, "accuracy")
    assert [each["name"] for each in found["metrics"]][:2] == ["accuracy", "macro_f1"]
    assert [each["name"] for each in found["lineup"]][:2] == ["majority", "linear"]
    assert all(each["reason"] for each in found["lineup"])
    assert [words[0] for words in fake.started] == ["plan"]  # the forecast is measured at once


def test_columns_of_0_and_1_are_labels_of_which_a_text_can_have_several(client: httpx.Client) -> None:
    rows = [f"A fine line about things {row},{row & 1},{row >> 1 & 1}" for row in range(40)]
    id = upload(client, "\n".join(["text,news,war", *rows]).encode(), "a.csv")["id"]

    found = client.get(f"/v1/files/{id}").json()["look"]["found"]

    assert (found["label"], found["multilabel"]) == (["news", "war"], True)
    assert found["classes"] == {"news": 20, "war": 20}


def test_other_columns_are_looked_at_anew(client: httpx.Client, fake: FakeProcesses) -> None:
    rows = [f"{row},A fine line {row},Another {row} of them,{'ab'[row % 2]},{'xy'[row // 2 % 2]}" for row in range(40)]
    id = upload(client, "\n".join(["id,first,second,kind,side", *rows]).encode(), "a.csv")["id"]
    before = client.get(f"/v1/files/{id}").json()["look"]["found"]

    answer = client.post(f"/v1/files/{id}/choices", json={"text": ["first", "second"], "label": "side"})

    found = answer.json()["look"]["found"]
    assert (before["label"], found["label"]) == ("kind", "side")
    assert found["text"] == ["first", "second"]
    assert found["classes"] == {"x": 20, "y": 20}
    assert client.get(f"/v1/files/{id}").json()["look"]["found"] == found
    assert fake.alive == {2}  # the forecast for the other columns has been stopped


def test_what_somebody_decides_is_in_the_config(client: httpx.Client) -> None:
    id = upload(client)["id"]
    choices = {"test": 0.3, "metric": "macro_f1", "epochs": 7, "repeats": 3, "english": True}
    choices["settings"] = {"linear": {"ngrams": "words", "inverse_regularization": 3.0}, "corrector": {"dropout": 0.3}}

    names = ["majority", "linear", "corrector"]
    answer = client.post(f"/v1/files/{id}/choices", json=choices).json()
    shown = client.get(f"/v1/files/{id}/config", params={"contestant": names}).json()["yaml"]

    found = answer["look"]["found"]
    assert {name: answer["choices"][name] for name in choices} == choices
    assert (found["tested"], found["metric"], found["epochs"]) == ("30% of the rows, drawn at random", "macro_f1", 7)
    assert "transformer" in [each["name"] for each in found["lineup"]]  # an encoder for English
    config = load_config(yaml.safe_load(shown))
    assert (config.data.split.test, config.data.split.folds) == (0.3, None)
    assert (config.evaluation.metric, config.budget.epochs, config.repeats) == ("macro_f1", 7, 3)
    assert list(config.contestants) == ["majority", "linear", "corrector"]
    assert config.contestants["linear"].ngrams == "words"
    assert config.contestants["corrector"].dropout == 0.3
    assert config.contestants["corrector"].linear_part is not None
    made = client.post("/v1/bakeoffs", json={"file": id, "contestants": names}).json()
    assert client.get(f"/runs/{made['id']}/bakeoff.yaml").text == shown


def test_a_config_is_written_without_another_look(fake: FakeProcesses, tmp_path: Path) -> None:
    with running(tmp_path) as client:
        id = upload(client)["id"]
        for_two = {"url": f"/v1/files/{id}/config", "params": {"contestant": ["majority", "linear"]}}
        client.get(f"/v1/files/{id}")
        content = tmp_path / "files" / id / "content.csv"
        content.rename(tmp_path / "away.csv")
        shown = client.get(**for_two).json()["yaml"]
        made = client.post("/v1/bakeoffs", json={"file": id, "contestants": ["majority", "linear"]}).json()
        assert client.get(f"/runs/{made['id']}/bakeoff.yaml").text == shown
        (tmp_path / "away.csv").rename(content)
    with running(tmp_path) as client:  # another server, which has not looked
        assert client.get(**for_two).json()["yaml"] == shown
        client.post(f"/v1/files/{id}/choices", json={"epochs": 7})
        assert "epochs: 7" in client.get(**for_two).json()["yaml"]


def test_a_column_that_names_splits_can_be_left_alone(client: httpx.Client) -> None:
    splits = ["train", "valid", "test"]
    rows = [f"A fine line about things {row},{'ab'[row % 2]},{splits[row // 2 % 3]}" for row in range(60)]
    id = upload(client, "\n".join(["text,label,split", *rows]).encode(), "a.csv")["id"]
    before = client.get(f"/v1/files/{id}").json()["look"]["found"]

    found = client.post(f"/v1/files/{id}/choices", json={"folds": 4}).json()["look"]["found"]

    assert (before["split"], before["tested"]) == ("split", "the rows that column split names")
    assert (found["split"], found["tested"][-9:]) == (None, "(4 folds)")
    assert (found["rows"], found["classes"]) == (60, {"a": 30, "b": 30})  # each row once


def test_a_metric_needs_no_new_forecast(client: httpx.Client, fake: FakeProcesses) -> None:
    id = upload(client)["id"]
    client.get(f"/v1/files/{id}")

    client.post(f"/v1/files/{id}/choices", json={"metric": "brier"})
    client.post(f"/v1/files/{id}/choices", json={"metric": "brier", "epochs": 3})

    assert fake.of("plan") == fake.started
    assert fake.alive == {2}  # the first was stopped because other epochs take another time


def test_stars_are_an_order_and_may_be_judged_as_one(client: httpx.Client) -> None:
    rows = [f"A {'very ' * (row % 4)}fine film number {row},{row % 4 + 1}" for row in range(60)]
    id = upload(client, "\n".join(["text,stars", *rows]).encode(), "a.csv")["id"]
    offered = [each["name"] for each in client.get(f"/v1/files/{id}").json()["look"]["found"]["metrics"]]

    client.post(f"/v1/files/{id}/choices", json={"metric": "mean_absolute_error"})
    shown = client.get(f"/v1/files/{id}/config", params={"contestant": "linear"}).json()["yaml"]

    assert "cost" not in offered
    assert {"mean_absolute_error", "quadratic_kappa", "top_3_accuracy"} <= set(offered)
    assert load_config(yaml.safe_load(shown)).evaluation.labels == "ordered"


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"test": 0.3, "folds": 5}, "exclude each other"),
        ({"test": 0.9}, "less than or equal to 0.5"),
        ({"metric": "no"}, "must be one of cost, accuracy"),
        ({"epochs": 0}, "greater than or equal to 1"),
        ({"model": "gpt2"}, "Extra inputs are not permitted"),
        ({"seed": 3}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_decided(client: httpx.Client, choices: dict, message: str) -> None:
    answer = client.post(f"/v1/files/{upload(client)['id']}/choices", json=choices)

    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


def test_a_metric_that_does_not_fit_is_a_sentence(client: httpx.Client) -> None:
    id = upload(client)["id"]

    for metric in ("samples_f1", "cost", "quadratic_kappa"):
        look = client.post(f"/v1/files/{id}/choices", json={"metric": metric}).json()["look"]
        assert look["found"] is None
        assert look["problem"]["message"].endswith(" cannot decide the verdict on these labels.")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"linear": {"ngrams": "letters"}}, "linear.ngrams cannot be 'letters': it is one of words, characters, both."),
        ({"linear": {"max_ngram": 9}}, "linear.max_ngram cannot be 9: it is a whole number from 1 to 3."),
        ({"linear": {"max_ngram": 1.5}}, "linear.max_ngram cannot be 1.5: it is a whole number from 1 to 3."),
        ({"linear": {"naive_bayes": 1}}, "linear.naive_bayes cannot be 1: it is one of True, False."),
        ({"linear": {"method": "estimator"}}, "linear.method cannot be set on this page."),
        ({"prompt": {"base_url": "http://example.com"}}, "prompt.base_url cannot be set on this page."),
    ],
)
def test_settings_that_are_not_offered(client: httpx.Client, settings: dict, message: str) -> None:
    id = upload(client)["id"]

    look = client.post(f"/v1/files/{id}/choices", json={"settings": settings}).json()["look"]

    assert (look["found"], look["problem"]["message"]) == (None, message)


def test_settings_of_a_contestant_that_is_no_longer_offered_wait(client: httpx.Client) -> None:
    id = upload(client)["id"]
    settings = {"embedding": {"pooling": "first"}, "linear": {"max_ngram": 2}}
    client.post(f"/v1/files/{id}/choices", json={"english": True, "settings": settings})

    other = client.post(f"/v1/files/{id}/choices", json={"english": False, "settings": settings}).json()
    shown = client.get(f"/v1/files/{id}/config", params={"contestant": ["linear"]}).json()["yaml"]

    assert "embedding" not in [each["name"] for each in other["look"]["found"]["lineup"]]
    assert other["choices"]["settings"] == settings
    assert load_config(yaml.safe_load(shown)).contestants["linear"].max_ngram == 2


def test_a_removed_file_is_gone_and_its_number_is_not_given_again(
    client: httpx.Client, tmp_path: Path, fake: FakeProcesses
) -> None:
    id = upload(client)["id"]
    client.get(f"/v1/files/{id}")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.csv").write_text("a")
    folder = tmp_path / "home" / "files" / id
    (folder / "link").symlink_to(outside)

    assert client.delete(f"/v1/files/{id}").status_code == 204

    assert client.get("/v1/files").json()["data"] == []
    assert client.delete(f"/v1/files/{id}").status_code == 404
    assert list(folder.iterdir()) == []
    assert (outside / "kept.csv").exists()
    assert fake.alive == set()  # its forecast
    assert upload(client)["id"] == str(int(id) + 1)


@pytest.mark.parametrize("linked", ["files", "files/1"])
def test_what_lies_elsewhere_is_not_removed(client: httpx.Client, tmp_path: Path, linked: str) -> None:
    id = upload(client)["id"]
    path = tmp_path / "home" / linked
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    answer = client.delete(f"/v1/files/{id}")

    assert answer.status_code == 500
    assert "is a link" in answer.json()["error"]["message"]
    assert client.get("/v1/files").json()["data"][0]["id"] == id


def test_a_file_that_is_needed_stays(client: httpx.Client) -> None:
    id = upload(client)["id"]
    made = client.post("/v1/bakeoffs", json={"file": id, "contestants": ["linear"]}).json()

    assert client.delete(f"/v1/files/{id}").status_code == 409
    client.post(f"/v1/bakeoffs/{made['id']}/stop")
    assert client.delete(f"/v1/files/{id}").status_code == 204
    assert client.get(f"/v1/bakeoffs/{made['id']}").json()["file"] is None


def test_a_wrong_column_is_a_sentence_and_the_rows_stay(client: httpx.Client, tmp_path: Path) -> None:
    id = upload(client)["id"]

    look = client.post(f"/v1/files/{id}/choices", json={"text": ["Bewertung"], "label": "Nr"}).json()["look"]

    assert look["found"] is None
    assert len(look["rows"]) == 6
    assert look["problem"]["message"].startswith("Column 'Nr' of Bewertungen.csv has 80 different values")
    assert look["problem"]["hint"] == "If other columns hold the text and the label, choose them in the table."
    assert str(tmp_path) not in str(look)


@pytest.mark.parametrize(("name", "pack"), [("notes.txt", bytes), ("notes.txt.gz", gzip.compress)])
def test_a_text_is_for_language_models_and_has_no_columns(client: httpx.Client, name: str, pack) -> None:
    id = upload(client, pack("Die Straße war süß.\n".encode("cp1252") * 60), name)["id"]

    look = client.get(f"/v1/files/{id}").json()["look"]

    assert look["lines"]
    assert look["rows"][0] == ["Die Straße war süß."]
    assert look["found"]["task"] == "language-model"
    assert [each["name"] for each in look["found"]["lineup"]] == ["pretrained", "full", "lora"]


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/passwd.csv", ".csv"),
        ("C:\\files\\Übersicht März.CSV", ".csv"),
        ("a.jsonl.gz", ".jsonl.gz"),
        ("a.zip", ".zip"),
        ("a.xlsx", ".xlsx"),
        ("notes.txt", ".txt"),
        ("script.py", None),
        ("csv", None),
        ("a.csv/../b.sh", None),
    ],
)
def test_names_of_clients_are_never_paths(name: str, stored: str | None) -> None:
    assert ending(name) == stored


def test_a_name_is_shown_without_its_folders(client: httpx.Client, tmp_path: Path) -> None:
    file = upload(client, name="../../../outside/\x1b[31m<b>.csv")

    assert file["name"] == "�[31m<b>.csv"
    assert sorted(path.name for path in (tmp_path / "home" / "files" / file["id"]).iterdir()) == [
        "about.json",
        "content.csv",
    ]
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("name", ["a.exe", "model.safetensors", "noending"])
def test_files_of_other_kinds_are_refused(client: httpx.Client, name: str) -> None:
    answer = client.post("/v1/files", params={"name": name}, content=b"x")

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(f"Files like {name} cannot be read. These can: .csv, ")


def test_an_empty_file_leaves_nothing_behind(client: httpx.Client, tmp_path: Path) -> None:
    answer = client.post("/v1/files", params={"name": "a.csv"}, content=b"")

    assert answer.status_code == 400
    assert list((tmp_path / "home" / "files").iterdir()) == []


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_that_is_too_large(tmp_path: Path, announced: bool) -> None:
    def chunks():
        for _ in range(30):
            yield b"x" * 100

    content = b"x" * 3000 if announced else chunks()
    with running(tmp_path, limits=PageLimits(uploads=Limits(body_bytes=2000))) as client:
        answer = client.post("/v1/files", params={"name": "a.csv"}, content=content)
        small = client.post("/v1/bakeoffs", content=b" " * 1_500_000)

    assert answer.status_code == 413
    assert "2,000 bytes" in answer.json()["error"]["message"]
    assert small.status_code == 413  # other requests keep their own limit
    assert list(Files(tmp_path / "files")) == []


def test_a_small_file_that_unpacks_to_a_large_one(tmp_path: Path, fake: FakeProcesses) -> None:
    large = reviews(20_000)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a.csv", large)

    with running(tmp_path, limits=PageLimits(unpacked_bytes=100_000)) as client:
        for name, content in {"a.csv.gz": gzip.compress(large), "a.zip": archive.getvalue()}.items():
            look = client.get(f"/v1/files/{upload(client, content, name)['id']}").json()["look"]
            assert look["problem"]["message"] == f"{name} holds more than 100,000 bytes once it is unpacked."
            assert look["rows"] == []


def test_what_another_version_wrote_is_looked_at_anew(client: httpx.Client, tmp_path: Path) -> None:
    first, second = upload(client)["id"], upload(client)["id"]
    look = client.get(f"/v1/files/{first}").json()
    files = tmp_path / "home" / "files"
    (files / first / "look.json").write_text('{"columns": []}')
    (files / second / "about.json").write_text('{"name": "from the future"}')

    assert client.get(f"/v1/files/{first}").json() == look
    assert [file["id"] for file in client.get("/v1/files").json()["data"]] == [first]


def test_too_many_rows(tmp_path: Path, fake: FakeProcesses) -> None:
    with running(tmp_path, limits=PageLimits(rows=50)) as client:
        look = client.get(f"/v1/files/{upload(client)['id']}").json()["look"]

    assert look["problem"]["message"] == "Bewertungen.csv has 80 rows; this page takes 50."
    assert len(look["rows"]) == 6


def test_a_forecast_and_who_is_within_the_time(client: httpx.Client, fake: FakeProcesses, tmp_path: Path) -> None:
    id = upload(client)["id"]
    assert client.get(f"/v1/files/{id}/forecast").json()["state"] == "none"
    client.get(f"/v1/files/{id}")
    assert client.get(f"/v1/files/{id}/forecast").json()["state"] == "measuring"
    seconds = {"majority": 1.0, "linear": 20.0, "corrector": 300.0, "ensemble": 10.0}
    (tmp_path / "home" / "files" / id / "plan.json").write_text(planned(seconds).model_dump_json())
    fake.alive.clear()

    forecast = client.get(f"/v1/files/{id}/forecast", params={"minutes": 1}).json()

    assert forecast["state"] == "ready"
    assert forecast["seconds"] == seconds
    assert forecast["reading_seconds"] == 2.0
    assert forecast["chosen"] == ["majority", "linear"]  # which are no ensemble
    assert client.get(f"/v1/files/{id}/forecast", params={"minutes": 10}).json()["chosen"] == list(seconds)


def test_who_is_within_the_time_is_not_known_during_a_look(
    client: httpx.Client, fake: FakeProcesses, tmp_path: Path
) -> None:
    id = upload(client)["id"]
    client.get(f"/v1/files/{id}")
    folder = tmp_path / "home" / "files" / id
    (folder / "plan.json").write_text(planned({"majority": 1.0, "linear": 20.0}).model_dump_json())
    fake.alive.clear()
    (folder / "look.json").unlink()  # as another metric does, for which nothing is measured again

    forecast = client.get(f"/v1/files/{id}/forecast", params={"minutes": 1}).json()

    assert (forecast["state"], forecast["chosen"]) == ("ready", None)


def test_a_forecast_that_fails_says_why(client: httpx.Client, fake: FakeProcesses, tmp_path: Path) -> None:
    id = upload(client)["id"]
    client.get(f"/v1/files/{id}")
    folder = tmp_path / "home" / "files" / id
    (folder / "plan.txt").write_text(f"noise\nError: The model of {folder}/content.csv is not installed.\nInstall it.")
    fake.alive.clear()

    forecast = client.get(f"/v1/files/{id}/forecast").json()
    again = client.post(f"/v1/files/{id}/forecast").json()

    assert forecast["state"] == "failed"
    assert forecast["problem"] == {"message": "The model of Bewertungen.csv is not installed.", "hint": "Install it."}
    assert again["state"] == "measuring"


@pytest.mark.parametrize("path", ["/v1/files/9", "/v1/files/0", "/v1/files/..", "/v1/files/1%2f..", "/v1/bakeoffs/x"])
def test_what_is_not_there(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code in (400, 404)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a/b: c.csv", "name: b c\n"), ("..csv", "name: texts\n"), ("Übung 1.tar.csv", "name: Übung 1\n")],
)
def test_the_name_of_a_bake_off_names_no_folder_elsewhere(name: str, expected: str) -> None:
    assert bakeoff_name(name) == expected
