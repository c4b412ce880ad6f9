"""Uploading a contestant to a hub on this machine."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import transformers
from huggingface_hub import ModelCard

import bakeoff as library
from tests.command import bakeoff, refused
from tests.fake_hub import TOKEN, FakeHub
from tests.methods.small_transformers import model_folder


@pytest.fixture
def hub(monkeypatch) -> Iterator[FakeHub]:
    hub = FakeHub()
    threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield hub
    hub.shutdown()
    hub.server_close()


@pytest.fixture(scope="module")
def untuned_run(tmp_path_factory) -> Path:
    """Contestants on pretrained networks that stay as they are."""
    folder = tmp_path_factory.mktemp("untuned")
    (folder / "texts.jsonl").write_text(
        "".join(json.dumps({"text": f"{word} {number}", "label": label}) + "\n"
                for number in range(12) for word, label in (("fine", "good"), ("dull", "bad")))
    )  # fmt: skip
    config = {
        "task": "classification",
        "data": {"table": str(folder / "texts.jsonl")},
        "budget": {"epochs": 1},
        "contestants": {
            "linear": {},
            "nearest": {"method": "prompt", "model": "stories260k", "examples": 1, "choose": "nearest"},
            "both": {"method": "ensemble", "members": ["linear", "nearest"]},
            "embedding": {"model": str(model_folder(folder / "bert", "bert")), "precision": "fp32"},
        },
        "evaluation": {"resamples": 50},
    }
    return Path(library.run(config, folder / "run").folder)


def downloaded(hub: FakeHub, repository: str, folder: Path) -> Path:
    for name, content in hub.files[repository].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_what_is_listed_is_what_arrives_and_it_is_private(hub, sentiment_run, tmp_path):
    typed = bakeoff("push", sentiment_run, "ada/films", "--contestant", "linear", stdin="y\n")

    assert typed.code == 0, typed.err
    assert f"To {hub.url}/ada/films (private, new), as ada:" in typed.out
    assert f"Uploaded: {hub.url}/ada/films/commit/1" in typed.out
    assert hub.private == {"ada/films": True}
    listed = re.findall(r"^  (\S+)  +\d", typed.out, re.MULTILINE)
    assert sorted(listed) == sorted(hub.files["ada/films"])
    assert {"README.md", "classifier.json", "figures/intervals.png"} <= set(listed)
    folder = downloaded(hub, "ada/films", tmp_path)
    text = "A fine film"
    expected = library.load_classifier(sentiment_run, contestant="linear").predict([text])[0]
    assert library.load_classifier(folder).predict([text])[0].probabilities == expected.probabilities
    card = ModelCard.load(folder / "README.md")
    assert 'load_classifier(snapshot_download("ada/films"))' in card.text
    assert "](figures/intervals.png)" in card.text


def test_an_adapter_on_a_model_that_is_not_on_the_hub_is_merged(hub, language_model_run, tmp_path):
    typed = bakeoff("push", language_model_run, "ada/stories", "--contestant", "lora", "--public", "--yes")

    assert typed.code == 0, typed.err
    assert "(public, new)" in typed.out
    assert "The adapter was merged into its model" in typed.out
    assert hub.private == {"ada/stories": False}
    folder = downloaded(hub, "ada/stories", tmp_path)
    assert {"model.safetensors", "figures/loss.png", "checksums.json"} <= set(hub.files["ada/stories"])
    assert transformers.AutoModelForCausalLM.from_pretrained(folder).config.model_type == "llama"
    card = ModelCard.load(folder / "README.md")
    assert card.data.library_name == "transformers"
    assert 'load_language_model("ada/stories")' in card.text
    assert str(Path.home()) not in "".join(path.read_text() for path in folder.glob("*.json"))


@pytest.mark.parametrize("contestant", ["nearest", "both"])
def test_training_texts_in_a_prompt_are_counted_before_the_question(hub, untuned_run, contestant):
    typed = bakeoff("push", untuned_run, "ada/films", "--contestant", contestant, stdin="n\n")

    (count,) = re.findall(r"^Warning: these files hold (\d+) texts of your training data", typed.out, re.MULTILINE)
    folder = untuned_run / "contestants" / contestant / "model"
    (prompt,) = folder.rglob("prompt.json")
    examples = json.loads(prompt.read_text())["examples"]
    assert int(count) == len(examples) >= 4
    assert typed.out.index("Warning") < typed.out.index("Go on?")
    assert hub.files == {}


def test_no_warning_where_no_text_leaves(hub, untuned_run):
    assert "Warning" not in bakeoff("push", untuned_run, "ada/films", "--contestant", "linear", "--yes").out


def test_a_regression_on_frozen_vectors_was_trained(hub, untuned_run, tmp_path):
    typed = bakeoff("push", untuned_run, "ada/films", "--contestant", "embedding", "--yes")

    assert typed.code == 0, typed.err
    (base,) = re.findall(
        r"^Not uploaded, though nobody can load the model without it: (.+)\.$", typed.out, re.MULTILINE
    )
    assert Path(base).name == "bert"
    folder, texts = downloaded(hub, "ada/films", tmp_path), ["a fine day", "a dull day"]
    expected = library.load_classifier(untuned_run, contestant="embedding").predict(texts)
    assert library.load_classifier(folder).predict(texts) == expected


@pytest.mark.parametrize("answer", ["", "n\n", "\n"])
def test_nothing_is_uploaded_without_a_yes(hub, sentiment_run, answer):
    typed = bakeoff("push", sentiment_run, "ada/films", "--contestant", "linear", stdin=answer)

    assert typed.code == 2
    assert "Nothing was uploaded." in typed.err
    assert hub.private == {}
    assert hub.files == {}


def test_an_existing_repository_is_said_and_a_public_one_needs_a_word(hub, sentiment_run):
    hub.private = {"ada/mine": True, "ada/open": False}
    asked = ("--contestant", "linear", "--yes")

    typed = bakeoff("push", sentiment_run, "ada/mine", *asked)
    assert "(private, exists already: files of the same name are replaced)" in typed.out
    assert "exists already and is public" in refused("push", sentiment_run, "ada/open", *asked)
    assert "ada/open" not in hub.files
    assert bakeoff("push", sentiment_run, "ada/open", *asked, "--public").code == 0


def test_no_file_of_an_earlier_upload_stays_beside_another_model(hub, sentiment_run):
    bakeoff("push", sentiment_run, "ada/films", "--contestant", "lstm", "--yes")
    hub.files["ada/films"]["LICENSE"] = b"Ada's own"
    before = set(hub.files["ada/films"])

    typed = bakeoff("push", sentiment_run, "ada/films", "--contestant", "linear", stdin="y\n")

    assert typed.code == 0, typed.err
    named = re.findall(r"^  (\S+)$", typed.out, re.MULTILINE)
    assert "figures/loss.png" in named
    assert set(named) == before - set(hub.files["ada/films"])
    assert typed.out.index(named[-1]) < typed.out.index("Nothing else is uploaded or deleted. Go on?")
    listed = re.findall(r"^  (\S+)  +\d", typed.out, re.MULTILINE)
    assert sorted(hub.files["ada/films"]) == sorted([*listed, "LICENSE"])


def test_what_the_hub_refuses(hub, sentiment_run, language_model_run, monkeypatch):
    asked = ("push", sentiment_run, "ada/films", "--contestant", "linear")
    untrained = refused("push", language_model_run, "ada/films", "--contestant", "pretrained")
    assert "nothing was trained" in untrained
    assert "USER/NAME" in refused("push", sentiment_run, "films")
    hub.refuses_commits = True
    failed = bakeoff(*asked, "--yes")
    assert failed.code == 2
    assert "The hub refuses ada/films" in failed.err
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    assert "hf auth login" in refused(*asked)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere")
    assert "You are not logged in" in refused(*asked)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "The hub at http://127.0.0.1:1 cannot be reached" in refused(*asked)
