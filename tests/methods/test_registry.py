"""Names lead to methods; a name that no method has is refused in one way everywhere."""

from __future__ import annotations

from importlib import metadata

import pytest

from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.methods import registry
from bakeoff.methods.majority.method import MajorityMethod
from bakeoff.methods.registry import METHODS, get_method, method_names
from bakeoff.methods.saved import CalibratedClassifier, write_classifier
from bakeoff.tasks.classifier import load_classifier
from tests.methods.own_settings import own_settings


@pytest.fixture
def installed(monkeypatch):
    """Let packages offer methods: name -> target."""
    caches = (registry._entry_points, registry._load_installed)

    def offer(*entries: tuple[str, str]) -> None:
        found = [metadata.EntryPoint(name, target, registry.ENTRY_POINTS) for name, target in entries]
        monkeypatch.setattr(metadata, "entry_points", lambda group: found)
        for cache in caches:
            cache.cache_clear()

    yield offer
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize(("task", "name"), [(task, name) for task, names in METHODS.items() for name in names])
def test_every_method_is_of_its_task_and_its_config_names_it(task, name):
    method = get_method(task, name)

    assert method.task == task
    assert method.config.model_validate({"method": name, **required(method)}).method == name


def required(method) -> dict:
    name = method.config.model_fields["method"].default
    values = {"members": ["a", "b"], "model": "stories260k", **own_settings(str(name))}
    return {key: values[key] for key, field in method.config.model_fields.items() if field.is_required()}


def refusal_by_config() -> None:
    load_config({"task": "classification", "data": {"table": "a.csv"}, "contestants": {"a": {"method": "liner"}}})


@pytest.mark.parametrize("ask", [lambda: get_method("classification", "liner"), refusal_by_config])
def test_an_unknown_name_is_refused_with_the_nearest(ask):
    with pytest.raises(UserError) as caught:
        ask()

    said = str(caught.value)
    assert "'liner' is not a method of task classification; did you mean 'linear'? Methods: majority, " in said
    assert "install that package" in said


def test_a_saved_classifier_of_an_unknown_method_is_refused(tmp_path):
    write_classifier(tmp_path, CalibratedClassifier("centroid", ["a", "b"], {}, temperature=1.0))

    with pytest.raises(UserError, match="'centroid' is not a method of task classification"):
        load_classifier(tmp_path)


def test_a_method_of_the_other_task_is_no_method_of_this_one():
    with pytest.raises(UserError, match="'lora' is not a method of task classification"):
        get_method("classification", "lora")


def test_an_installed_method_is_found_and_listed(installed):
    installed(("mine", "bakeoff.methods.majority.method:MajorityMethod"))

    assert isinstance(get_method("classification", "mine"), MajorityMethod)
    assert method_names("classification")[-1] == "mine"
    assert "mine" not in method_names("language-model")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no_such_module:Method", "cannot be loaded: No module named 'no_such_module'"),
        ("bakeoff.methods.majority.model:MajorityModel", "cannot be loaded"),
        ("collections:OrderedDict", "is not a subclass of bakeoff.methods.base.Method"),
    ],
)
def test_a_broken_package_is_named_and_the_other_methods_work(installed, target, said):
    installed(("broken", target))

    assert get_method("classification", "linear").uses_seed is False
    with pytest.raises(UserError, match=said):
        get_method("classification", "broken")
    with pytest.raises(UserError, match=said):
        load_config({"task": "classification", "data": {"table": "a.csv"}, "contestants": {"broken": {}}})


@pytest.mark.parametrize("entries", [["linear"], ["mine", "mine"]])
def test_a_name_that_is_taken_is_refused(installed, entries):
    installed(*((name, "bakeoff.methods.majority.method:MajorityMethod") for name in entries))

    with pytest.raises(UserError, match="there is already one of that name"):
        method_names("classification")
