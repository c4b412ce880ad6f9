"""Every registered method keeps the same promises, those of installed packages included.

A new method needs no edit here. `SMALL` makes every contestant small: each value goes to the configs that have a field
of that name. What else a method needs is in `tests/methods/NAME/contract.py`, where there is one.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.methods.base import Method, Task
from bakeoff.methods.gradient import GradientMethod
from bakeoff.methods.registry import METHODS, get_method, method_names
from bakeoff.runs.checksums import MANIFEST
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import ContestantResult
from bakeoff.training.progress import Progress
from tests.baking import bake, plan
from tests.methods.answers import all_answers, answers, texts_for
from tests.methods.own_settings import own_contract, own_settings
from tests.methods.small_data import small_table
from tests.processes import SERVER

SMALL: dict[str, Any] = {
    "batch_size": 8,
    "embedding_size": 8,
    "hidden_size": 8,
    "max_length": 32,
    "members": ["majority", "linear"],
    "min_document_frequency": 1,
    "model": "stories260k",
    "r": 2,
}
TASKS: dict[Task, dict[str, Any]] = {
    "classification": {
        "data": {"table": "not read here"},
        "budget": {"epochs": 2},
        "evaluation": {"resamples": 20},
    },
    "language-model": {
        "model": "stories260k",
        "precision": "fp32",
        "data": {"text": "not read here"},
        "budget": {"epochs": 2},
        "evaluation": {"protocols": ["document"], "context_length": 64, "resamples": 20},
    },
}
CASES = [pytest.param(task, name, id=f"{task}-{name}") for task in METHODS for name in method_names(task)]

every_method = pytest.mark.parametrize(("task", "name"), CASES)
pytestmark = pytest.mark.usefixtures("one_thread")


def small_config(task: Task, name: str, seed: int = 12, **changes: Any) -> BakeoffConfig:
    """Return a bake-off of one small contestant, behind the members that it builds on."""

    def settings(method: str) -> dict[str, Any]:
        fields = get_method(task, method).config.model_fields
        return {**{key: value for key, value in SMALL.items() if key in fields}, **own_settings(method)}

    members = settings(name).get("members", [])
    contestants = {**{member: settings(member) for member in members}, name: {**settings(name), **changes}}
    own = getattr(own_contract(name), "CONFIG", {})
    return load_config({"task": task, "seed": seed, "contestants": contestants, **TASKS[task], **own})


def data_for(data: dict[Task, Any], task: Task, name: str) -> Any:
    """Return the small data of a task, or those that a method brings because it needs another kind."""
    return getattr(own_contract(name), "DATA", data[task])


@dataclass(frozen=True)
class Trained:
    """A contestant that was trained and evaluated without interruption."""

    config: BakeoffConfig
    folder: ContestantFolder
    result: ContestantResult
    members: dict[str, ContestantFolder]


Train = Callable[..., Trained]


@pytest.fixture(scope="module")
def data(split) -> dict[Task, Any]:
    return {"classification": small_table(rows=64), "language-model": split}


@pytest.fixture(scope="module")
def train(data, tmp_path_factory) -> Train:
    """Train every contestant once."""
    done: dict[tuple[str, str, int], Trained] = {}

    def trained(task: Task, name: str, seed: int = 12) -> Trained:
        if (task, name, seed) not in done:
            config = small_config(task, name, seed)
            members = {member: trained(task, member, seed).folder for member in config.contestants[name].builds_on}
            folder = ContestantFolder(tmp_path_factory.mktemp(name) / name)
            result = bake(config, name, data_for(data, task, name), folder, earlier=members)
            folder.write_result(result)
            done[task, name, seed] = Trained(config, folder, result, members)
        return done[task, name, seed]

    return trained


@pytest.fixture(scope="module")
def fresh_answers(request, train) -> dict[tuple[str, str], list[list[float]]]:
    """What every tested contestant answers in a process that has only its folder."""
    items = [getattr(item, "callspec", None) for item in request.session.items if "fresh_answers" in item.fixturenames]
    cases = [(item.params["task"], item.params["name"]) for item in items if item]
    models = [(task, train(task, name).folder.model, texts_for(task, name)) for task, name in cases]
    with ProcessPoolExecutor(1, SERVER) as process:
        return dict(zip(cases, process.submit(all_answers, models).result(), strict=True))


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of all files of a model; its checksums are complete once there is a result."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def method_of(task: Task, name: str) -> Method[Any, Any]:
    return get_method(task, name)


# --- training -------------------------------------------------------------------------------------------------------


@every_method
def test_a_fresh_process_gives_the_same_answers(train, fresh_answers, task, name):
    own = answers(task, train(task, name).folder.model, texts_for(task, name))

    assert np.isfinite(own).all()
    assert np.array(fresh_answers[task, name]) == pytest.approx(np.array(own), rel=1e-6, abs=1e-9)


@every_method
def test_an_answer_depends_neither_on_the_other_texts_nor_on_their_order(train, task, name):
    model, texts = train(task, name).folder.model, texts_for(task, name)
    together = np.array(answers(task, model, texts))

    backwards = answers(task, model, texts[::-1])[::-1]
    alone = answers(task, model, texts[-2:-1])

    assert np.array(backwards) == pytest.approx(together, rel=1e-4, abs=1e-6)
    assert np.array(alone) == pytest.approx(together[-2:-1], rel=1e-4, abs=1e-6)


@every_method
def test_probabilities_add_up_to_one(train, task, name):
    rows = np.array(answers(task, train(task, name).folder.model, texts_for(task, name)))

    assert (rows >= 0).all()
    if task == "classification":
        assert rows.shape == (len(texts_for(task, name)), 2)
        assert rows.sum(axis=1) == pytest.approx(1)


class StopsAt(Progress):
    """Ctrl-C after a step."""

    def __init__(self, step: int) -> None:
        self._step = step

    def step(self, line, share):
        if line.step == self._step:
            raise KeyboardInterrupt


@every_method
def test_a_second_fit_or_a_resumed_one_ends_with_the_same_model(train, data, tmp_path, task, name):
    whole, again = train(task, name), ContestantFolder(tmp_path / name)
    if isinstance(method_of(task, name), GradientMethod):
        middle = StopsAt(whole.result.training.steps * 3 // 4)
        with pytest.raises(KeyboardInterrupt):
            bake(whole.config, name, data_for(data, task, name), again, middle, whole.members)

    result = bake(whole.config, name, data_for(data, task, name), again, earlier=whole.members)

    assert result.metrics == whole.result.metrics
    assert files(again.model) == files(whole.folder.model)


@every_method
def test_the_seed_matters_exactly_where_the_method_says_so(train, task, name):
    first = train(task, name)
    if first.config.contestants[name].builds_on:
        pytest.skip("its seeds are those of its members")

    other = train(task, name, seed=13)

    same = files(first.folder.model) == files(other.folder.model)
    assert same != method_of(task, name).uses_seed


@every_method
def test_what_is_counted_in_a_plan_is_what_then_happens(train, data, task, name):
    trained = train(task, name)
    result, cost = trained.result, trained.result.training

    planned = plan(trained.config, data_for(data, task, name))[name]

    assert (planned.name, planned.method) == (result.name, result.method)
    assert planned.total_parameters in (None, result.total_parameters)
    assert planned.model_bytes == pytest.approx(result.model_bytes, rel=0.25, abs=2000)
    assert planned.disk_bytes >= planned.model_bytes
    assert planned.total_seconds >= planned.training_seconds + planned.evaluation_seconds
    assert planned.total_seconds > 0 or trained.members  # who have answered by then
    assert planned.peak_memory_bytes > 0
    if not trained.members:
        assert planned.trainable_parameters in (None, result.trainable_parameters)
    if isinstance(method_of(task, name), GradientMethod):
        assert (planned.steps, planned.tokens, planned.epochs) == (cost.steps, cost.tokens, cost.epochs)
        assert planned.training_seconds > 0


@every_method
def test_balanced_class_weights_make_a_rare_class_likelier(tmp_path, task, name):
    if "class_weights" not in method_of(task, name).config.model_fields:
        pytest.skip("it offers no class weights")
    table = small_table()
    rows = [row for row, label in enumerate(table.train.labels) if label == 0 or row % 8 == 1]
    table = dataclasses.replace(table, train=table.train.of(rows))
    means = []
    for rule in ("none", "balanced"):
        folder = ContestantFolder(tmp_path / rule)
        bake(small_config(task, name, class_weights=rule), name, table, folder)
        means.append(np.mean(answers(task, folder.model, table.test.texts), axis=0)[1])

    assert means[1] > means[0] + 0.01


# --- refusals -------------------------------------------------------------------------------------------------------


@every_method
def test_a_mistyped_setting_is_refused_with_the_nearest_one(task, name):
    for key in method_of(task, name).config.model_fields:
        with pytest.raises(UserError) as caught:
            small_config(task, name, **{f"{key}x": 1})
        assert f"unknown key '{key}x'; did you mean '{key}'?" in str(caught.value)


@every_method
def test_two_texts_are_learned_from_or_refused(data, tmp_path, task, name):
    if task != "classification":
        pytest.skip("for tables")
    table, config = small_table(rows=2), small_config(task, name)
    if config.contestants[name].builds_on:
        pytest.skip("its members learn")
    try:
        method_of(task, name).check(name, config.contestants[name], table)
    except UserError as error:
        assert f"contestants.{name}" in str(error)  # noqa: PT017 (refusing is allowed, not required)
        return

    bake(config, name, table, ContestantFolder(tmp_path / name))

    assert np.isfinite(answers(task, tmp_path / name / "model", texts_for(task, name))).all()


# --- words ----------------------------------------------------------------------------------------------------------


@every_method
def test_it_describes_its_models_and_its_settings(train, task, name):
    method, result = method_of(task, name), train(task, name).result

    assert len(result.description) > 20
    assert result.description[0].isupper()
    assert not result.description.endswith(".")
    assert "\n" not in result.description
    assert result.token_unit == method.token_unit
    assert method.config.__doc__
    fields = method.config.model_fields
    assert [key for key, field in fields.items() if key != "method" and not field.description] == []


def test_configs_can_be_read_without_a_heavy_library():
    code = """
import sys
from bakeoff.methods.registry import METHODS, get_method, method_names
for task in METHODS:
    for name in method_names(task):
        get_method(task, name)
        print(*({"torch", "transformers", "sklearn", "peft", "scipy"} & set(sys.modules)), task, name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [f"{task} {name}" for task in METHODS for name in method_names(task)]
