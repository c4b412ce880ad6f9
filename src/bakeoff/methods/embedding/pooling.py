"""How a model's files say that the states of tokens become the vector of a text: sentence-transformers' layout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bakeoff.errors import UserError

Mode = Literal["mean", "last", "first"]

_MODES: dict[str, Mode] = {"mean": "mean", "lasttoken": "last", "cls": "first"}
_OLD_KEYS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}


@dataclass(frozen=True)
class Pooling:
    """The rule by which the states of a text's tokens become its vector."""

    mode: Mode
    normalize: bool  # to length 1
    max_length: int | None  # in tokens; None: the files do not say


def read_pooling(folder: Path) -> Pooling | None:
    """Return what a model's folder says, or None if it says nothing.

    Raises:
        UserError: the files are damaged, or ask for something else than a mean, a first or a last token.
    """
    path = folder / "modules.json"
    if not path.is_file():
        return None
    modules = {str(module["type"]).rsplit(".", 1)[-1]: str(module["path"]) for module in _json(path)}
    unknown = sorted(modules.keys() - {"Transformer", "Pooling", "Normalize"})
    if unknown:
        raise _unsupported(path, f"a module {unknown[0]}")
    own = folder / "sentence_bert_config.json"
    length = _json(own).get("max_seq_length") if own.is_file() else None
    mode = _mode(folder / modules["Pooling"] / "config.json") if "Pooling" in modules else "mean"
    return Pooling(mode, "Normalize" in modules, length if isinstance(length, int) else None)


def _mode(path: Path) -> Mode:
    config = _json(path)
    active = config.get("pooling_mode") or [name for key, name in _OLD_KEYS.items() if config.get(key)] or "mean"
    names = [active] if isinstance(active, str) else active
    if len(names) > 1 or names[0] not in _MODES:
        raise _unsupported(path, f"pooling by {' and '.join(names)}")
    return _MODES[names[0]]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{path} is missing or damaged.", "Copy the model again, or set `pooling`.") from None


def _unsupported(path: Path, what: str) -> UserError:
    return UserError(f"{path} asks for {what}, which is not supported.", "Set `pooling` to mean, last or first.")
