"""Find the local files that a config names, and store them by full path so that a run resumes from any folder."""

from __future__ import annotations

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


def contestants_files(config: BakeoffConfig) -> list[Path]:
    """Return the files that contestants read besides the data."""
    contestants: list[MethodConfig] = list(config.contestants.values())
    paths = [Path(path).expanduser() for each in contestants for path in each.local_paths().values()]
    return [path for path in paths if path.is_file()]


def _absolute(section: AnySection, paths: dict[str, str]) -> AnySection:
    for key, path in paths.items():
        if Path(path).expanduser().exists():
            section = with_value(section, key.split("."), str(Path(path).expanduser().resolve()))
    return section


def with_value(section: AnySection, keys: list[str], value: Any) -> AnySection:
    """Return the section with another value under the dotted key that `keys` spell."""
    first, *rest = keys
    return section.model_copy(update={first: with_value(getattr(section, first), rest, value) if rest else value})
