"""What was used, as a number: two runs with the same fingerprint saw the same texts on the same sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def fingerprint(sides: Iterable[tuple[str, Iterable[str]]]) -> str:
    """SHA-256 of the named sides and their strings (texts, labels), in order."""
    digest = hashlib.sha256()
    for name, strings in sides:
        digest.update(b"\x01" + name.encode())
        for string in strings:
            digest.update(b"\x00" + string.encode())
    return digest.hexdigest()
