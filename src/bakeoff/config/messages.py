"""Describe problems of a config to its author: where, what is wrong, what was probably meant."""

from __future__ import annotations

import re
import types
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from bakeoff.config.bakeoff import CONFIGS
from bakeoff.config.language_model import data_section
from bakeoff.config.locations import Located
from bakeoff.config.presets import with_preset
from bakeoff.methods.base import Task
from bakeoff.methods.registry import get_method
from bakeoff.spelling import nearest

_RENAMED = {
    "judge": "evaluation",
    "warmup_steps": "warmup",
    "block_size": "max_length",
    "alpha": "lora_alpha",
}
"""Keys of format 1 -> today's."""


def describe(problem: Any, located: Located, task: Task) -> str:
    """Return one of pydantic's errors as a sentence for the author of the config."""
    path = tuple(problem["loc"])
    field = ".".join(str(part) for part in path) or "the config"
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        keys = _keys(path[:-1], located, task)
        renamed = _RENAMED.get(str(path[-1]))
        near = renamed if renamed in keys else nearest(str(path[-1]), keys)
        text = f"unknown key '{path[-1]}'" + (f"; did you mean '{near}'?" if near else "")
    elif kind == "missing":
        text = "is missing"
    elif kind == "literal_error":
        near = nearest(str(value), re.findall(r"'([^']*)'", context["expected"]))
        text = f"must be {context['expected']}, not {value!r}" + (f"; did you mean '{near}'?" if near else "")
    elif kind == "value_error":
        text = str(context["error"])
    elif kind == "model_type":
        text = f"must be `key: value` pairs, not {value!r}"
    elif kind.startswith("int_"):
        text = f"must be a whole number, not {value!r}"
    elif kind.startswith("float_"):
        text = f"must be a number, not {value!r}"
    else:
        text = problem["msg"].replace("Input should be", "must be") + f", not {value!r}"
    return f"{prefix(located.place(path))}{field}: {text}"


def _keys(path: Sequence[str | int], located: Located, task: Task) -> list[str]:
    """Return the valid keys of the section at `path`."""
    section: type[BaseModel] = CONFIGS[task]
    parts = list(path)
    if parts[:1] == ["contestants"]:
        name = str(parts[1])
        settings = located.values["contestants"][name] or {}
        method = with_preset(name, settings).get("method", name)
        section, parts = get_method(task, str(method)).config, parts[2:]
    if task == "language-model" and parts[:1] == ["data"]:
        section, parts = data_section(located.values["data"]), parts[1:]
    for part in parts:
        key = section.model_fields.get(str(part))
        found = section_of(key.annotation) if key else None
        if found is None:
            return []
        section = found
    return list(section.model_fields)


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a key of type `Section` or `Section | None` holds; None for plain values."""
    for kind in get_args(annotation) if get_origin(annotation) is types.UnionType else (annotation,):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def prefix(place: str) -> str:
    """Return a place as the beginning of a message."""
    return f"{place}: " if place else ""
