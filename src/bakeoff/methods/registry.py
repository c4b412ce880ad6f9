"""Find methods by name.

A name leads to `"module:Class"`, which is imported when somebody asks for it. Packages add methods of their own through
the entry-point group `bakeoff.methods`; `docs/how-to/add-a-method.md` shows one.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib import metadata
from typing import Any, cast

from bakeoff.errors import UserError
from bakeoff.methods.base import ClassificationMethod, LanguageModelMethod, Method, Task
from bakeoff.spelling import nearest
from bakeoff.targets import load_target

ENTRY_POINTS = "bakeoff.methods"
INSTALL_IT = "If another package offers it, install that package."

METHODS: dict[Task, dict[str, str]] = {
    "classification": {
        "majority": "bakeoff.methods.majority.method:MajorityMethod",
        "linear": "bakeoff.methods.linear.method:LinearMethod",
        "lstm": "bakeoff.methods.recurrent.method:RecurrentMethod",
        "gru": "bakeoff.methods.recurrent.method:RecurrentMethod",
        "fasttext": "bakeoff.methods.fasttext.method:FastTextMethod",
        "estimator": "bakeoff.methods.estimator.method:EstimatorMethod",
        "predictions": "bakeoff.methods.predictions.method:PredictionsMethod",
        "embedding": "bakeoff.methods.embedding.method:EmbeddingMethod",
        "setfit": "bakeoff.methods.setfit.method:SetFitMethod",
        "transformer": "bakeoff.methods.transformer.method:TransformerMethod",
        "prompt": "bakeoff.methods.prompt.method:PromptMethod",
        "ensemble": "bakeoff.methods.ensemble.method:EnsembleMethod",
    },
    "language-model": {
        "pretrained": "bakeoff.methods.pretrained.method:PretrainedMethod",
        "few-shot": "bakeoff.methods.few_shot.method:FewShotMethod",
        "full": "bakeoff.methods.full.method:FullMethod",
        "lora": "bakeoff.methods.lora.method:LoraMethod",
    },
}


def get_method(task: Task, name: str) -> Method[Any, Any]:
    """Return the method of that name.

    Raises:
        UserError: there is none, or the package that offers it cannot be loaded.
    """
    if name in METHODS[task]:
        return _load(METHODS[task][name])
    if name in _entry_points():
        method = _load_installed(name)
        if method.task == task:
            return method
    raise UserError(unknown_method(task, name, method_names(task)), INSTALL_IT)


def get_classification_method(name: str) -> ClassificationMethod[Any]:
    """Return the method of that name for `task: classification`; raises as `get_method`."""
    return cast("ClassificationMethod[Any]", get_method("classification", name))


def get_language_model_method(name: str) -> LanguageModelMethod[Any]:
    """Return the method of that name for `task: language-model`; raises as `get_method`."""
    return cast("LanguageModelMethod[Any]", get_method("language-model", name))


def unknown_method(task: Task, name: str, choices: Sequence[str]) -> str:
    """Return the sentences that refuse a name and propose the nearest choice."""
    near = nearest(name, choices)
    meant = f"; did you mean '{near}'?" if near else "."
    return f"'{name}' is not a method of task {task}{meant} Methods: {', '.join(choices)}."


def method_names(task: Task) -> list[str]:
    """Return the names of all methods of a task, built-in ones first."""
    return [*METHODS[task], *(name for name in sorted(_entry_points()) if _is_for(task, name))]


def _is_for(task: Task, name: str) -> bool:
    try:
        return _load_installed(name).task == task
    except UserError:  # `get_method` tells whoever asks for it; the other methods work
        return True


@functools.cache
def _load(target: str) -> Method[Any, Any]:
    method: Method[Any, Any] = load_target(target)()
    return method


@functools.cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    """Return what other packages offer, by name; nothing is imported yet.

    Raises:
        UserError: two packages offer the same name, or one takes the name of a built-in method.
    """
    built_in = {name for names in METHODS.values() for name in names}
    entries: dict[str, metadata.EntryPoint] = {}
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        if entry.name in built_in or entry.name in entries:
            raise UserError(
                f"The package {_package(entry)} offers a method '{entry.name}', but there is already one of that name.",
                f"Uninstall it: pip uninstall {_package(entry)}",
            )
        entries[entry.name] = entry
    return entries


@functools.cache
def _load_installed(name: str) -> Method[Any, Any]:
    """Import a method of another package.

    Raises:
        UserError: it cannot be imported, or is no method.
    """
    entry = _entry_points()[name]
    try:
        method = entry.load()()
        if not isinstance(method, Method):
            raise TypeError(f"{entry.value} is not a subclass of bakeoff.methods.base.Method")
    except Exception as error:  # whatever somebody else's module may raise
        raise UserError(
            f"The method '{name}' of the package {_package(entry)} cannot be loaded: {error}",
            f"Fix or uninstall the package: pip uninstall {_package(entry)}",
        ) from error
    return method


def _package(entry: metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value
