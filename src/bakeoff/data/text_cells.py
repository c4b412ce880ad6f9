"""Cells of a column of texts: what is a text, what becomes one, and what is refused, such as a chat."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from bakeoff.errors import UserError

_CHAT_KEYS = ({"role", "content"}, {"from", "value"})
_CHAT_COLUMNS = ("messages", "conversations", "conversation", "chat")
_PAIRS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("prompt", "chosen"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("question", "answer"),
)


def refuse_other_shapes(columns: Iterable[str], column: str, source: str, key: str) -> None:
    """Check that a table which lacks the wanted column does not hold chats, or prompts with completions.

    Args:
        column: The wanted column, `text` unless somebody named another.
        key: How a user names the column: `data.column`.

    Raises:
        UserError: it does; the message says what is missing to read it.
    """
    names = list(columns)
    if column in names:
        return
    by_lower_case = {name.lower(): name for name in names}
    for name in _CHAT_COLUMNS:
        if name in by_lower_case:
            raise _chats(source, by_lower_case[name])
    for first, second in _PAIRS:
        if first in by_lower_case and second in by_lower_case:
            asked, answer = by_lower_case[first], by_lower_case[second]
            setting = f"{key} {answer}" if key.startswith("--") else f"{key}: {answer}"
            raise UserError(
                f"{source} holds prompts and completions (columns {asked!r} and {answer!r}), which are not supported "
                "yet: a loss on the completions alone is missing.",
                f"Name one column to read it as plain text ({setting}), or join the two into a column `text`.",
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
        f"{where}: column {column!r} holds chats, which are not supported yet: the model's chat template, which makes "
        "texts of them, and a loss on the answers alone are missing.",
        "Write them as texts yourself, with `tokenizer.apply_chat_template(messages, tokenize=False)` of transformers, "
        "into a column `text`.",
    )


def _no_text(source: str, number: int, column: str, what: str, value: Any) -> UserError:
    shown = json.dumps(value, default=str, ensure_ascii=False)
    shown = shown if len(shown) <= 60 else f"{shown[:59]}…"
    return UserError(
        f"{source}, row {number}: column {column!r} holds {what}, not a text: {shown}", "Name a column of texts."
    )
