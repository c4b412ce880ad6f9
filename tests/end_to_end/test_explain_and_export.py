"""Explaining and exporting through the command line, on the small sentiment run."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import bakeoff as library
from tests.command import bakeoff, refused

TEXT = "A fine film, and a moving one: <script>alert(1)</script> \x1b[31m fine."
CONTESTANTS = ["majority", "linear", "lstm", "lstm-lab"]


def test_explain_marks_the_words_and_prints_the_check(sentiment_run):
    typed = bakeoff("explain", sentiment_run, TEXT)

    assert typed.code == 0, typed.err
    assert [
        line.split(":")[0] for line in typed.out.splitlines() if re.match(r"\S+: (posi|nega)tive", line)
    ] == CONTESTANTS
    assert "\x1b" not in typed.out
    assert re.search(r"\[[+−]fine\]", typed.out)
    assert "without its top words" in typed.out
    assert "fine ×2" in typed.out


def test_explain_agrees_with_predict_and_its_places_are_in_the_text(sentiment_run):
    found = bakeoff("explain", sentiment_run, TEXT, "--json", "--top", "4").json
    predicted = bakeoff("predict", sentiment_run, TEXT, "--json").json["predictions"]

    assert found["texts"] == [TEXT]
    assert list(found["explanations"]) == CONTESTANTS
    for name, (explanation,) in found["explanations"].items():
        assert explanation["label"] == predicted[name][0]["label"]
        assert explanation["probability"] == pytest.approx(predicted[name][0]["probability"], abs=1e-6)
        assert len(explanation["words"]) == 4
        for word in explanation["words"]:
            assert {TEXT[start:end].lower() for start, end in word["spans"]} == {word["word"].lower()}
        strengths = [abs(word["contribution"]) for word in explanation["words"]]
        assert strengths == sorted(strengths, reverse=True)
        assert {"removed", "without_top", "without_random"} == set(explanation["check"])


def test_explain_reads_standard_input_and_says_the_same_again(sentiment_run):
    asked = ("explain", sentiment_run, "--contestant", "linear", "--json")
    first, again = (bakeoff(*asked, stdin="A fine film\n\n?!\n").json for _ in range(2))

    assert first == again
    assert first["texts"] == ["A fine film", "?!"]
    assert [len(each["words"]) for each in first["explanations"]["linear"]] == [3, 0]
    assert first["explanations"]["linear"][0] == first["explanations"]["linear"][0] | {"words_at_once": 1}


def test_explain_from_python(sentiment_run):
    found = library.load_classifier(sentiment_run, contestant="linear").explain("A fine film")

    assert {word.word for word in found.words} == {"A", "fine", "film"}


def test_nothing_to_explain(sentiment_run):
    assert 'bakeoff explain RUN "A fine film"' in refused("explain", sentiment_run, stdin="\n")


def test_samples_and_the_report_show_the_marked_words(sentiment_run):
    lines = (sentiment_run / "contestants" / "linear" / "samples.jsonl").read_text().splitlines()
    samples = [json.loads(line) for line in lines]
    html = (sentiment_run / "report.html").read_text()

    assert all(sample["words"] for sample in samples if sample["kind"] == "first")
    assert '<b class="for">' in html
    assert '<u class="against">' in html


@pytest.fixture(scope="module")
def exported(sentiment_run, tmp_path_factory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("export") / "lstm"
    typed = bakeoff("export", sentiment_run, "--to", "onnx", "-o", folder, "--contestant", "lstm", "--json")
    assert typed.code == 0, typed.err
    return folder, typed.json


def test_an_export_is_compared_with_the_contestant_on_the_test_texts(exported):
    folder, said = exported

    assert said["folder"] == str(folder)
    assert set(said["files"]) == {file.name for file in folder.iterdir()}
    assert said["parity"]["texts"] == 120
    assert said["parity"]["largest_difference"] <= said["parity"]["tolerance"] == 1e-4
    assert said["parity"]["different_labels"] == 0


def test_the_snippet_of_its_readme_needs_neither_torch_nor_bakeoff(exported, sentiment_run):
    folder, _ = exported
    (snippet,) = re.findall(r"^```python\n(.*?)^```", (folder / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    heavy = "\nimport sys; assert not {'torch', 'bakeoff', 'sklearn'} & set(sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", snippet + heavy], cwd=folder, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    said = ast.literal_eval(done.stdout)
    texts = ["A fine film", "A dull one"]
    expected = library.load_classifier(sentiment_run, contestant="lstm").predict(texts)
    for found, each in zip(said, expected, strict=True):
        assert found == pytest.approx(each.probabilities, abs=1e-5)


def test_the_script_of_an_export_runs_from_anywhere(exported, tmp_path):
    folder, _ = exported

    done = subprocess.run(
        [sys.executable, folder / "classify.py", "A fine film", ""],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [sum(answer["probabilities"].values()) for answer in answers] == pytest.approx([1, 1])
    assert all(answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get) for answer in answers)


def test_an_export_that_differs_is_not_left(sentiment_run, tmp_path):
    def wrong(self, texts):
        return np.tile([0.25, 0.75], (len(texts), 1))

    with mock.patch("bakeoff.methods.recurrent.onnx.standalone.OnnxClassifier.probabilities", wrong):
        said = refused("export", sentiment_run, "-o", tmp_path / "out", "--contestant", "lstm-lab")

    assert "differs from the contestant" in said
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_exported(sentiment_run, exported, tmp_path, monkeypatch):
    folder, _ = exported

    linear = refused("export", sentiment_run, "-o", tmp_path / "out", "--contestant", "linear")
    assert "this method has no export" in linear
    assert "What can be exported here: lstm: onnx; lstm-lab: onnx." in linear
    assert "load_classifier" in linear
    merged = refused("export", sentiment_run, "-o", tmp_path / "out", "--contestant", "lstm", "--to", "merged")
    assert "this method has no export to merged" in merged
    assert "already exists" in refused("export", sentiment_run, "-o", folder, "--contestant", "lstm")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    without_onnx = refused("export", sentiment_run, "-o", tmp_path / "out", "--contestant", "lstm")
    assert "pip install 'bakeoff[onnx]'" in without_onnx
    assert list(tmp_path.iterdir()) == []
