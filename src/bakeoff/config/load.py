"""Load and check a config. All problems are reported at once, each with its file and line."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pydantic

from bakeoff.config.bakeoff import CONFIGS, BakeoffConfig
from bakeoff.config.locations import Located, apply_override, read_yaml
from bakeoff.config.messages import describe, prefix
from bakeoff.config.paths import with_paths_beside
from bakeoff.config.presets import presets, with_preset
from bakeoff.errors import UserError
from bakeoff.methods.base import Task
from bakeoff.methods.registry import INSTALL_IT, method_names, unknown_method
from bakeoff.spelling import nearest


def builtin_names() -> list[str]:
    """Return the names of the built-in bake-offs."""
    folder = resources.files("bakeoff.config") / "builtin"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def load_config(source: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> BakeoffConfig:
    """Read and check a config.

    Args:
        source: Name of a built-in bake-off, path of a YAML file, or the values themselves.
        overrides: Assignments such as `contestants.lstm.hidden_size=256`.

    Raises:
        UserError: names every unknown key, wrong type and impossible combination, with file, line and nearest name.
    """
    located = _read(source)
    for assignment in overrides:
        apply_override(located, assignment)
    task = located.values.get("task")
    if not isinstance(task, str) or task not in CONFIGS:
        wrong = f"task: {task!r} is not a task" if task is not None else "the key `task` is missing"
        raise UserError(f"{prefix(located.place(('task',)))}{wrong}.", f"Tasks: {', '.join(CONFIGS)}.")
    problems = list(located.problems)
    values = {**located.values, "contestants": _resolve_contestants(located, task, problems)}
    try:
        config = CONFIGS[task].model_validate(values)
    except pydantic.ValidationError as error:
        problems += [describe(problem, located, task) for problem in error.errors()]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise UserError(f"The config has {count}:\n" + "\n".join(f"  - {problem}" for problem in problems))
    if isinstance(source, Mapping) or str(source) in builtin_names():
        return config
    return with_paths_beside(config, Path(source).parent)


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
    if path.is_dir():
        raise _is_data(path, "folder")
    if not path.is_file():
        near = nearest(str(source), [*builtin_names(), *(str(file) for file in Path().glob("*.yaml"))])
        raise UserError(
            f"{source} is neither a file nor a built-in bake-off.",
            f"Did you mean {near}? " * bool(near) + f"Built in: {', '.join(builtin_names())}.",
        )
    holds_data = _is_data_name(path.name)  # JSON can be a config, too
    try:
        located = _read_file(path)
    except UserError:
        if holds_data:
            raise _is_data(path, "file of data") from None
        raise
    if holds_data and "task" not in located.values:
        raise _is_data(path, "file of data")
    located.values.setdefault("name", path.stem)
    return located


def _is_data_name(name: str) -> bool:
    from bakeoff.data.compression import TEXT_ENDINGS, ending_of
    from bakeoff.data.raw_tables import is_table_name  # pyarrow, which those who only read configs need not import

    return is_table_name(name) or ending_of(name) in TEXT_ENDINGS


def _read_file(path: Path) -> Located:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}).") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None
    return read_yaml(text, str(path))


def _is_data(path: Path, kind: str) -> UserError:
    """Return the error for data, or a run, in the place of a config."""
    name = shlex.quote(str(path))
    if (path / "bakeoff.yaml").exists():
        return UserError(f"{path} is a run, not a config.", f"Go on with it: bakeoff resume {name}")
    return UserError(f"{path} is a {kind}, not a config.", f"Make a config for it: bakeoff init {name}")


def _resolve_contestants(located: Located, task: Task, problems: list[str]) -> dict[str, Any]:
    """Return the contestants' settings with method and preset filled in; append what is wrong to `problems`."""
    contestants = located.values.get("contestants")
    known, preset = method_names(task), presets()
    place = prefix(located.place(("contestants",)))
    if not isinstance(contestants, dict) or not contestants:
        problems.append(f"{place}contestants: name at least one, for example `{known[0]}: {{}}`")
        return {}
    resolved: dict[str, Any] = {}
    for name, settings in contestants.items():
        place = prefix(located.place(("contestants", str(name))))
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", str(name)):
            problems.append(f"{place}contestants: '{name}' must consist of up to 100 letters, digits, '-', '_' and '.'")
            continue
        settings = {} if settings is None else settings
        if not isinstance(settings, dict):
            problems.append(f"{place}contestants.{name}: settings are `key: value` pairs, not {settings!r}")
            continue
        merged = with_preset(name, settings)
        method = merged.setdefault("method", name)
        if method not in known:
            choices = [*known, *(each for each in preset if preset[each]["method"] in known)]
            named = "method" in settings
            problems.append(
                f"{place}contestants.{name}: {unknown_method(task, str(method), choices)} "
                + (INSTALL_IT if named else f"A contestant of another name needs `method: {known[0]}`")
            )
            continue
        resolved[name] = merged
    return resolved
