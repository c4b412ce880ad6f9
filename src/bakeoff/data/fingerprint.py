"""Fingerprint data: two runs with the same fingerprint saw the same texts in the same splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def fingerprint(splits: Iterable[tuple[str, Iterable[str]]]) -> str:
    """Return the SHA-256 of the named splits and their strings (texts, labels), in order."""
    digest = hashlib.sha256()
    for name, strings in splits:
        digest.update(b"\x01" + name.encode())
        for string in strings:
            digest.update(b"\x00" + string.encode())
    return digest.hexdigest()
