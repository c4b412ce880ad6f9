"""Find the files that a source names: paths, patterns such as `part-*.csv`, and URLs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bakeoff.data.files import read_bytes
from bakeoff.errors import UserError


@dataclass(frozen=True)
class TableFile:
    """One file, here or elsewhere."""

    name: str  # as users name it
    file_name: str  # its last part, whose ending says what it holds
    read: Callable[[], bytes]


def is_url(source: str) -> bool:
    """Return whether a source names a place of fsspec: `s3://bucket/key.csv`, `https://...`."""
    return "://" in source


def local_file(path: Path) -> TableFile:
    """Return a file of this machine."""
    return TableFile(str(path), path.name, lambda: read_bytes(path))


def matching_files(source: str) -> list[TableFile]:
    """Return the files that a URL or a pattern names, sorted by name; [] for any other source.

    Raises:
        UserError: no file matches, or the place cannot be reached.
    """
    pattern = any(mark in source for mark in "*?[")
    if is_url(source):
        files = _files_of_url(source, pattern=pattern and "?" not in source)
    elif pattern:
        path = Path(source).expanduser()
        found = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        files = [local_file(each) for each in found if each.is_file()]
    else:
        return []
    if not files:
        raise UserError(f"No file matches {source}.", "Check the pattern and the folder.")
    return files


def _files_of_url(url: str, *, pattern: bool) -> list[TableFile]:
    if not pattern:
        return [_url_file(url)]
    filesystem, path = _on(url, lambda: _filesystem(url))
    scheme = url.partition("://")[0]
    names = _on(url, lambda: sorted(filesystem.glob(path)))
    return [_url_file(name if "://" in name else f"{scheme}://{name.lstrip('/')}") for name in names]


def _filesystem(url: str) -> Any:
    import fsspec

    return fsspec.url_to_fs(url)


def _url_file(url: str) -> TableFile:
    def read() -> bytes:
        import fsspec

        with fsspec.open(url, "rb") as file:
            content: bytes = file.read()
        return content

    def checked() -> bytes:
        content: bytes = _on(url, read)
        if not content.strip():
            raise UserError(f"{url} is empty.", "Give a file that is not empty.")
        return content

    return TableFile(url, Path(urlsplit(url).path).name or urlsplit(url).netloc, checked)


def _on(url: str, action: Callable[[], Any]) -> Any:
    """Do something with a URL. The libraries behind fsspec raise errors of their own, all of which are explained."""
    try:
        return action()
    except ImportError as error:
        raise UserError(f"{url} cannot be read: {error}.", "Install the package that it names with pip.") from None
    except FileNotFoundError:
        raise UserError(f"{url} does not exist.", "Check the address.") from None
    except UserError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise UserError(
            f"{url} cannot be read: {reason[0]}", "Check the address, the network and your rights."
        ) from None
