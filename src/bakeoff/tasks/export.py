"""Export a trained contestant for other programs, and compare what they compute with the original on real texts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.methods.base import ClassificationMethod, LanguageModelMethod, Method
from bakeoff.methods.export_formats import ExportFormat
from bakeoff.methods.registry import get_method
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.writing import replaced_folder
from bakeoff.tasks.choosing import chosen_contestant
from bakeoff.tasks.export_classifier import ClassifierParity, export_classifier, refuse_other_answers
from bakeoff.tasks.export_language_model import LanguageModelParity, export_language_model


@dataclass(frozen=True)
class Export:
    """A finished export."""

    folder: Path
    contestant: str
    format: ExportFormat
    files: list[str]
    parity: ClassifierParity | LanguageModelParity
    try_it: str  # a command


def export(run: RunFolder, output: Path, contestant: str | None = None, format: ExportFormat | None = None) -> Export:
    """Write a contestant in another format, and compare it with the original on real texts.

    Args:
        output: The new folder.
        contestant: Name in the run; the verdict's best if absent.
        format: The first that the method knows if absent.

    Raises:
        UserError: the run has no such contestant, its method cannot be written in that format, `output` exists,
            packages are missing, or the exported model answers differently. No folder is left behind.
    """
    folder = chosen_contestant(run, contestant)
    if output.exists():
        raise UserError(f"{output} already exists.", "Choose another folder with -o, or remove it first.")
    config = load_config(run.config_values())
    settings = config.contestants[folder.name]
    method: Method[Any, Any] = get_method(config.task, settings.method)
    chosen = format or next(iter(method.exports), None)
    reason = _refusal(method, settings, chosen)
    if chosen is None or reason is not None:
        raise _not_exported(run, config, folder.name, format, reason or "")
    with replaced_folder(output) as temporary:
        parity: ClassifierParity | LanguageModelParity
        if isinstance(method, LanguageModelMethod):
            parity, try_it = export_language_model(run, folder, method, chosen, temporary)
        else:
            assert isinstance(method, ClassificationMethod)
            parity, try_it = export_classifier(run, folder, method, chosen, temporary)
        files = sorted(file.name for file in temporary.iterdir())
    return Export(output, folder.name, chosen, files, parity, try_it.replace("{folder}", shlex.quote(str(output))))


def _refusal(method: Method[Any, Any], settings: Any, format: ExportFormat | None) -> str | None:
    """Return why a contestant cannot be written in a format, or None if it can."""
    if format is None or format not in method.exports:
        return f"this method has no export to {format}" if format else "this method has no export"
    return method.export_refusal(settings, format)


def _not_exported(run: RunFolder, config: Any, name: str, format: ExportFormat | None, reason: str) -> UserError:
    able: Mapping[str, list[str]] = {
        contestant: formats
        for contestant, settings in config.contestants.items()
        if (home := run.contestant(contestant)).finished and (formats := _formats(config.task, settings, home))
    }
    listed = "; ".join(f"{contestant}: {', '.join(formats)}" for contestant, formats in able.items())
    others = f"What can be exported here: {listed}." if able else "None of this run's contestants can be exported."
    load = "load_classifier" if config.task == "classification" else "load_language_model"
    return UserError(
        f"Contestant '{name}' is of method {config.contestants[name].method}; {reason}.",
        f"{others} Or use its model as it is, with bakeoff.{load}('{run.contestant(name).path}').",
    )


def _formats(task: Any, settings: Any, contestant: ContestantFolder) -> list[str]:
    method: Method[Any, Any] = get_method(task, settings.method)
    if isinstance(method, ClassificationMethod):
        try:
            refuse_other_answers(contestant)
        except UserError:
            return []
    return [format for format in method.exports if method.export_refusal(settings, format) is None]
