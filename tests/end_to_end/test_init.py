"""From a file to a config to a verdict, with labels and texts as people have them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from bakeoff.config.load import load_config
from bakeoff.data.raw_tables import read_table_file
from bakeoff.methods.registry import get_classification_method
from tests.command import bakeoff, refused
from tests.report.pages import Page

LABELS = ["sehr gut", "Pos", "pos", "日本語", "<script>alert(1)</script>", "1.5", "true", "$x$ | \\frac", "a\x1b[31mb"]
WORDS = "plot actor camera music light story scene hero ending night city river winter garden train".split()  # noqa: SIM905
SMALL = ["--set", "contestants.lstm={embedding_size: 8, hidden_size: 8}", "--set", "evaluation.resamples=100"]


@pytest.fixture
def letters(tmp_path, monkeypatch) -> Path:
    """A table whose label can be read from its two columns of texts only together."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "letters.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["nr", "subject", "letter", "kind"])
        for row in range(270):
            body = " ".join(WORDS[(row * step) % len(WORDS)] for step in range(3, 12))
            subject = "" if row % 9 == 0 else f"key{row % 9} {row}"
            writer.writerow([f"nr-{row}", subject, f"{body} {row}", LABELS[row % 9]])
    return path


def test_a_table_becomes_a_spec_that_runs_and_a_run_that_predicts(letters, tmp_path):
    typed = bakeoff("init", letters.name, "--text", "subject", "--text", "letter", "--json")

    assert typed.code == 0, typed.err
    assert typed.json["config"] == "letters.yaml"
    assert (typed.json["text"], typed.json["label"]) == (["subject", "letter"], "kind")
    assert typed.json["classes"] == dict.fromkeys(sorted(LABELS), 30)

    ran = bakeoff(
        "run", "letters.yaml", "-o", "run", *SMALL, "--set", "budget.epochs=1", "--set", "data.split.folds=2", "--json"
    )

    assert ran.code == 0, ran.err
    linear = next(result for result in ran.json["results"] if result["name"] == "linear")
    assert linear["confusion"]["labels"] == sorted(LABELS)
    assert linear["metrics"][0]["value"] > 0.9  # the keys in the subject were read
    report = Path("run/report.html").read_text()
    page = Page(report)
    assert page.open == []
    assert "<script>alert" not in report
    assert "\x1b" not in report + Path("run/report.md").read_text() + ran.err
    assert all(label in page.text for label in LABELS if "\x1b" not in label)
    assert "'Pos' and 'pos' differ only in case" in page.text

    assert bakeoff("predict", "run", "--file", letters, "--contestant", "linear", "--out", "scored.csv").code == 0
    scored = read_table_file(Path("scored.csv")).columns
    assert set(scored["label"]) <= set(LABELS)
    right = sum(one == other for one, other in zip(scored["kind"], scored["label"], strict=True))
    assert right > 0.9 * 270
    Path("half.csv").write_text("letter\nplot actor\n")
    assert "no column 'subject'" in refused("predict", "run", "--file", "half.csv")
    assert bakeoff("predict", "run", "--file", "half.csv", "--column", "letter").code == 0


def test_the_spec_of_a_text_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text("".join(f"The river met the {WORDS[n % 15]} at {n}.\n" for n in range(100)))

    typed = bakeoff("init", "book.txt", "-o", "my book.yaml")

    assert typed.code == 0, typed.err
    assert "Next: bakeoff plan 'my book.yaml'" in typed.out
    smaller = ["model=stories260k", "precision=fp32", "budget.epochs=1", "evaluation.resamples=100"]
    ran = bakeoff("run", "my book.yaml", "-o", "run", "--json", *(f"--set={each}" for each in smaller))
    assert ran.code == 0, ran.err
    assert [result["name"] for result in ran.json["results"]] == ["pretrained", "full", "lora"]


def test_a_table_without_labels_says_what_was_made_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("notes.csv").write_text("note\n" + "".join(f"a note about {n}\n" for n in range(40)))

    typed = bakeoff("init", "notes.csv")

    assert "No column looks like a label" in typed.out
    assert "--label" in typed.out


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        (None, [], "does not exist"),
        ("", [], "is empty"),
        ("text,label\n", [], "has no rows"),
        ("a text\tlabel\none\n", [], "malformed"),
        ("text,label\n" + "".join(f"the text {n},good\n" for n in range(40)), [], "one class only"),
        ("text,label\na text,good\nb text,bad\n", [], "too few to train and evaluate on"),
        ("no,label\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(40)), [], "no column of texts"),
        ("text,score\n" + "".join(f"the text {n},{n}\n" for n in range(40)), ["--label", "score"], "regression"),
        ("text,label\n" + "".join(f"the text {n},{'ab'[n % 2]}\n" for n in range(40)), ["--label", "lable"], "'label'"),
    ],
)
def test_refusals_leave_no_spec(tmp_path, monkeypatch, content, options, expected):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("table.csv").write_text(content)

    said = refused("init", "table.csv", *options)

    assert expected in said
    assert "--set" not in said  # which init does not have
    assert not Path("table.yaml").exists()


def test_nothing_is_overwritten(letters):
    Path("letters.yaml").write_text("precious")

    assert "letters.yaml already exists" in refused("init", letters)
    assert "does not exist" in refused("init", letters, "-o", "nowhere/my.yaml")
    assert Path("letters.yaml").read_text() == "precious"


def test_several_labels_for_one_text_are_proposed_methods_that_learn_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"text": f"the text {number}", "label": ["a", "b", "c"][number % 3 : 2]} for number in range(40)]
    Path("table.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    said = bakeoff("init", "table.jsonl")

    assert "2 labels (label), of which a text can have several" in said.out
    config = load_config(yaml.safe_load(Path("table.yaml").read_text()))
    methods = {get_classification_method(settings.method) for settings in config.contestants.values()}
    assert all(method.multilabel for method in methods)
