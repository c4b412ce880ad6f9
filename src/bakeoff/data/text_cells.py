"""Cells of a column of texts: what is a text, what becomes one, and what is refused, such as a chat."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bakeoff.data.nested import resolve
from bakeoff.errors import UserError

_CHAT_KEYS = ({"role", "content"}, {"from", "value"})
_CHAT_COLUMNS = ("messages", "conversations", "conversation", "chat")
_PAIRS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("prompt", "answer"),
    ("prompt", "chosen"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("question", "answer"),
    ("question", "response"),
)
_MORE_OF_A_PROMPT = {"instruction": ("input",)}  # as in Alpaca


@dataclass(frozen=True)
class ExampleColumns:
    """The columns of a table that hold prompts with answers, or chats."""

    prompt: list[str] = field(default_factory=list)
    completion: str | None = None
    messages: str | None = None


def example_columns(columns: Mapping[str, list[Any]]) -> ExampleColumns:
    """Find chats, or else prompts with their answers; nothing where no usual names stand side by side."""
    by_lower_case = {name.lower(): name for name in columns}
    for name in _CHAT_COLUMNS:
        if name in by_lower_case and _begins_with_a_chat(columns[by_lower_case[name]]):
            return ExampleColumns(messages=by_lower_case[name])
    for first, second in _PAIRS:
        if first in by_lower_case and second in by_lower_case:
            asked = (first, *_MORE_OF_A_PROMPT.get(first, ()))
            return ExampleColumns(
                [by_lower_case[name] for name in asked if name in by_lower_case], by_lower_case[second]
            )
    return ExampleColumns()


def _begins_with_a_chat(cells: Sequence[Any]) -> bool:
    """Return whether the first cell that is filled holds objects: a text may be called a message or a chat, too."""
    first = next((cell for cell in cells if cell is not None and cell not in ("", [])), None)
    return isinstance(first[0] if isinstance(first, list) else first, dict)


def refuse_other_shapes(columns: Mapping[str, list[Any]], column: str, source: str, key: str) -> None:
    """Check that a table which lacks the wanted column does not hold chats, or prompts with their answers.

    Args:
        column: The wanted column or dotted path, `text` unless somebody named another.
        key: How a user names the column: `data.column`.

    Raises:
        UserError: it does; the message says how to learn from them.
    """
    if column in columns or resolve(columns, column) is not None:
        return
    found = example_columns(columns)
    if found.messages is not None:
        raise _chats(source, found.messages)
    if found.completion is not None:
        setting = f"{key} {found.completion}" if key.startswith("--") else f"{key}: {found.completion}"
        raise UserError(
            f"{source} holds prompts and answers (columns {found.prompt[0]!r} and {found.completion!r}), not plain "
            "texts.",
            f"To learn the answers, name it as data.examples instead of data.text (bakeoff init {shlex.quote(source)} "
            f"does). To read one column as plain text: {setting}.",
        )


def cell_text(value: Any, number: int, column: str, source: str) -> Any:
    """Return a cell as a text, where it is one in another form: bytes are decoded, lists of strings joined with blanks.

    Args:
        number: Of the row, from 1, for messages.

    Returns:
        The text; a missing value or a number comes back as it is.

    Raises:
        UserError: the cell holds a chat, another object, or bytes that are no UTF-8.
    """
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise _no_text(source, number, column, "bytes that are no UTF-8", value) from None
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return " ".join(value)
    if isinstance(value, list | dict):
        parts = value if isinstance(value, list) else [value]
        if any(isinstance(part, dict) and any(keys <= part.keys() for keys in _CHAT_KEYS) for part in parts):
            raise _chats(f"{source}, row {number}", column)
        raise _no_text(source, number, column, "an object" if isinstance(value, dict) else "a list", value)
    return value


def _chats(where: str, column: str) -> UserError:
    return UserError(
        f"{where}: column {column!r} holds chats, not plain texts.",
        f"To learn the answers, name the file as data.examples instead of data.text, with data.messages: {column} "
        "(bakeoff init does).",
    )


def _no_text(source: str, number: int, column: str, what: str, value: Any) -> UserError:
    shown = json.dumps(value, default=str, ensure_ascii=False)
    shown = shown if len(shown) <= 60 else f"{shown[:59]}…"
    return UserError(
        f"{source}, row {number}: column {column!r} holds {what}, not a text: {shown}", "Name a column of texts."
    )
