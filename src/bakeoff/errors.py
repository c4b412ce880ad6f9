"""The one class of error that a user is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend: a file, a setting, a name, a full disk.

    The command line prints ``message`` and ``hint`` without a traceback and exits with code 2. Anything else that
    escapes is a defect of bakeoff and keeps its traceback.

    Args:
        message: What is wrong and where (file, line, field), in one or two sentences.
        hint: What to type or change next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message
