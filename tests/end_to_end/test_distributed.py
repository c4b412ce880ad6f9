"""Two processes do what one does: the same perplexity, the same training, one report.

tests/training/test_parallel.py has more of the training. torchrun itself, which sets variables of the environment, is
run to its end once, interrupted once and killed once, where slow tests are run.
"""

from __future__ import annotations

import itertools
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from bakeoff.cli.main import main
from bakeoff.errors import UserError
from bakeoff.pretrained.packaged_models import check_installed
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.locking import LOCK, locked
from tests.command import Typed, bakeoff, fork, refused, start
from tests.end_to_end.test_kill import everything_measured, kill, lines_of_metrics
from tests.processes import Forked
from tests.real_runs import LANGUAGE_MODEL, SENTIMENT, write_config_file

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "bakeoff")
LANGUAGE_MODEL_SPEC = {
    **LANGUAGE_MODEL,
    "data": {"text": "wikitext-2-part", "fraction": {"train": 0.004, "validation": 0.002, "test": 0.002}},
    "budget": {"tokens": 800, "evaluations": 2},
    "distributed": {"strategy": "fsdp"},
    "contestants": {
        "pretrained": {},
        "full": {"max_length": 64, "learning_rate": 1e-3},
        "one-block": {"method": "full", "max_length": 256, "batch_size": 1},  # the second process has none
        "lora": {"max_length": 64, "lora_dropout": 0.1, "activation_checkpointing": True},
    },
    "evaluation": {
        "protocols": ["window"],
        "context_length": 128,
        "prompts": ["Once upon a time"],
        "max_new_tokens": 3,
        "resamples": 20,
    },
}
SENTIMENT_SPEC = {
    **SENTIMENT,
    "data": {"table": "sentence-polarity", "rows": 200},
    "budget": {"epochs": 1},
    "evaluation": {"resamples": 20},
    "contestants": {
        "linear": {},
        "lstm": {
            "embedding_size": 16,
            "hidden_size": 16,
            "batch_size": 33,
            "embedding_dropout": 0.0,
            "dropout": 0.0,
            "word_dropout": 0.0,
        },
        "corrected": {
            "method": "transformer",
            "model": "stories260k",
            "max_length": 32,
            "precision": "fp32",
            "linear_part": {},
        },
    },
}
SAME_IN_BOTH = ["full", "one-block"]


def torchrun(*arguments: str | os.PathLike[str]) -> Typed:
    found = subprocess.run(
        [sys.executable, *TORCHRUN, *map(os.fspath, arguments)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return Typed(found.returncode, found.stdout, found.stderr)


def environment_of_two() -> list[dict[str, str]]:
    """Return the environment that torchrun gives each of two processes; nobody listens at its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [{**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank} for rank in ("0", "1")]


def two_processes(*arguments: str | os.PathLike[str]) -> Typed:
    """Run a command in two processes with the environment that torchrun gives them."""
    processes = [fork(*arguments, env=environment) for environment in environment_of_two()]
    out, err = processes[0].communicate(timeout=200)
    code = processes[0].poll()
    if code != 0:
        processes[1].send_signal(signal.SIGTERM)
    assert processes[1].communicate(timeout=200) == ("", "")
    assert processes[1].poll() == 0 or code != 0
    return Typed(code, out, err)


def both(folder: Path, config: dict) -> tuple[RunFolder, RunFolder]:
    file = write_config_file(folder / "config.yaml", config)
    alone = bakeoff("run", file, "-o", folder / "alone")
    assert alone.code == 0, alone.err
    together = two_processes("run", file, "-o", folder / "together")
    assert together.code == 0, together.err
    (folder / "said.txt").write_text(together.out + together.err)
    return RunFolder(folder / "alone"), RunFolder(folder / "together")


@pytest.fixture(scope="module")
def language_models(tmp_path_factory) -> tuple[RunFolder, RunFolder]:
    return both(tmp_path_factory.mktemp("language-model"), LANGUAGE_MODEL_SPEC)


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory) -> tuple[RunFolder, RunFolder]:
    return both(tmp_path_factory.mktemp("classification"), SENTIMENT_SPEC)


def assert_same_weights(ours: Path, theirs: Path) -> None:
    (file,) = theirs.glob("*model.safetensors")
    expected, found = load_file(file), load_file(ours / file.name)
    assert found.keys() == expected.keys()
    errors = {name: float((found[name] - each).norm() / each.norm()) for name, each in expected.items()}
    assert {name: error for name, error in errors.items() if not error <= 1e-5} == {}


@pytest.mark.parametrize("contestant", SAME_IN_BOTH)
def test_weights_after_some_steps_are_those_of_one_process(language_models, contestant):
    alone, together = (run.contestant(contestant) for run in language_models)

    assert alone.result().training.steps == together.result().training.steps >= 3
    assert alone.result().training.tokens == together.result().training.tokens
    assert_same_weights(together.model, alone.model)


@pytest.mark.parametrize("contestant", SAME_IN_BOTH)
def test_losses_are_those_of_one_process(language_models, contestant):
    (steps, epochs), (our_steps, our_epochs) = (run.contestant(contestant).training_log() for run in language_models)

    assert [line.loss for line in our_steps] == pytest.approx([line.loss for line in steps], rel=1e-5)
    assert [line.validation_loss for line in our_epochs] == pytest.approx(
        [line.validation_loss for line in epochs], rel=1e-5
    )


def test_dropout_trains_nearly_the_same(language_models):
    """Its masks are others: no more than chance may differ."""
    alone, together = (run.contestant("lora").training_log()[1][-1].validation_loss for run in language_models)

    assert together != alone
    assert together == pytest.approx(alone, rel=1e-2)


def test_perplexity_of_a_contestant_is_that_of_one_process(language_models):
    alone, together = (run.contestant("pretrained").result().metrics for run in language_models)

    assert [metric.name for metric in together] == [metric.name for metric in alone]
    assert [metric.value for metric in together] == pytest.approx([metric.value for metric in alone], rel=1e-6)


@pytest.mark.parametrize("launch", [pytest.param(torchrun, marks=pytest.mark.slow), two_processes])
def test_the_perplexity_command_answers_once(tmp_path, launch):
    text = tmp_path / "text.txt"
    text.write_text("Once upon a time, there was a little girl named Lily. She loved to play outside. \n" * 40)
    command = ["perplexity", "stories260k", text, "--protocol", "document", "--context-length", "64", "--json"]

    together = launch(*command)

    assert together.code == 0, together.err
    assert len(together.out.splitlines()) == 1
    expected = bakeoff(*command).json
    assert together.json["perplexity"] == pytest.approx(expected["perplexity"], rel=1e-6)
    assert together.json["interval"] == pytest.approx(expected["interval"], rel=1e-6)


def test_there_is_one_report_and_one_voice(language_models):
    alone, together = language_models
    said = (together.path.parent / "said.txt").read_text()

    files = {file.relative_to(together.path) for file in together.path.rglob("*")}
    assert files == {file.relative_to(alone.path) for file in alone.path.rglob("*")}
    assert said.count("[2/4] full") == 1
    assert said.count("Report: ") == 1
    assert len(together.contestant("full").training_log()[0]) == len(alone.contestant("full").training_log()[0])


def test_a_classifier_s_batches_are_divided_too(classifiers):
    alone, together = (run.contestant("lstm") for run in classifiers)

    assert_same_weights(together.model, alone.model)
    assert [line.train_accuracy for line in together.training_log()[1]] == [
        line.train_accuracy for line in alone.training_log()[1]
    ]
    assert classifiers[1].contestant("linear").result().metrics == classifiers[0].contestant("linear").result().metrics


def test_a_transformer_with_a_linear_part_is_trained_evaluated_and_explained_by_both(classifiers):
    alone, together = (run.contestant("corrected") for run in classifiers)

    first_losses = [folder.training_log()[0][0].loss for folder in (alone, together)]
    assert first_losses[1] == pytest.approx(first_losses[0], rel=1e-5)  # afterwards, each process has its own dropout
    assert len(together.scores()) == len(alone.scores())
    assert all(sample.words for sample in together.samples() if sample.kind == "first")


def test_an_encoder_that_one_process_trains_with_is_evaluated_by_both(tmp_path, monkeypatch):
    try:
        check_installed("minilm-l6")
    except UserError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # where both unpack the model at the same time
    spec = {**SENTIMENT_SPEC, "data": {"table": "sentence-polarity", "rows": 60}, "contestants": {"embedding": {}}}
    file = write_config_file(tmp_path / "config.yaml", spec)

    for command in (["run", file, "-o", tmp_path / "run"], ["resume", tmp_path / "run"]):
        typed = two_processes(*command)
        assert typed.code == 0, typed.err

    assert RunFolder(tmp_path / "run").contestant("embedding").result().metrics


@pytest.mark.slow
def test_transformer_classifiers_are_sharded_too(tmp_path):
    full = {"method": "transformer", "model": "stories260k", "tuning": "full", "max_length": 32, "precision": "fp32"}
    contestants = {"full": full, "corrected": SENTIMENT_SPEC["contestants"]["corrected"]}
    ensemble = {"both": {"method": "ensemble", "members": list(contestants)}}
    spec = {**SENTIMENT_SPEC, "contestants": contestants | ensemble, "distributed": {"strategy": "fsdp"}}

    alone, together = both(tmp_path, spec)

    for name in contestants:
        ours, theirs = together.contestant(name), alone.contestant(name)
        (first, *_), (expected, *_) = (folder.training_log()[0] for folder in (ours, theirs))
        assert first.loss == pytest.approx(expected.loss, rel=1e-5)
        assert {file.name for file in ours.model.rglob("*")} == {file.name for file in theirs.model.rglob("*")}
    assert_same_weights(together.contestant("full").model, alone.contestant("full").model)
    assert together.contestant("both").result().metrics


@pytest.mark.slow
def test_ctrl_c_and_resume_end_as_an_uninterrupted_run_of_two(language_models, tmp_path):
    whole = language_models[1].path
    config = write_config_file(tmp_path / "config.yaml", LANGUAGE_MODEL_SPEC)
    killed = tmp_path / "killed"

    said = kill(start("run", config, "-o", killed, program=TORCHRUN), killed, 3, signal.SIGINT)

    assert said.count(f"bakeoff resume {killed}") == 1
    assert 3 <= lines_of_metrics(killed) < lines_of_metrics(whole)
    assert (killed / "contestants" / "full" / "checkpoint" / "state-00001.safetensors").exists()
    resumed = two_processes("resume", killed, "--json")
    assert resumed.code == 0, resumed.err
    assert json.loads(resumed.out)["folder"] == str(killed)
    assert everything_measured(killed) == everything_measured(whole)


def soon(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def assert_nobody_keeps_it_locked(run: Path, parent: Forked | subprocess.Popen[str]) -> None:
    """Kill the parent of the processes of a run as soon as they have begun. They must end."""
    assert soon((run / LOCK).exists)
    children = psutil.Process(parent.pid).children(recursive=True)
    assert children
    parent.send_signal(signal.SIGKILL)
    try:
        assert soon(lambda: not any(map(lives, children)))
    finally:
        for child in filter(lives, children):
            child.kill()
        parent.communicate(timeout=60)
    with locked(run / LOCK, patience=30):  # the last of their threads may be about to end
        pass


def start_the_first(words: list[str]) -> None:
    """Start the first of two processes in a session of its own, as torchrun does, and wait for it."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os._exit(main(words))
    os.waitpid(child, 0)


def test_a_process_that_waits_for_others_ends_when_torchrun_is_killed(tmp_path):
    config = write_config_file(tmp_path / "config.yaml", SENTIMENT_SPEC)
    words = ["run", config, "-o", tmp_path / "run"]

    parent = Forked(start_the_first, words, env=environment_of_two()[0])

    assert_nobody_keeps_it_locked(tmp_path / "run", parent)


def test_a_process_ends_that_comes_after_torchrun_was_killed(tmp_path):
    config = write_config_file(tmp_path / "config.yaml", SENTIMENT_SPEC)
    environment = {**environment_of_two()[0], "TORCHELASTIC_USE_AGENT_STORE": "True"}

    process = fork("run", config, "-o", tmp_path / "run", env=environment)

    assert process.communicate(timeout=60) == ("", "")
    assert process.poll() == 1


@pytest.mark.slow
def test_nobody_keeps_a_run_locked_whose_torchrun_was_killed(tmp_path):
    config = write_config_file(tmp_path / "config.yaml", SENTIMENT_SPEC)

    assert_nobody_keeps_it_locked(tmp_path / "run", start("run", config, "-o", tmp_path / "run", program=TORCHRUN))


def test_a_finished_run_is_reported_anew(language_models):
    together = language_models[1]
    before = everything_measured(together.path)

    typed = two_processes("resume", together.path, "--json", "--set", "tracker=wandb")

    assert typed.code == 0, typed.err
    assert len(typed.out.splitlines()) == 1
    assert together.config_values()["tracker"] == "wandb"
    assert everything_measured(together.path) == before


def test_what_cannot_be_sharded_is_refused(tmp_path):
    file = write_config_file(tmp_path / "config.yaml", {**SENTIMENT_SPEC, "distributed": {"strategy": "fsdp"}})

    said = refused("run", file, "-o", tmp_path / "run")

    assert "'lstm' cannot be trained with `distributed.strategy: fsdp`" in said
    assert not (tmp_path / "run").exists()


def test_a_mistake_is_explained_once(tmp_path):
    file = write_config_file(tmp_path / "config.yaml", {**LANGUAGE_MODEL_SPEC, "model": "./no-such-model"})

    typed = two_processes("run", file, "-o", tmp_path / "run")

    assert typed.code == 2
    assert typed.out == ""
    assert typed.err.count("There is no model ./no-such-model") == 1
    assert not (tmp_path / "run").exists()


SHORT_OF_MEMORY = {
    "loading": ("bakeoff.pretrained.sharded_loading.load_weights", 1, 0),
    "looking-ahead": ("bakeoff.machine.memory_growth", 1, 1),
    "first-step": ("bakeoff.training.steps.update", 1, 1),
    "step": ("bakeoff.methods.fine_tuning.learner.FineTuningLearner.loss", 4, 1),
    "step-of-main": ("bakeoff.methods.fine_tuning.learner.FineTuningLearner.loss", 4, 0),
    "validation": ("bakeoff.lm.forward.CausalForward._losses", 2, 1),
    "saving": ("bakeoff.methods.fine_tuning.learner.save_full", 2, 0),
    "evaluation": ("bakeoff.tasks.language_model.score_plan", 1, 0),
}
"""What runs out of memory, when it is called for which time, and in which of two processes."""


def run_short_of_memory(words: list[str]) -> int:
    target, calls, *command = words
    owner, _, name = target.rpartition(".")
    place = pkgutil.resolve_name(owner)
    function, counted = getattr(place, name), itertools.count(1)

    def short(*arguments: Any, **settings: Any) -> Any:
        if next(counted) == int(calls):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return function(*arguments, **settings)

    setattr(place, name, short)
    pkgutil.resolve_name("bakeoff.training.torchrun").GRACE_SECONDS = 1.0
    return main(command)


@pytest.mark.parametrize(
    "when", [pytest.param(when, marks=[] if when == "step" else pytest.mark.slow) for when in SHORT_OF_MEMORY]
)
def test_without_memory_a_run_ends_with_a_sentence_and_can_be_resumed(language_models, tmp_path, when):
    target, calls, short = SHORT_OF_MEMORY[when]
    only_full = {**LANGUAGE_MODEL_SPEC, "contestants": {"full": LANGUAGE_MODEL_SPEC["contestants"]["full"]}}
    command = ["run", write_config_file(tmp_path / "config.yaml", only_full), "-o", tmp_path / "run"]

    processes = [
        Forked(run_short_of_memory, [target, str(calls), *command], env=environment)
        if rank == short
        else fork(*command, env=environment)
        for rank, environment in enumerate(environment_of_two())
    ]
    said = [process.communicate(timeout=100)[1] for process in processes]

    assert [process.poll() for process in processes] == [2, 2]
    assert "not enough memory" in said[short]
    assert "lower max_length" in said[short]
    assert "Another process of this run has ended unexpectedly." in said[1 - short]
    assert "Traceback" not in "".join(said)
    if when in ("loading", "looking-ahead", "first-step"):
        assert "Nothing had been trained" in said[short]
        assert not (tmp_path / "run").exists()
        return
    assert f"bakeoff resume {tmp_path / 'run'}" in said[short]
    assert two_processes("resume", tmp_path / "run").code == 0
    ours, expected = (run.contestant("full").result() for run in (RunFolder(tmp_path / "run"), language_models[1]))
    assert ours.metrics == expected.metrics
