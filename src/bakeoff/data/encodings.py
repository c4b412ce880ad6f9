"""Find the character encoding of a file, and decode it without losing a character."""

from __future__ import annotations

import codecs
import re
from functools import partial

from bakeoff.errors import FormatError, UserError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
_SIGNATURES = {  # of files that hold no text
    b"PK\x03\x04": ".xlsx, .ods or .zip",
    b"\xd0\xcf\x11\xe0": ".xls",
    b"PAR1\x15": ".parquet",
    b"\x1f\x8b": ".gz",
    b"%PDF": ".pdf",
}
_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257")
_CANDIDATES = (
    *(*_LATIN, "cp1251", "cp1253", "cp1255", "cp1256", "cp874"),
    *("koi8_r", "cp932", "euc_jp", "gb18030", "cp950", "cp949"),  # of Shift JIS, Big5 and EUC-KR what Windows writes
)
_CYRILLIC = ("cp1251", "koi8_r")
_MOST_ACCENTS = 0.2  # of the bytes, in languages with Latin letters
_LIKE_WINDOWS_1252 = ("cp1250", "cp1257")  # the same letters in Western Europe: nothing but their names differs
_SAMPLE = 100_000  # bytes
_BETWEEN_CHARACTERS = re.compile(rb"[\x00-\x2f]")  # in no candidate part of a character of several bytes
_FEW_BROKEN = 0.1  # of the characters beyond ASCII: such a file is damaged UTF-8 rather than in another encoding


def decode_found(content: bytes, name: str, encoding: str | None = None) -> tuple[str, str]:
    """Decode a file; line ends stay as they are, and a byte-order mark is dropped.

    A byte-order mark decides, then UTF-8, then what charset-normalizer finds in the lines that are not ASCII.

    Args:
        encoding: The encoding, if it is known.

    Returns:
        The text, and the name of its encoding: `utf-8`, `utf-16`, `windows-1252`, ...

    Raises:
        UserError: the content is no text, does not have the encoding, or none was found; the message gives the line and
            byte.
    """
    for signature, endings in _SIGNATURES.items():
        if content.startswith(signature):
            raise UserError(
                f"{name} is not text: it begins as a file that ends in {endings}.",
                "Give it its right ending, or save its text as .csv or .txt.",
            )
    if encoding is not None:
        return _decode_as(content, name, encoding), encoding
    for mark, codec, said in _MARKS:
        if content.startswith(mark):
            return _decode_as(content, name, codec), said
    if wide := _wide_without_mark(content):
        return _decode_as(content, name, wide), wide
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        found = None if _is_damaged_utf8(content) else _guess(content)
        if found is None:
            raise _not(content, name, "utf-8", error) from None
    found = found.replace("cp125", "windows-125")
    return _decode_as(content, name, found), found


def _decode_as(content: bytes, name: str, encoding: str) -> str:
    codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    try:
        return content.decode(codec)
    except UnicodeDecodeError as error:
        raise _not(content, name, encoding, error) from None
    except UnicodeError as error:  # of codecs that tell no position, such as idna
        raise UserError(f"{name} is not {encoding}: {error}.", "Name another encoding.") from None


def _not(content: bytes, name: str, encoding: str, error: UnicodeDecodeError) -> FormatError:
    shown = "UTF-8" if encoding.startswith("utf-8") else encoding
    # `error.start` does not count the three bytes of a byte-order mark, which cannot change the line.
    line = content.count(b"\n", 0, error.start) + 1
    return FormatError(
        f"{name} is not {shown}: line {line}, byte {error.start} is 0x{error.object[error.start]:02x}.",
        "Repair that line",
        {
            "data.format": "name the encoding: --set data.format.encoding=windows-1252",
            "data": "name the encoding: --set data.encoding=windows-1252",
        },
    )


def _wide_without_mark(content: bytes) -> str | None:
    """Return the kind of UTF-16 whose zero bytes stand at every second place."""
    sample = content[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < 0.3 * len(sample) / 2:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _is_damaged_utf8(content: bytes) -> bool:
    text = content.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    return broken < _FEW_BROKEN * sum(not character.isascii() for character in text)


def _guess(content: bytes) -> str | None:
    """Return the encoding that the first lines beyond ASCII have; further lines may show that it is damaged."""
    from charset_normalizer import from_bytes

    sample = _sample(content)
    latin = _is_latin(sample)
    matches = from_bytes(sample, cp_isolation=list(_LATIN if latin else _CANDIDATES))
    found = [match.encoding for match in matches] or ["cp1252"] * latin
    possible = {encoding for match in matches for encoding in match.could_be_from_charset}
    if found and found[0] in _LIKE_WINDOWS_1252 and "cp1252" in possible:
        found.insert(0, "cp1252")
    if found and found[0] in _CYRILLIC:  # each reads the other's letters with upper and lower case exchanged
        found[:0] = sorted(filter(partial(_decodes, sample), _CYRILLIC), key=lambda each: -_lower_case(sample, each))
    best = next(iter(found), None)
    if best in _LATIN:  # further lines may hold letters that only another one has
        return next((encoding for encoding in found if encoding in _LATIN and _decodes(content, encoding)), best)
    return best


def _sample(content: bytes) -> bytes:
    """Return the first lines that are not ASCII, cut where no character of several bytes can be."""
    lines = b"\n".join(line for line in content.split(b"\n") if not line.isascii())
    end = _BETWEEN_CHARACTERS.search(lines, _SAMPLE)
    return lines[: end.start()] if end else lines


def _lower_case(sample: bytes, encoding: str) -> int:
    return sum(character.islower() for character in sample.decode(encoding))


def _is_latin(sample: bytes) -> bool:
    """Return whether letters beyond ASCII are few and mostly stand alone, as accented letters do."""
    runs = re.findall(rb"[\x80-\xff]+", sample)
    alone = sum(len(run) == 1 for run in runs)
    return sum(map(len, runs)) < _MOST_ACCENTS * len(sample) and 2 * alone > len(runs)


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
