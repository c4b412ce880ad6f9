"""Line ends, byte-order marks and encodings of texts for language models: made uniform, counted and said."""

from __future__ import annotations

import codecs
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from bakeoff.data.encodings import decode_found

LineEnds = Literal["normalize", "keep"]

_BYTE_ORDER_MARK = "\ufeff"


@dataclass
class TextCleaning:
    r"""What was changed in the texts of a source, counted.

    A tokenizer has other tokens for "\r\n" than for "\n", so the same text with Windows line ends would have another
    perplexity. By default, every "\r\n" and every "\r" on its own becomes "\n".
    """

    line_ends: LineEnds = "normalize"
    encoding: str | None = None  # of files; found in them if absent
    windows: int = 0  # line ends "\r\n"
    mac: int = 0  # line ends "\r"
    marks: int = 0  # byte-order marks
    lists: int = 0  # cells that were lists of strings
    coded: int = 0  # cells that were bytes
    encodings: Counter[str] = field(default_factory=Counter)  # files that are not UTF-8, by encoding

    def read(self, content: bytes, name: str) -> str:
        """Decode and clean a file.

        Raises:
            UserError: the file is damaged, or its encoding was not found.
        """
        text, encoding = decode_found(content, name, self.encoding)
        if encoding != "utf-8" and self.encoding is None:
            self.encodings[encoding] += 1
        self.marks += content.startswith(codecs.BOM_UTF8)
        return self.clean(text)

    def clean(self, text: str) -> str:
        """Return a text without byte-order marks at its beginning, and with uniform line ends."""
        without_marks = text.lstrip(_BYTE_ORDER_MARK)
        self.marks += len(text) - len(without_marks)
        if self.line_ends == "keep" or "\r" not in without_marks:
            return without_marks
        windows = without_marks.count("\r\n")
        self.windows += windows
        self.mac += without_marks.count("\r") - windows
        return without_marks.replace("\r\n", "\n").replace("\r", "\n")

    def notes(self, setting: str) -> list[str]:
        """Return a sentence for every kind of change.

        Args:
            setting: What a user sets to keep line ends: `data.line_ends: keep`.
        """
        notes = [
            f"{_counted(count, 'file was', 'files were')} read as {name}." for name, count in self.encodings.items()
        ]
        if self.lists:
            cells = _counted(self.lists, "row held a list of strings", "rows held lists of strings")
            notes.append(f"{cells}, which were joined with blanks.")
        if self.coded:
            notes.append(f"{_counted(self.coded, 'row', 'rows')} held bytes, which were decoded as UTF-8.")
        if self.marks:
            notes.append(f"{_counted(self.marks, 'byte-order mark was', 'byte-order marks were')} dropped.")
        kinds = [
            _counted(count, f"{name} line end ({shown})", f"{name} line ends ({shown})")
            for count, name, shown in ((self.windows, "Windows", r"\r\n"), (self.mac, "old Mac", r"\r"))
            if count
        ]
        if kinds:
            verb = "was" if self.windows + self.mac == 1 else "were"
            notes.append(rf"{' and '.join(kinds)} {verb} read as \n. To keep them: {setting}.")
        return notes


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
