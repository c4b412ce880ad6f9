"""Save a fitted estimator in skops' format: types by name, values as JSON and .npy, no pickle."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from typing import Any

import numpy as np

from bakeoff.errors import UserError

_EPOCH = (1980, 1, 1, 0, 0, 0)


def to_bytes(estimator: Any) -> tuple[bytes, list[str]]:
    """Return the file of an estimator, and the types in it that are not scikit-learn's, NumPy's or SciPy's.

    The same estimator gives the same bytes. Loading it imports the modules of those types.

    Raises:
        UserError: it holds something that has no name to import it by, such as a lambda, or a type of Python itself
            that could do anything.
    """
    from skops.io import dumps, get_untrusted_types

    try:
        written = _without_addresses(dumps(estimator))
        unknown = get_untrusted_types(data=written)
    except Exception as error:  # skops raises what the part's own type raises
        raise _unsaved(estimator, error) from error
    if wrong := [name for name in unknown if name.partition(".")[0] in (*sys.stdlib_module_names, "__main__")]:
        raise UserError(
            f"The {type(estimator).__name__} holds {wrong[0]}, which cannot be saved safely.",
            "Wrap it in a function of your module, and use that.",
        )
    return written, sorted(unknown)


def can_be_saved(estimator: Any) -> None:
    """Save and load an estimator; raises as `to_bytes`."""
    file, types = to_bytes(estimator)
    try:
        from_bytes(file, types)
    except Exception as error:
        raise _unsaved(estimator, error) from error


def _unsaved(estimator: Any, error: Exception) -> UserError:
    return UserError(
        f"The {type(estimator).__name__} cannot be saved without pickle: {' '.join(str(error).split())}",
        "Use functions that are defined by name in a module, no lambdas.",
    )


def from_bytes(file: bytes, trusted: list[str]) -> Any:
    """Load an estimator, if it holds no types besides known and trusted ones."""
    from skops.io import loads

    return loads(file, trusted=trusted)


def parameters(file: bytes) -> int:
    """Return how many numbers with a fraction the arrays of an estimator hold."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        arrays = [np.load(io.BytesIO(archive.read(name))) for name in archive.namelist() if name.endswith(".npy")]
    return sum(array.size for array in arrays if np.issubdtype(array.dtype, np.inexact))


def _without_addresses(file: bytes) -> bytes:
    """Replace the memory addresses by which skops names parts, and the time, which differ from run to run."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        schema = json.loads(archive.read("schema.json"))
        contents = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    ids: dict[int, int] = {}
    names: dict[str, str] = {}
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get("__id__"), int):
                part["__id__"] = ids.setdefault(part["__id__"], len(ids) + 1)
            old = part.get("file")
            if isinstance(old, str) and old in contents:
                part["file"] = names.setdefault(old, f"{len(names) + 1}{old[old.rindex('.') :]}")
        waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for old, new in names.items():
            archive.writestr(zipfile.ZipInfo(new, _EPOCH), contents[old], zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo("schema.json", _EPOCH), json.dumps(schema), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
