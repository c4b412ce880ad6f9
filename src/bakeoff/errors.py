"""Errors whose messages are written for users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class UserError(Exception):
    """A problem that the user can fix: a file, a setting, a name, a full disk.

    The command line prints ``message`` and ``hint`` without a traceback and exits with code 2. Any other exception is a
    bug in bakeoff and keeps its traceback.

    Args:
        message: What is wrong, and where (file, line, field), in one or two sentences.
        hint: What to type or change next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Let errors travel between processes, whatever arguments a subclass takes."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[UserError], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> UserError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(attributes)
    return error


class DivergedError(UserError):
    """The loss is not a finite number, so that the training cannot go on."""


class NotEnoughMemoryError(UserError):
    """Memory has run out. What has been trained until the last checkpoint is kept."""


class FormatError(UserError):
    """A file is not written as expected, and a config could say how it is written.

    The hint names no setting: `bakeoff init`, for example, reads files that no config describes.

    Args:
        mend: What to change in the file, without a full stop.
        settings: Section of a config that describes the file (`data.format` of tables, `data` of texts) -> what to set.
    """

    def __init__(self, message: str, mend: str, settings: Mapping[str, str]) -> None:
        super().__init__(message, f"{mend}.")
        self.mend = mend
        self.settings = dict(settings)

    def with_setting(self, section: str) -> UserError:
        """Return the error for a file that this section of a config describes: its hint says what to set, too."""
        if section not in self.settings:
            return self
        return UserError(self.message, f"{self.mend}, or {self.settings[section]}")


class DamagedError(UserError):
    """A file of a run folder is missing, cannot be read, or is not what was written.

    Args:
        path: The file.
        problem: What is wrong with it, as the end of a sentence: `is damaged`.
        hint: What to do about it.
    """

    def __init__(self, path: Path, problem: str, hint: str = "") -> None:
        super().__init__(f"{path} {problem}.", hint or DAMAGED_RUN)
        self.path = path
        self.problem = problem


DAMAGED_RUN = (
    "In a run folder, `bakeoff resume RUN` computes again what it can; other files must be put back from a copy."
)
