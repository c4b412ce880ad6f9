"""From a name, a file or a mapping to a checked config. All problems are reported at once, each with its place."""

from __future__ import annotations

import copy
import difflib
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_origin

import pydantic
import yaml
from pydantic import BaseModel

from bakeoff.config.locations import Located, apply_override, read_yaml
from bakeoff.errors import UserError

CONFIGS: dict[str, type[schema.ClassificationConfig] | type[schema.LanguageModelConfig]] = {
    "classification": schema.ClassificationConfig,
    "language-model": schema.LanguageModelConfig,
}
CONTESTANTS: dict[str, tuple[type[schema.Section], ...]] = {
    "classification": get_args(get_args(schema.ClassificationContestant)[0]),
    "language-model": get_args(get_args(schema.LanguageModelContestant)[0]),
}


def builtin_names() -> list[str]:
    """Names of the built-in bake-offs."""
    folder = resources.files("bakeoff.config") / "builtin"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def presets() -> dict[str, dict[str, Any]]:
    """Contestants that come with all their settings, by name."""
    text = (resources.files("bakeoff.config") / "presets.yaml").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return loaded


def methods(task: str) -> dict[str, type[schema.Section]]:
    """Training methods of a task -> the class of their settings."""
    return {method: kind for kind in CONTESTANTS[task] for method in get_args(kind.model_fields["method"].annotation)}


def load_config(source: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> schema.BakeoffConfig:
    """Read and check a config.

    Args:
        source: Name of a built-in bake-off, path of a YAML file, or the values themselves.
        overrides: Assignments such as `contestants.lstm.hidden_size=256`.

    Raises:
        UserError: naming every unknown key, wrong type and impossible combination, with file, line and nearest name.
    """
    located = _read(source)
    for assignment in overrides:
        apply_override(located, assignment)
    task = located.values.get("task")
    if task not in CONFIGS:
        wrong = f"task: {task!r} is not a task" if task is not None else "the key `task` is missing"
        raise UserError(f"{_prefix(located.place(('task',)))}{wrong}.", f"Tasks: {', '.join(CONFIGS)}.")
    problems = list(located.problems)
    values = {**located.values, "contestants": _resolve_contestants(located, task, problems)}
    try:
        config = CONFIGS[task].model_validate(values)
    except pydantic.ValidationError as error:
        problems += [_describe(problem, located, task) for problem in error.errors()]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise UserError(f"The config has {count}:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return config


def _read(source: str | Path | Mapping[str, Any]) -> Located:
    if isinstance(source, Mapping):
        return Located(copy.deepcopy(dict(source)))
    if str(source) in builtin_names():
        name = str(source)
        text = (resources.files("bakeoff.config") / "builtin" / f"{name}.yaml").read_text(encoding="utf-8")
        located = read_yaml(text, f"{name}.yaml")
        located.values.setdefault("name", name)
        return located
    path = Path(source)
    if not path.is_file():
        near = nearest(str(source), [*builtin_names(), *(str(file) for file in Path().glob("*.yaml"))])
        raise UserError(
            f"{source} is neither a file nor a built-in bake-off.",
            f"Did you mean {near}? " * bool(near) + f"Built in: {', '.join(builtin_names())}.",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}).") from None
    located = read_yaml(text, str(path))
    located.values.setdefault("name", path.stem)
    return located


def _resolve_contestants(located: Located, task: str, problems: list[str]) -> dict[str, Any]:
    """Fill in each contestant's method and preset."""
    contestants = located.values.get("contestants")
    known, preset = methods(task), presets()
    place = _prefix(located.place(("contestants",)))
    if not isinstance(contestants, dict) or not contestants:
        problems.append(f"{place}contestants: name at least one, for example `{next(iter(known))}: {{}}`")
        return {}
    resolved: dict[str, Any] = {}
    for name, settings in contestants.items():
        place = _prefix(located.place(("contestants", str(name))))
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", str(name)):
            problems.append(f"{place}contestants: '{name}' must consist of letters, digits, '-', '_' and '.'")
            continue
        settings = {} if settings is None else settings
        if not isinstance(settings, dict):
            problems.append(f"{place}contestants.{name}: settings are `key: value` pairs, not {settings!r}")
            continue
        merged = _merge(preset.get(name, {}), settings)
        method = merged.setdefault("method", name)
        if method not in known:
            choices = [*known, *(each for each in preset if preset[each]["method"] in known)]
            near = nearest(str(method), choices)
            problems.append(
                f"{place}contestants.{name}: '{method}' is not a method of task {task}"
                + (f"; did you mean '{near}'?" if near else ".")
                + f" Methods: {', '.join(choices)}. A contestant of another name needs `method: {next(iter(known))}`"
            )
            continue
        resolved[name] = merged
    return resolved


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(base))
    for key, value in changes.items():
        both = isinstance(merged.get(key), dict) and isinstance(value, Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _describe(problem: Any, located: Located, task: str) -> str:
    """One of pydantic's errors in the user's words."""
    path = tuple(problem["loc"])
    if path[:1] == ("contestants",) and len(path) > 2:
        path = (*path[:2], *path[3:])  # pydantic puts the method between the name and the key
    field = ".".join(str(part) for part in path) or "the config"
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        near = nearest(str(path[-1]), _keys(path[:-1], located, task))
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
    return f"{_prefix(located.place(path))}{field}: {text}"


def _keys(path: Sequence[str | int], located: Located, task: str) -> list[str]:
    """The valid keys of the section at `path`."""
    section: type[BaseModel] = CONFIGS[task]
    parts = list(path)
    if parts[:1] == ["contestants"]:
        name = str(parts[1])
        settings = located.values["contestants"][name] or {}
        method = _merge(presets().get(name, {}), settings).get("method", name)
        section, parts = methods(task)[str(method)], parts[2:]
    for part in parts:
        found = section_of(section.model_fields[str(part)].annotation)
        if found is None:
            return []
        section = found
    return list(section.model_fields)


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a key holds, be it always there or `Section | None`; None for plain values."""
    for kind in get_args(annotation) if get_origin(annotation) is types.UnionType else (annotation,):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice that looks most like a mistyped name, if any comes close."""
    found = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return found[0] if found else None


def _prefix(place: str) -> str:
    return f"{place}: " if place else ""
