"""Several seeds through the command line: who is trained how often, what is written, and what is said of it."""

from __future__ import annotations

import json
import statistics

import pytest
from safetensors.numpy import load_file

from bakeoff import runner
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import StepLine
from bakeoff.training.progress import Progress
from tests.command import bakeoff, refused
from tests.end_to_end.test_kill import everything_measured
from tests.real_runs import LANGUAGE_MODEL, SENTIMENT, write_config_file

REPEATED = {
    **SENTIMENT,
    "repeats": 3,
    "data": {"table": "sentence-polarity", "rows": 400},
    "budget": {"epochs": 2},
    "contestants": {"majority": {}, "linear": {}, "lstm": SENTIMENT["contestants"]["lstm"]},
}


@pytest.fixture(scope="module")
def repeated_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repeated")
    typed = bakeoff("run", write_config_file(folder / "small.yaml", REPEATED), "-o", folder / "run")
    assert typed.code == 0, typed.err
    assert "[5/5] lstm, seed 14" in typed.err
    return folder / "run"


class Stopping(Progress):
    """Ends the process' work, as a crash would, at a step of the trainings together."""

    def __init__(self, at: int) -> None:
        self.left = at

    def step(self, line: StepLine, share: float) -> None:
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("crashed")


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_run_that_crashes_in_any_seed_goes_on_as_if_it_had_not(repeated_run, tmp_path, share):
    lstm = RunFolder(repeated_run).contestant("lstm")
    steps = sum(repeat.result().training.steps for repeat in lstm.repeats())
    run = tmp_path / "run"

    with pytest.raises(RuntimeError, match="crashed"):
        runner.run(REPEATED, run, progress=Stopping(round(share * steps)))
    assert not all(repeat.finished for repeat in RunFolder(run).contestant("lstm").repeats())
    runner.resume(run)

    assert everything_measured(run) == everything_measured(repeated_run)


def test_what_depends_on_the_seed_is_trained_with_each(repeated_run):
    majority, linear, lstm = RunFolder(repeated_run).contestants()

    assert [repeat.result().seed for repeat in lstm.repeats()] == [12, 13, 14]
    assert (len(majority.repeats()), len(linear.repeats())) == (1, 1)
    assert "Trained once: it does not depend on the seed." in linear.result().notes
    weights = [load_file(repeat.model / "model.safetensors")["output.weight"] for repeat in lstm.repeats()]
    assert (weights[0] != weights[1]).any()
    assert (weights[1] != weights[2]).any()


def test_the_split_is_that_of_the_first_seed(repeated_run):
    lstm = RunFolder(repeated_run).contestant("lstm")

    assert len({tuple(repeat.scores()["document"].to_pylist()) for repeat in lstm.repeats()}) == 1


def test_the_means_are_in_the_json_and_the_verdict(repeated_run):
    typed = bakeoff("resume", repeated_run, "--json")

    lstm = typed.json["results"][2]
    values = [repeat.result().metrics[0].value for repeat in RunFolder(repeated_run).contestant("lstm").repeats()]
    assert lstm["seeds"] == [12, 13, 14]
    assert lstm["metrics"][0]["by_seed"] == values
    assert lstm["metrics"][0]["value"] == pytest.approx(statistics.fmean(values))
    assert lstm["metrics"][0]["deviation"] == pytest.approx(statistics.stdev(values))
    assert any("lstm trained with 3 seeds (12 to 14)" in words for words in typed.json["verdict"]["sentences"])
    against = [each for each in typed.json["verdict"]["comparisons"] if "lstm" in (each["better"], each["worse"])]
    assert all(len(each["by_seed"]) == 3 for each in against)


def test_reports_show_every_seed(repeated_run):
    assert bakeoff("report", repeated_run).code == 0
    for name in ("report.html", "report.md"):
        text = (repeated_run / name).read_text()
        assert "Results by seed" in text
        assert "Seed 14" in text
    assert "Results by seed" in bakeoff("resume", repeated_run).out


def test_predictions_come_from_the_first_seed_or_the_one_asked_for(repeated_run):
    assert bakeoff("predict", repeated_run, "A fine film", "--contestant", "lstm").code == 0
    first, third = (repeated_run / "contestants" / "lstm" / part for part in ("", "repeat-3"))
    assert (first / "model" / "README.md").exists()
    assert "seed 14" in (third / "model" / "README.md").read_text()


def test_a_plan_counts_every_training(tmp_path):
    typed = bakeoff("plan", write_config_file(tmp_path / "small.yaml", REPEATED), "--json")

    found = typed.json
    assert [each["seeds"] for each in found["contestants"]] == [1, 1, 3]
    one_each = sum(each["total_seconds"] for each in found["contestants"])
    assert found["total_seconds"] >= one_each + 2 * found["contestants"][2]["total_seconds"]
    table = bakeoff("plan", tmp_path / "small.yaml").out
    assert "Trainings" in table


def test_language_models_too(tmp_path):
    contestants = {name: LANGUAGE_MODEL["contestants"][name] for name in ("pretrained", "lora")}
    config = {**LANGUAGE_MODEL, "repeats": 2, "budget": {"tokens": 1000}, "contestants": contestants}
    run = tmp_path / "run"

    typed = bakeoff("run", write_config_file(tmp_path / "small.yaml", config), "-o", run, "--json")

    assert typed.code == 0, typed.err
    pretrained, lora = typed.json["results"]
    assert (pretrained["seeds"], lora["seeds"]) == ([], [12, 13])
    assert len(typed.json["verdict"]["comparisons"][0]["by_seed"]) == 2
    second = run / "contestants" / "lora" / "repeat-2"
    assert bakeoff("generate", second, "Once", "--max-new-tokens", "2").code == 0
    assert json.loads((second / "result.json").read_text())["seed"] == 13


def test_no_seeds_make_no_bake_off(tmp_path):
    assert "repeats" in refused("run", write_config_file(tmp_path / "small.yaml", {**SENTIMENT, "repeats": 0}))
