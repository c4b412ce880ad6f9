"""Lab 2 through the command line, on the smallest real model and a little of the packaged text."""

from __future__ import annotations

import json
from importlib import resources

import pytest

import bakeoff as library
from bakeoff import native
from tests.command import bakeoff

CONTESTANTS = ["pretrained", "full", "lora", "lora-lab"]


def perplexity(results, contestant: str, protocol: str) -> float:
    (result,) = [each for each in results if each["name"] == contestant]
    (metric,) = [
        each for each in result["metrics"] if each["name"] == "perplexity" and each["protocol"].startswith(protocol)
    ]
    return metric["value"]


@pytest.fixture(scope="module")
def results(language_model_run):
    return bakeoff("resume", language_model_run, "--json").json["results"]


def test_the_run_folder_is_complete(language_model_run):
    for name in ("bakeoff.yaml", "environment.json", "data.json", "verdict.json", "report.html", "report.md"):
        assert (language_model_run / name).stat().st_size > 0
    files = {file.name for file in (language_model_run / "contestants" / "full" / "model").iterdir()}
    assert files >= {"config.json", "model.safetensors", "tokenizer.json", "README.md"}
    files = {file.name for file in (language_model_run / "contestants" / "lora" / "model").iterdir()}
    assert files >= {"adapter_config.json", "adapter_model.safetensors", "README.md"}


@pytest.mark.parametrize("protocol", ["document", "window", "lab"])
def test_training_helps_under_every_protocol(results, protocol):
    before = perplexity(results, "pretrained", protocol)

    assert perplexity(results, "full", protocol) < before
    assert perplexity(results, "lora", protocol) < before


def test_contestants_had_the_same_budget(results):
    tokens = {result["name"]: result["training"]["tokens"] for result in results}

    assert tokens["pretrained"] == 0
    assert tokens["full"] == tokens["lora"] >= 8000


def test_every_contestant_writes_for_every_prompt(language_model_run):
    for contestant in CONTESTANTS:
        lines = (language_model_run / "contestants" / contestant / "samples.jsonl").read_text().splitlines()
        samples = [json.loads(line) for line in lines]
        assert [sample["prompt"] for sample in samples] == ["Once upon a time", "The <script>alert(1)</script> river"]
        assert all(0 <= sample["statistics"]["repeated_4_grams"] <= 1 for sample in samples)


def test_the_report_shows_a_script_and_does_not_run_it(language_model_run):
    html = (language_model_run / "report.html").read_text()

    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize("contestant", ["full", "lora", "pretrained"])
def test_perplexity_of_a_contestant_is_the_one_in_its_result(language_model_run, results, contestant, tmp_path):
    from bakeoff.config.load import load_config
    from bakeoff.data.corpora import prepare_corpus

    config = load_config(language_model_run / "bakeoff.yaml")
    corpus, _ = prepare_corpus(config.data, config.seed)
    text = tmp_path / "test.txt"
    text.write_text(corpus.test.stream)

    typed = bakeoff(
        "perplexity",
        language_model_run / "contestants" / contestant,
        text,
        *("--protocol", "window", "--context-length", "256", "--json"),
    )

    assert typed.code == 0, typed.err
    assert typed.json["perplexity"] == pytest.approx(perplexity(results, contestant, "window"), rel=1e-5)
    assert set(typed.json) >= {
        *("protocol", "perplexity", "nll", "tokens", "words", "bytes", "word_perplexity"),
        *("byte_perplexity", "bits_per_byte", "interval"),
    }


def test_generate_writes_what_the_judge_saw(language_model_run):
    lines = (language_model_run / "contestants" / "full" / "samples.jsonl").read_text().splitlines()

    typed = bakeoff(
        "generate",
        language_model_run / "contestants" / "full",
        "Once upon a time",
        *("--max-new-tokens", "20", "--precision", "fp32", "--json"),
    )

    assert typed.json["text"] == json.loads(lines[0])["text"]


def test_generate_says_how_the_text_was_written():
    typed = bakeoff("generate", "stories260k", "Once upon a time", "--max-new-tokens", "64", "--json").json

    assert typed["engine"] == ("native" if native.available() else "transformers")
    assert typed["tokens"] == 64
    assert typed["drafted"] >= typed["accepted"]
    assert typed["tokens_per_second"] > 0


def test_generate_streams_the_prompt_and_its_continuation():
    typed = bakeoff("generate", "stories260k", "Once upon a time", "--max-new-tokens", "10")

    assert typed.out.startswith("Once upon a time, there was")


def test_sampling_is_repeated_by_its_seed():
    def sample(seed: str) -> str:
        options = ["--temperature", "1.0", "--top-p", "0.9", "--seed", seed, "--max-new-tokens", "30"]
        return bakeoff("generate", "stories260k", "Once upon a time", *options).out

    assert sample("1") == sample("1")
    assert sample("1") != sample("2")


def test_perplexity_of_standard_input():
    text = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. " * 3

    typed = bakeoff("perplexity", "stories260k", "-", "--protocol", "document", "--json", stdin=text)

    assert typed.code == 0, typed.err
    assert 1 < typed.json["perplexity"] < 10
    assert typed.json["bytes"] == len(text)


def test_from_python():
    language_model = library.load_language_model("stories260k")
    text = resources.files("bakeoff").joinpath("__init__.py").read_text()

    assert language_model.generate("Once upon a time", max_new_tokens=5).startswith(", there was")
    assert language_model.perplexity(text, protocol="document").perplexity > 10
