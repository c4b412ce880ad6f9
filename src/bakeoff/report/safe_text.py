"""Make texts from data and models safe to show. Escaping for HTML or Markdown comes on top."""

from __future__ import annotations

import re
import unicodedata

# Direction controls, which can make a text look like another one.
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")


def visible(text: str) -> str:
    """Replace control characters with visible symbols (an escape becomes `␛`), except line ends and tabs.

    Terminal sequences then have no effect, files stay valid, and a reader sees that something was there.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _DIRECTIONS.sub("\ufffd", "".join(_sign(character) for character in text))


def one_line(text: str) -> str:
    """Apply `visible` and join the lines: runs of whitespace become one space."""
    return " ".join(visible(text).split())


def _sign(character: str) -> str:
    code = ord(character)
    if character in "\n\t" or 0x20 <= code < 0x7F:
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return "\ufffd" if unicodedata.category(character) in ("Cc", "Cs") else character
