"""Find the local files that a config names, and store them by full path so that a run resumes from any folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.methods.base import MethodConfig
from bakeoff.sections import Section

AnySection = TypeVar("AnySection", bound=Section)


def with_absolute_paths(config: BakeoffConfig) -> BakeoffConfig:
    """Return the config with the full path of every local file or folder that exists."""
    contestants = {name: _absolute(each, each.local_paths()) for name, each in config.contestants.items()}
    return _absolute(config, config.local_paths()).model_copy(update={"contestants": contestants})


def with_paths_beside(config: BakeoffConfig, folder: Path) -> BakeoffConfig:
    """Return the config with the full path of every file or folder of a contestant that exists in the config's folder.

    What is not there is looked for in the working folder by `with_absolute_paths`.
    """
    contestants: dict[str, MethodConfig] = dict(config.contestants)
    for name, each in config.contestants.items():
        for key, path in each.local_paths().items():
            if (folder / path).exists():
                contestants[name] = with_value(contestants[name], key.split("."), str((folder / path).resolve()))
    return config.model_copy(update={"contestants": contestants})


def contestants_files(config: BakeoffConfig) -> list[Path]:
    """Return the files that contestants read besides the data."""
    contestants: list[MethodConfig] = list(config.contestants.values())
    paths = [Path(path).expanduser() for each in contestants for path in each.local_paths().values()]
    return [path for path in paths if path.is_file()]


def _absolute(section: AnySection, paths: Mapping[str, str | list[str]]) -> AnySection:
    for key, path in paths.items():
        full = _full(path) if isinstance(path, str) else [_full(each) for each in path]
        if full != path:
            section = with_value(section, key.split("."), full)
    return section


def _full(path: str) -> str:
    """Return the full path of what exists here, and of a pattern in a folder that exists; anything else as it is."""
    local = Path(path).expanduser()
    if local.exists():
        return str(local.resolve())
    if "://" not in path and any(mark in path for mark in "*?["):
        folder = next(parent for parent in local.parents if not any(mark in str(parent) for mark in "*?["))
        if folder.is_dir():
            return str(folder.resolve() / local.relative_to(folder))
    return path


def with_value(section: AnySection, keys: list[str], value: Any) -> AnySection:
    """Return the section with another value under the dotted key that `keys` spell."""
    first, *rest = keys
    return section.model_copy(update={first: with_value(getattr(section, first), rest, value) if rest else value})
