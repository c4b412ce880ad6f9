"""Mistakes of a user: one clear message, exit code 2, no traceback, and nothing of theirs is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import bakeoff, refused
from tests.real_runs import LANGUAGE_MODEL, SENTIMENT, write_config_file

GOOD_ROWS = "".join(f"this is text number {number},{('good', 'bad')[number % 2]}\n" for number in range(40))


@pytest.fixture
def run_table(tmp_path, monkeypatch):
    """Runs a bake-off on a table with the given content; returns what was said, and that no run was left."""
    monkeypatch.chdir(tmp_path)

    def run(content: str | bytes, *overrides: str, name: str = "reviews.csv") -> str:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        config = write_config_file(tmp_path / "config.yaml", {**SENTIMENT, "data": {"table": name}})
        said = refused("run", config, "-o", "out", *overrides)
        assert not Path("out").exists()
        return said

    return run


@pytest.mark.parametrize(
    ("content", "overrides", "expected"),
    [
        ("", [], ["reviews.csv", "empty"]),
        ("text,label\n", [], ["reviews.csv", "no rows"]),
        (f"text,label\n{GOOD_ROWS}", ["--set", "data.text=body"], ["body", "text", "label"]),
        (f"words,kind\n{GOOD_ROWS}", [], ["words", "kind", "data.text"]),
        ("text,label\n" + "a text,good\n" * 30, [], ["one class", "good"]),
        ("text,label\n" + "a text,good\nb text,bad\n" * 20, [], ["no class", "three different texts"]),
        (f"text,label\n{GOOD_ROWS}{chr(252) * 20},bad\n".encode() + b"caf\xe9,good\n", [], ["UTF-8", "43"]),
        (f"text,label\n{GOOD_ROWS}a,b,c,d\n", [], ["line 42"]),
    ],
)
def test_tables(run_table, content, overrides, expected):
    said = run_table(content, *overrides)

    assert [part for part in expected if part not in said] == [], said


def test_malformed_jsonl_names_the_line(run_table):
    said = run_table(
        '{"text": "a", "label": "good"}\n{"text": \n', "--set", "data.table=reviews.jsonl", name="reviews.jsonl"
    )

    assert "reviews.jsonl" in said
    assert "line 2" in said


def test_missing_texts_and_labels_are_counted_and_skipped(tmp_path):
    rows = [{"text": f"text number {i} is fine", "label": ("good", "bad")[i % 2]} for i in range(60)]
    rows += [{"text": "", "label": "good"}, {"text": None, "label": "bad"}, {"text": "no label", "label": None}]
    rows += [{"text": "not a label", "label": float("nan")}]
    table = tmp_path / "reviews.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = write_config_file(
        tmp_path / "config.yaml", {**SENTIMENT, "data": {"table": str(table)}, "contestants": {"linear": {}}}
    )

    typed = bakeoff("run", config, "-o", tmp_path / "out")

    assert typed.code == 0, typed.err
    assert "Skipped 2 rows" in typed.err
    data = json.loads((tmp_path / "out" / "data.json").read_text())
    assert sum(data["skipped"].values()) == 4
    assert sum(split["rows"] for split in data["splits"]) == 60


def test_missing_file_names_a_near_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews.csv").write_text("text,label\n")

    said = refused("run", "sentiment", "--set", "data.table=review.csv", "-o", "out")

    assert "review.csv" in said
    assert "reviews.csv" in said


def test_an_output_folder_that_holds_a_run_is_not_touched(sentiment_run):
    before = {file: file.stat().st_mtime_ns for file in sentiment_run.rglob("*")}

    said = refused("run", "sentiment", "-o", sentiment_run)

    assert f"bakeoff resume {sentiment_run}" in said
    assert f"-o {sentiment_run}-2" in said
    assert {file: file.stat().st_mtime_ns for file in sentiment_run.rglob("*")} == before


def test_an_output_folder_with_other_files_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")

    said = refused("run", "sentiment", "-o", tmp_path)

    assert "is not a run" in said
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_unknown_keys_and_contestants(tmp_path):
    config = write_config_file(tmp_path / "config.yaml", {**SENTIMENT, "contestants": {"lstn": {}}, "sead": 3})

    said = refused("run", config, "-o", tmp_path / "out")

    assert "contestants.lstn" in said
    assert f"{config}, line " in said
    assert "did you mean 'lstm'" in said
    assert "unknown key 'sead'; did you mean 'seed'?" in said


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("smollm2-135n", ["smollm2-135n", "smollm2-135m"]),
        ("./no-such-folder", ["no-such-folder"]),
        ("some-one/some-model", ["some-one/some-model", "hub"]),
    ],
)
def test_unknown_models(tmp_path, monkeypatch, model, expected):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    config = write_config_file(tmp_path / "config.yaml", {**LANGUAGE_MODEL, "model": model})

    said = refused("run", config, "-o", tmp_path / "out")

    assert [part for part in expected if part not in said] == [], said
    assert not (tmp_path / "out").exists()


def test_the_lab_s_experiment_without_the_hub_says_how_to_point_at_local_copies(tmp_path):
    said = refused("run", "wikitext-gpt2", "-o", tmp_path / "out")

    assert "--set data.text=" in said or "--set model=" in said
    assert not (tmp_path / "out").exists()


def test_text_shorter_than_one_window(tmp_path):
    text = tmp_path / "short.txt"
    text.write_text("Too short.")

    said = refused("perplexity", "stories260k", text, "--protocol", "window")

    assert "window" in said


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_text_without_content(tmp_path, content):
    text = tmp_path / "blank.txt"
    text.write_text(content)

    assert "blank.txt" in refused("perplexity", "stories260k", text)


def test_a_gguf_file_that_is_none(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF but not really")

    assert "model.gguf" in refused("generate", file, "Hello")


@pytest.mark.parametrize("command", ["resume", "report", "predict"])
def test_folders_that_are_no_runs(tmp_path, command):
    assert "does not exist" in refused(command, tmp_path / "nowhere")


def test_predict_refuses_to_overwrite(sentiment_run, tmp_path):
    out = tmp_path / "scored.csv"
    out.write_text("precious")

    said = refused("predict", sentiment_run, "A fine film", "--out", out)

    assert "already exists" in said
    assert out.read_text() == "precious"


def test_predict_with_an_unknown_contestant_names_those_that_are(sentiment_run):
    said = refused("predict", sentiment_run, "A fine film", "--contestant", "lstn")

    assert "lstm" in said
    assert "linear" in said


def test_predict_with_nothing_to_classify(sentiment_run):
    assert "no text to classify" in refused("predict", sentiment_run, stdin="\n")


def test_predict_on_a_run_of_language_models(language_model_run):
    assert "language-model" in refused("predict", language_model_run, "A fine film")


def test_data_that_changed_since_the_run_began(tmp_path):
    table = tmp_path / "reviews.csv"
    table.write_text("text,label\n" + GOOD_ROWS)
    config = {**SENTIMENT, "data": {"table": str(table)}, "contestants": {"linear": {}, "majority": {}}}
    assert bakeoff("run", write_config_file(tmp_path / "config.yaml", config), "-o", tmp_path / "out").code == 0
    (tmp_path / "out" / "contestants" / "majority" / "result.json").unlink()
    table.write_text("text,label\n" + GOOD_ROWS.replace("text number", "phrase number"))

    assert "have changed since the run began" in refused("resume", tmp_path / "out")


def test_full_disk_while_saving(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bakeoff.training.checkpoint.save_file", full)
    config = write_config_file(tmp_path / "config.yaml", {**SENTIMENT, "contestants": {"lstm": {"hidden_size": 8}}})

    said = refused("run", config, "-o", tmp_path / "out")

    assert "disk is full" in said
    assert "bakeoff resume" in said
    monkeypatch.undo()
    assert bakeoff("resume", tmp_path / "out").code == 0


def test_wrong_options_are_named():
    typed = bakeoff("perplexity", "stories260k", "x.txt", "--protocol", "windows")

    assert typed.code == 2
    assert "windows" in typed.err


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("command", ["predict", "generate", "perplexity"])
def test_bf16_on_a_machine_without_it_is_granted_with_a_warning(sentiment_run, monkeypatch, command, fast):
    monkeypatch.setattr("bakeoff.training.precision.computes_bf16_fast", lambda device: fast)
    words = {
        "predict": [sentiment_run, "A fine film"],
        "generate": ["stories260k", "Once", "--max-new-tokens", "1"],
        "perplexity": ["stories260k", "-", "--protocol", "document"],
    }[command]

    said = bakeoff(command, *words, "--precision", "bf16", stdin="Once upon a time there was a river.")

    assert said.code == 0, said.err
    assert ("Use --precision auto" in said.err) is not fast
