"""A bake-off of prompts with answers, as a user runs it: init, plan, run, report, generate, resume, serve."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

import bakeoff as package
from bakeoff.lm.sources import load_language_model
from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff, refused
from tests.serve.servers import running

COLORS = ["red", "blue", "green"]
HOSTILE = "<script>alert(1)</script>"
SMALLER = {
    "model": "stories260k",
    "precision": "fp32",
    "budget.epochs": 20,
    "evaluation.answers": 8,
    "evaluation.max_new_tokens": 6,
    "evaluation.resamples": 100,
    "contestants.few-shot.examples": 1,
    "contestants.full.learning_rate": 0.003,
    "contestants.lora.learning_rate": 0.01,
}
NAMES = ["pretrained", "few-shot", "lora", "full"]


def rows() -> list[dict[str, str]]:
    asked = [f"{name} {word} the {thing}" for name in ("Tom", "Lily", "Ben") for word in ("sees", "has", "likes")
             for thing in ("ball", "hat", "car")]  # fmt: skip
    pairs = [{"question": f"{text}. It is {color}.", "answer": color} for text in asked for color in COLORS]
    pairs[0]["question"] += f" {HOSTILE}"
    return pairs


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a table, the config that `bakeoff init` writes for it, and its run."""
    path = tmp_path_factory.mktemp("answers")
    (path / "qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        assert bakeoff("init", "qa.jsonl").code == 0
        typed = bakeoff("run", "qa.yaml", "-o", "run", "--json", *smaller())
        assert typed.code == 0, typed.err
    return path


def smaller() -> list[str]:
    return [f"--set={key}={value}" for key, value in SMALLER.items()]


@pytest.fixture
def run(folder, monkeypatch) -> RunFolder:
    monkeypatch.chdir(folder)
    return RunFolder("run")


def metrics(run: RunFolder, name: str) -> dict[str, float]:
    return {metric.name: metric.value for metric in run.contestant(name).result().metrics}


def test_fine_tuning_learns_what_prompting_does_not_show(run):
    found = {name: metrics(run, name) for name in NAMES}

    assert list(found["full"]) == [
        *("token_f1", "exact_match", "rouge_l", "chrf"),
        "perplexity",
    ]
    assert found["full"]["exact_match"] > found["pretrained"]["exact_match"]
    assert found["full"]["perplexity"] < 2 < found["pretrained"]["perplexity"]
    assert found["few-shot"]["perplexity"] != found["pretrained"]["perplexity"]
    verdict = run.verdict()
    assert verdict.best in ("full", "lora")
    assert "token F1" in verdict.sentences[0]
    assert "test answers" in verdict.sentences[0]
    assert len(verdict.comparisons) == 3


def test_scores_and_samples_hold_every_answer(run):
    result, scores = run.contestant("full").result(), run.contestant("full").scores().to_pylist()
    answers = [sample for sample in run.contestant("full").samples() if sample.kind == "answer"]
    rows = {row["document"]: row for row in scores if row["protocol"] == "greedy(max_new_tokens=6)"}

    assert len(answers) == len(rows) == 8
    for sample in answers:
        assert sample.reference in COLORS
        assert sample.prompt.endswith("\n")
        assert rows[sample.document]["exact_match"] == (sample.text.lower().strip(" .") == sample.reference)
        assert rows[sample.document]["nll"] is None
    assert result.metric("exact_match").value == sum(row["exact_match"] for row in rows.values()) / 8
    assert sum(row["protocol"] == "answer(context=512)" for row in scores) == result.metric("perplexity").documents
    assert "No training answer has a line break, so generated ones end at the first one." in result.notes


def test_the_report_shows_answers_beside_those_of_the_data(run):
    html, markdown = run.html_report.read_text(), run.markdown_report.read_text()

    assert '<h2 id="answers-title">Answers</h2>' in html
    assert HOSTILE not in html
    assert HOSTILE not in markdown
    assert "| Prompt | Given answer | full | pretrained | few-shot | lora |" in markdown
    assert "ROUGE-L" in html


def test_generate_asks_as_the_evaluation_did(run):
    sample = next(sample for sample in run.contestant("few-shot").samples() if sample.kind == "answer")
    question = sample.prompt.removesuffix("\n")

    for name in NAMES:
        wanted = next(s.text for s in run.contestant(name).samples() if s.document == sample.document)
        # What follows a color was never learned: there, sums in another order decide between equal logits.
        said = bakeoff("generate", "run", question, "--contestant", name, "--max-new-tokens", "4", "--json").json
        assert said["text"].strip()
        assert wanted.startswith(said["text"].strip())
    typed = bakeoff("generate", "run/contestants/full", "Tom has the ball. It is red.", "--max-new-tokens", "6")
    assert typed.out.startswith("Tom has the ball. It is red.\n")
    assert "is a run with several models" in refused("generate", "run", question)


def test_a_prompt_without_the_right_contestant_is_refused(run):
    assert "nobody" in refused("generate", "run", "Hello", "--contestant", "nobody")


def test_a_plan_forecasts_the_answers(run):
    typed = bakeoff("plan", "qa.yaml", "--json", *smaller())

    assert typed.code == 0, typed.err
    plans = {plan["name"]: plan for plan in typed.json["contestants"]}
    # Examples that are the same for all prompts are computed once.
    assert plans["few-shot"]["evaluation_seconds"] == plans["pretrained"]["evaluation_seconds"]
    assert plans["full"]["tokens"] == run.contestant("full").result().training.tokens


def test_a_run_that_lost_its_last_contestant_resumes(run, tmp_path):
    copy = RunFolder(shutil.copytree(run.path, tmp_path / "copy"))
    before = copy.contestant("few-shot").result().metrics
    shutil.rmtree(copy.contestant("few-shot").path)

    typed = bakeoff("resume", copy.path)

    assert typed.code == 0, typed.err
    assert copy.contestant("few-shot").result().metrics == before


def test_the_server_asks_in_the_same_way(run):
    question = "Lily likes the hat. It is blue."
    model = load_language_model("run/contestants/full")

    with running([run.path]) as client:
        request = {"model": "run/full", "prompt": question, "max_tokens": 6}
        answer = client.post("/v1/completions", json=request).json()["choices"][0]["text"]

    assert answer.strip() == model.generate(question, max_new_tokens=6).strip() != ""


def test_perplexity_alone_needs_no_answers(run, tmp_path):
    values = yaml.safe_load(Path("qa.yaml").read_text())
    values |= {"model": "stories260k", "precision": "fp32", "contestants": {"pretrained": {}, "few-shot": {}}}
    values["evaluation"] = {"answers": 0, "resamples": 50}

    outcome = package.run(values, tmp_path / "run")

    assert [result.metrics[0].name for result in outcome.results] == ["perplexity"] * 2
    assert "answer(context=512)" in outcome.results[0].metrics[0].protocol


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evaluation.protocols": "[document]"}, "evaluation.protocols is for texts"),
        ({"data.promt": "question"}, "unknown key 'promt'; did you mean 'prompt'?"),
        ({"data.prompt": "ask"}, "no column 'ask'"),
        ({"contestants.few-shot.examples": 1000}, "fewer than 1000"),
        ({"data.messages": "question", "data.prompt": "null", "data.completion": "null"}, "has no chat template"),
    ],
)
def test_what_is_refused(run, change, message):
    options = [f"--set={key}={value}" for key, value in {**SMALLER, **change}.items()]

    assert message in refused("plan", "qa.yaml", *options)


def test_tables_from_python(tmp_path):
    values = {
        "task": "language-model",
        "model": "stories260k",
        "precision": "fp32",
        "data": {"examples": rows()[:40]},
        "contestants": {"pretrained": {}},
        "evaluation": {"answers": 2, "max_new_tokens": 2, "resamples": 20},
    }

    outcome = package.run(values, tmp_path / "run")

    assert outcome.results[0].metrics[0].name == "token_f1"
    assert package.init(rows()[:40]).values["data"]["examples"].to_pylist() == rows()[:40]
