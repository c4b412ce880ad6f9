"""Make documents of prompts with their answers, and of chats."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from bakeoff.data.types import Answer, Document
from bakeoff.errors import UserError

Message = dict[str, str]  # `role` (system, user or assistant) and `content`
Render = Callable[[Sequence[Message], bool], str]
"""Returns a chat as a text by the template of a model; with True, up to where the assistant begins to answer."""

_ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant"}  # of ShareGPT -> ours
_SHOWN = 60
_SOME_ANSWER = "Some answer."


def pair_document(name: str, template: str, prompt: str, completion: str) -> Document:
    """Return the document of a prompt and its answer.

    Blanks between the two belong to the answer: most tokenizers have them at the beginning of words. White space
    around the completion is removed.

    Args:
        template: Holds `{prompt}`, and ends in `{completion}`.
    """
    before = template.removesuffix("{completion}").replace("{prompt}", prompt)
    text = before + completion.strip()
    answer = Answer(len(before.rstrip(" ")), len(text), len(text))
    return Document(name, text, [text], (answer,), prompt)


def before_answer(messages: Sequence[Message], render: Render) -> str:
    """Return the text of a chat up to where the assistant's own words begin.

    Some templates begin every answer with something of theirs, such as an empty thought, which is not in the text that
    they ask with. A model that is given it answers at once, and need not learn to write it.
    """
    text = render(messages, True)
    answered = render([*messages, {"role": "assistant", "content": _SOME_ANSWER}], False)
    heading, found, _ = answered[len(text) :].partition(_SOME_ANSWER)
    return text + heading.rstrip(" ") if answered.startswith(text) and found and heading.strip() else text


def chat_document(name: str, messages: Sequence[Message], render: Render, source: str) -> Document:
    """Return the document of a chat, up to its last answer. Each answer of the assistant is one.

    Raises:
        UserError: the template changes what it has written when another message follows.
    """
    last = max(number for number, message in enumerate(messages) if message["role"] == "assistant")
    text = render(messages[: last + 1], False)
    answers = []
    for number, message in enumerate(messages[: last + 1]):
        if message["role"] == "assistant":
            before, after = render(messages[:number], True), render(messages[: number + 1], False)
            content = message["content"].strip()
            if not text[len(before) : len(after)].lstrip().startswith(content):
                before = before_answer(messages[:number], render)
            start = len(before)
            found = text.find(content, start, len(after))
            if not (text.startswith(before) and text.startswith(after) and found >= 0):
                raise UserError(
                    f"{source}, row {name}: the chat template of the model writes a message otherwise when another "
                    "follows, so the answers cannot be found in the text.",
                    "Choose another model, or write prompts and answers into columns of their own.",
                )
            answers.append(Answer(start, found + len(content), len(after)))
    question = "\n".join(message["content"] for message in messages[:last])
    return Document(name, text, [text], tuple(answers), question)


def chat_of(cell: Any, name: str, column: str, source: str) -> list[Message]:
    """Return the messages in a cell; an answer of the assistant is among them.

    Raises:
        UserError: the cell holds something else.
    """
    messages: list[Message] = []
    for part in cell if isinstance(cell, list) else [cell]:
        role = part.get("role", part.get("from")) if isinstance(part, dict) else None
        content = part.get("content", part.get("value")) if isinstance(part, dict) else None
        if not isinstance(role, str) or not isinstance(content, str):
            shown = json.dumps(part, default=str, ensure_ascii=False)
            shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
            raise UserError(
                f"{source}, row {name}: column {column!r} holds {shown}, which is not a message.",
                'A chat is a list of messages such as {"role": "user", "content": "Hello"}.',
            )
        messages.append({"role": _ROLES.get(role, role), "content": content})
    answered = [message["role"] == "assistant" and bool(message["content"].strip()) for message in messages]
    if not any(answered[1:]) or any(
        message["role"] == "assistant" and not answer for message, answer in zip(messages, answered, strict=True)
    ):
        raise UserError(
            f"{source}, row {name}: the chat in column {column!r} has no answer, or an empty one.",
            'After a message of the user, it needs one with the role "assistant". Remove the row, or complete it.',
        )
    return messages
