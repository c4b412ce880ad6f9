"""Find methods by name.

A name leads to `"module:Class"`, which is imported when somebody asks for it. Packages add methods of their own through
the entry-point group `bakeoff.methods`; `docs/how-to/add-a-method.md` shows one.
"""

from __future__ import annotations

import functools
import importlib
from importlib import metadata
from typing import Any

from bakeoff.errors import UserError
from bakeoff.methods.base import Method, Task
from bakeoff.spelling import nearest

ENTRY_POINTS = "bakeoff.methods"

METHODS: dict[Task, dict[str, str]] = {
    "classification": {
        "majority": "bakeoff.methods.majority.method:MajorityMethod",
        "linear": "bakeoff.methods.linear.method:LinearMethod",
        "lstm": "bakeoff.methods.recurrent.method:RecurrentMethod",
        "gru": "bakeoff.methods.recurrent.method:RecurrentMethod",
        "transformer": "bakeoff.methods.transformer.method:TransformerMethod",
        "ensemble": "bakeoff.methods.ensemble.method:EnsembleMethod",
    },
    "language-model": {
        "pretrained": "bakeoff.methods.pretrained.method:PretrainedMethod",
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
    method = _installed().get(name)
    if method is None or method.task != task:
        choices = method_names(task)
        near = nearest(name, choices)
        raise UserError(
            f"'{name}' is not a method of task {task}.",
            f"Did you mean '{near}'? " * bool(near) + f"Methods: {', '.join(choices)}.",
        )
    return method


def method_names(task: Task) -> list[str]:
    """Return the names of all methods of a task, built-in ones first."""
    return [*METHODS[task], *(name for name, method in sorted(_installed().items()) if method.task == task)]


@functools.cache
def _load(target: str) -> Method[Any, Any]:
    module, _, name = target.partition(":")
    method: Method[Any, Any] = getattr(importlib.import_module(module), name)()
    return method


@functools.cache
def _installed() -> dict[str, Method[Any, Any]]:
    """Return the methods of other packages by name.

    Raises:
        UserError: one cannot be imported, or has the name of another method.
    """
    built_in = {name for names in METHODS.values() for name in names}
    methods: dict[str, Method[Any, Any]] = {}
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        package = entry.dist.name if entry.dist else entry.value
        if entry.name in built_in or entry.name in methods:
            raise UserError(
                f"The package {package} offers a method '{entry.name}', and there is one of that name already.",
                f"Uninstall it: pip uninstall {package}",
            )
        try:
            methods[entry.name] = entry.load()()
        except Exception as error:  # whatever somebody else's module may raise
            raise UserError(
                f"The method '{entry.name}' of the package {package} cannot be loaded: {error}",
                f"Mend or uninstall the package: pip uninstall {package}",
            ) from error
    return methods
