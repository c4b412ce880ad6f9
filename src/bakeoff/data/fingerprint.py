"""Fingerprint data: two runs with the same fingerprint saw the same texts in the same splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice

_AT_ONCE = 1_000  # strings; one after the other would take twice as long


def fingerprint(splits: Iterable[tuple[str, Iterable[str]]]) -> str:
    """Return the SHA-256 of the named splits and their strings (texts, labels), in order."""
    digest = hashlib.sha256()
    for name, strings in splits:
        digest.update(b"\x01" + name.encode())
        remaining = iter(strings)
        while some := [string.encode() for string in islice(remaining, _AT_ONCE)]:
            digest.update(b"\x00" + b"\x00".join(some))
    return digest.hexdigest()
