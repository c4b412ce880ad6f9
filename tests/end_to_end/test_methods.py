"""Every way to adapt a language model through the command line, on the smallest real model."""

from __future__ import annotations

import json

import peft
import pytest
import transformers
import yaml

from tests.command import bakeoff, refused
from tests.real_runs import LANGUAGE_MODEL, write_config_file

SHARED = {"method": "lora", "max_length": 128, "r": 4, "target_modules": "all-linear", "learning_rate": 5e-3}
METHODS = {
    "pretrained": {},
    "full": {"max_length": 128, "learning_rate": "auto"},
    "lora": SHARED | {"learning_rate": "auto"},
    "rslora": SHARED | {"variant": "rslora"},
    "dora": SHARED | {"variant": "dora"},
    "pissa": SHARED | {"variant": "pissa", "learning_rate": 2e-3},
    "loraplus": SHARED | {"variant": "loraplus", "learning_rate": 1e-3, "merge": True},
}
CONFIG = LANGUAGE_MODEL | {
    "budget": {"tokens": 4000, "evaluations": 1},
    "contestants": METHODS,
    "evaluation": {"protocols": ["document"], "context_length": 256, "resamples": 100},
}


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    return folder / "run", bakeoff(
        "run", write_config_file(folder / "methods.yaml", CONFIG), "-o", folder / "run", "--json"
    )


@pytest.fixture(scope="module")
def results(typed):
    assert typed[1].code == 0, typed[1].err
    return {result["name"]: result for result in typed[1].json["results"]}


def test_every_method_learns(results):
    perplexities = {name: result["metrics"][0]["value"] for name, result in results.items()}

    assert all(perplexities[name] < 0.8 * perplexities["pretrained"] for name in METHODS if name != "pretrained")


def test_adapters_are_peft_s_and_a_merged_one_is_transformers(typed):
    run, _ = typed
    for name in ("lora", "rslora", "dora", "pissa"):
        assert peft.AutoPeftModelForCausalLM.from_pretrained(run / "contestants" / name / "model")
    model = run / "contestants" / "loraplus" / "model"
    assert transformers.AutoModelForCausalLM.from_pretrained(model)
    assert "library_name: transformers" in (model / "README.md").read_text()


@pytest.mark.parametrize("name", ["full", "lora"])
def test_the_chosen_rate_is_told_in_the_terminal_the_result_and_the_report(typed, results, name):
    run, command = typed
    test = results[name]["training"]["range_test"]

    assert f"{name}: learning rate {test['learning_rate']:g}, from a range test of {test['steps']} steps" in command.err
    assert results[name]["settings"]["learning_rate"] == test["learning_rate"]
    for report in ("report.md", "report.html"):
        text = (run / report).read_text()
        assert "Range test" in text
        assert f"The learning rate {test['learning_rate']:g} was chosen by a range test" in text.replace("\\", "")
    lines = (run / "contestants" / name / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["learning_rate"] == test["learning_rate"]


def test_the_spec_in_the_folder_still_says_auto(typed):
    config = yaml.safe_load((typed[0] / "bakeoff.yaml").read_text())

    assert config["contestants"]["lora"]["learning_rate"] == "auto"
    assert config["contestants"]["loraplus"]["loraplus_ratio"] == 16
    assert config["contestants"]["lora"]["loraplus_ratio"] is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"learning_rate": "fast"}, "learning_rate: must be a number above 0, or `auto`, not 'fast'"),
        ({"variant": "doora"}, "did you mean 'dora'?"),
        ({"loraplus_ratio": 4}, "loraplus_ratio is for `variant: loraplus`, not for `variant: lora`"),
        ({"variant": "pissa", "r": 100}, "Set r to 32 or less"),
        ({"target_modules": ["lm_head"]}, "it shares its weights with another layer"),
        ({"learning_rate": "auto", "batch_size": 1000}, "at least two steps per epoch"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_a_sentence(tmp_path, settings, said):
    path = write_config_file(tmp_path / "wrong.yaml", CONFIG | {"contestants": {"lora": SHARED | settings}})

    assert said in " ".join(refused("run", path, "-o", tmp_path / "run").split())
    assert not (tmp_path / "run").exists()
