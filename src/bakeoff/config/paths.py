"""Find the local files that a config names, and store them by full path so that a run resumes from any folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.copied_files import here
from bakeoff.methods.base import MethodConfig
from bakeoff.sections import Section

AnySection = TypeVar("AnySection", bound=Section)

_OF_MODELS = (".safetensors", ".gguf", ".json", ".txt", ".model", ".jinja")  # weights, config, tokenizer, chat template


def with_absolute_paths(config: BakeoffConfig) -> BakeoffConfig:
    """Return the config with the full path of every local file or folder that exists."""
    return with_moved_paths(config, _full)


def with_moved_paths(config: BakeoffConfig, move: Callable[[str], str]) -> BakeoffConfig:
    """Return the config with `move(path)` for everything in it that may be the path of a local file or folder."""
    contestants = {name: _moved(each, each.local_paths(), move) for name, each in config.contestants.items()}
    return _moved(config, config.local_paths(), move).model_copy(update={"contestants": contestants})


def with_moved_data(config: BakeoffConfig, move: Callable[[str], str]) -> BakeoffConfig:
    """Return the config with `move(path)` for the paths of its data; those of models and contestants stay."""
    paths = {key: path for key, path in config.local_paths().items() if key.startswith("data.")}
    return _moved(config, paths, move)


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
    """Return the files that contestants read besides the data, those of pretrained models in folders among them."""
    files: list[Path] = []
    for key, name in _named_by_contestants(config):
        path = Path(name).expanduser()
        local = Path(here(str(path)))
        if local.is_file():
            files.append(path)
        elif key == "model" and local.is_dir():
            # A contestant of another run keeps its weights in a folder `model`.
            inside = sorted((*local.glob("*"), *local.glob("model/*")))
            files += [path / each.relative_to(local) for each in inside if each.suffix in _OF_MODELS and each.is_file()]
    return files


def contestants_paths(config: BakeoffConfig) -> list[str]:
    """Return everything besides the data that may be the path of a local file or folder."""
    return [path for _, path in _named_by_contestants(config)]


def _named_by_contestants(config: BakeoffConfig) -> list[tuple[str, str]]:
    named = [item for each in config.contestants.values() for item in each.local_paths().items()]
    return named + [
        (key, path) for key, path in config.local_paths().items() if key == "model" and isinstance(path, str)
    ]


def _moved(section: AnySection, paths: Mapping[str, str | list[str]], move: Callable[[str], str]) -> AnySection:
    for key, path in paths.items():
        moved = move(path) if isinstance(path, str) else [move(each) for each in path]
        if moved != path:
            section = with_value(section, key.split("."), moved)
    return section


def _full(path: str) -> str:
    """Return the full path of what exists here, and of a pattern in a folder that exists; anything else as it is."""
    local = Path(path).expanduser()
    if local.exists():
        return str(local.resolve())
    if (folder := folder_of_pattern(path)) is not None and folder.is_dir():
        return str(folder.resolve() / local.relative_to(folder))
    return path


def folder_of_pattern(path: str) -> Path | None:
    """Return the folder in which a pattern such as `parts/*.csv` looks for files; None if the path is no pattern."""
    if "://" in path or not any(mark in path for mark in "*?["):
        return None
    parents = Path(path).expanduser().parents
    return next(parent for parent in parents if not any(mark in str(parent) for mark in "*?["))


def with_value(section: AnySection, keys: list[str], value: Any) -> AnySection:
    """Return the section with another value under the dotted key that `keys` spell."""
    first, *rest = keys
    return section.model_copy(update={first: with_value(getattr(section, first), rest, value) if rest else value})
