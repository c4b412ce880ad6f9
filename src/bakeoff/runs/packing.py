"""Pack a finished run with the model of one contestant into bytes, to be sent or stored elsewhere."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from bakeoff.runs.folder import RunFolder


def pack(run: RunFolder, contestant: str) -> bytes:
    """Return the files of a run as a ZIP archive, without training data, trackers' files and other contestants' models.

    Args:
        contestant: The one whose model (of its first seed) is kept.
    """
    own = run.contestant(contestant)
    data = run.table("train").parent.name
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:  # not compressed: weights hardly shrink
        for file in sorted(run.path.rglob("*")):
            top, *inner = file.relative_to(run.path).parts
            left_out = {own.model.name, own.tracking.name} & set(inner[1:]) and not file.is_relative_to(own.model)
            if file.is_file() and top != data and not left_out and not top.startswith("."):
                files.write(file, file.relative_to(run.path))
    return archive.getvalue()


def unpack(archive: bytes, folder: Path) -> None:
    """Write the files of a packed run into a folder."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        files.extractall(folder)  # which keeps names like `../a` inside the folder
