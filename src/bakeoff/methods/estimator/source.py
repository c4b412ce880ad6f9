"""Import an estimator that a config names, and tell its errors as sentences."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import UserError
from bakeoff.methods.estimator.config import EstimatorConfig


@dataclass(frozen=True)
class Source:
    """The module that makes an estimator."""

    module: str
    file: str
    sha256: str


def import_source(target: str, folder: str) -> Source:
    """Import the module of `"module:name"` from the installed ones or a folder; a changed file is imported again.

    The folder stays on the module path, at its end, so that it hides no installed module.

    Raises:
        UserError: there is no such module, it raises an error, or another file of that name is already imported.
    """
    name, _, _ = target.partition(":")
    path = str(Path(folder).expanduser().resolve())
    if path not in sys.path:
        sys.path.append(path)
    importlib.invalidate_caches()
    with explained(f"{name} cannot be imported", f"It is looked for among installed modules and in {path}."):
        module = importlib.import_module(name)
        file = inspect.getsourcefile(module) or module.__file__
        if file is None:
            raise ImportError(f"{name} has no file")
        _refuse_another(name, file, path)
        source = Source(name, file, hashlib.sha256(Path(file).read_bytes()).hexdigest())
        if _IMPORTED.setdefault(file, source.sha256) != source.sha256:
            importlib.reload(module)
            _IMPORTED[file] = source.sha256
    return source


_IMPORTING = (importlib.__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
"""Files of Python itself in the traceback of an import."""

_IMPORTED: dict[str, str] = {}
"""File -> SHA-256 of its content when it was imported."""


def _refuse_another(name: str, file: str, folder: str) -> None:
    """Refuse a module that an earlier run of this process took from another folder."""
    own = Path(folder, *name.split(".")).with_suffix(".py")
    if own.is_file() and own.resolve() != Path(file).resolve():
        raise UserError(
            f"The module {name!r} is {file}, not {own}: that one is installed or was imported first.",
            "Give your file another name.",
        )


def build(config: EstimatorConfig, seed: int) -> tuple[Any, Source]:
    """Return the unfitted estimator, with its random states set to the seed where they are None.

    Raises:
        UserError: it cannot be imported or made, or is no classifier of texts.
    """
    source = import_source(config.estimator, config.folder)
    name = config.estimator.partition(":")[2]
    module = sys.modules[source.module]
    if not hasattr(module, name):
        from bakeoff.spelling import nearest

        near = nearest(name, dir(module))
        raise UserError(f"{source.file} has no {name!r}.", f"Did you mean {near!r}?" if near else "")
    target = getattr(module, name)
    with explained(f"{config.estimator} failed", file=source.file):
        if hasattr(target, "fit") and not inspect.isclass(target):
            from sklearn.base import clone

            estimator = clone(target).set_params(**config.settings)
        else:
            estimator = target(**config.settings)
        missing = [method for method in ("fit", "predict", "get_params") if not hasattr(estimator, method)]
        if missing:
            raise UserError(
                f"{config.estimator} gives a {type(estimator).__name__}, which has no {missing[0]}.",
                "It must be a scikit-learn classifier or a pipeline that ends in one, or return it.",
            )
        unset = {
            key: seed
            for key, value in estimator.get_params().items()
            if value is None and key.rpartition("__")[2] == "random_state"
        }
        return estimator.set_params(**unset), source


@contextlib.contextmanager
def explained(what: str, hint: str = "", file: str | None = None) -> Iterator[None]:
    """Turn what somebody's code raises into a `UserError` that names the file and line.

    Args:
        what: What failed, as the beginning of a sentence.
        file: The line is the deepest one in this file, if it has a part in the error.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        lines = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
        if isinstance(error, SyntaxError) and error.filename:
            lines.append((error.filename, error.lineno or 0))
        theirs = [line for line in lines if line[0] == file] or [line for line in lines if line[0] not in _IMPORTING]
        path, number = theirs[-1]
        where = f" ({path}, line {number})" * (path != __file__)
        raise UserError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())}{where}", hint) from error
