"""How a model's files say that the states of tokens become the vector of a text: sentence-transformers' layout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bakeoff.errors import UserError
from bakeoff.runs.writing import write_text

if TYPE_CHECKING:
    import torch

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

    def pooled(self, states: torch.Tensor, lengths: torch.Tensor | None = None, *, causal: bool) -> torch.Tensor:
        """Return the vectors of texts, shape (texts, values), in fp32.

        Args:
            states: Shape (texts, tokens, values).
            lengths: Tokens of each text, shape (texts,), where some are padded on the right.
        """
        import torch

        states = states.float()
        if self.mode == "first":
            vectors = states[:, 0]
        elif self.mode == "last":
            vectors = states[:, -1] if lengths is None else states[torch.arange(len(states)), lengths - 1]
        else:
            # The first token of a causal model sees nothing: its large state is the same in all texts (Xiao et al.
            # 2024, attention sinks) and would outweigh the others.
            if lengths is None:
                vectors = states[:, 1 if causal and states.shape[1] > 1 else 0 :].mean(dim=1)
            else:
                place = torch.arange(states.shape[1], device=states.device)
                counted = (place < lengths[:, None]) & (place >= ((lengths > 1) & causal).long()[:, None])
                vectors = (states * counted[..., None]).sum(dim=1) / counted.sum(dim=1, keepdim=True)
        return torch.nn.functional.normalize(vectors, dim=1) if self.normalize else vectors


def read_pooling(folder: Path, mode: Mode | None = None) -> Pooling | None:
    """Return what a model's folder says, or None if it says nothing.

    Args:
        mode: Takes the place of the mode that the files ask for, which then may be any.

    Raises:
        UserError: the files are damaged, or ask for something else than a mean, a first or a last token.
    """
    path = folder / "modules.json"
    if not path.is_file():
        return None
    modules = {str(module["type"]).rsplit(".", 1)[-1]: str(module["path"]) for module in _json(path)}
    unknown = sorted(modules.keys() - {"Transformer", "Pooling", "Normalize"})
    if unknown and mode is None:
        raise _unsupported(path, f"a module {unknown[0]}")
    own = folder / "sentence_bert_config.json"
    length = _json(own).get("max_seq_length") if own.is_file() else None
    if mode is None:
        mode = _mode(folder / modules["Pooling"] / "config.json") if "Pooling" in modules else "mean"
    return Pooling(mode, "Normalize" in modules, length if isinstance(length, int) else None)


def write_pooling(folder: Path, pooling: Pooling, values: int) -> None:
    """Write the files that `read_pooling` and sentence-transformers read beside a model.

    Args:
        values: Of a vector.
    """
    kinds = ["Transformer", "Pooling", *(["Normalize"] if pooling.normalize else [])]
    paths = ["", *(f"{number}_{kind}" for number, kind in enumerate(kinds) if number)]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]
    for path in paths[1:]:
        (folder / path).mkdir()
    modes = {key: _MODES.get(name) == pooling.mode for key, name in _OLD_KEYS.items()}  # every version reads these
    _write(folder / "modules.json", modules)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": pooling.max_length, "do_lower_case": False})
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": values, **modes})


def _write(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2) + "\n")


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
        raise UserError(f"{path} is missing or damaged.", "Copy the model again.") from None


def _unsupported(path: Path, what: str) -> UserError:
    return UserError(f"{path} asks for {what}, which is not supported.", "Set `pooling` to mean, last or first.")
