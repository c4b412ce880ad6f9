"""Input of the commands that classify texts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from bakeoff.cli.console import printable
from bakeoff.errors import UserError

if TYPE_CHECKING:
    from bakeoff.runs.folder import RunFolder

Answer = TypeVar("Answer")


def given_texts(texts: Sequence[str] | None) -> list[str]:
    """Return the texts from the command line, or the lines of standard input that are not blank."""
    return list(texts or [line for line in standard_input().split("\n") if line.strip()])


def standard_input() -> str:
    """Return all of standard input.

    Raises:
        UserError: it is not UTF-8.
    """
    try:
        text = sys.stdin.read()
        text.encode()  # in the C locale, Python reads other bytes as surrogates
    except UnicodeError as error:
        position = getattr(error, "start", 0)
        raise UserError(
            f"Standard input is not UTF-8 (near byte {position:,}).", "Convert it: iconv -t utf-8"
        ) from None
    return text


def say_where_texts_go(run: RunFolder, names: Sequence[str]) -> None:
    """Say on standard error which contestants send texts to another machine for an answer."""
    from bakeoff.tasks.classifier import addresses

    for name, address in addresses(run).items():
        if name in names:
            print(f"{printable(name)} sends the texts to {address}.", file=sys.stderr)


def empty_text_note(texts: Sequence[str]) -> str | None:
    """Return a sentence about texts that hold nothing but white space, or None where there are none."""
    empty = sum(not text.strip() for text in texts)
    if not empty:
        return None
    counted = "1 text is empty: its answer says" if empty == 1 else f"{empty:,} texts are empty: their answers say"
    return f"{counted} only what the models answer without any word."


def chosen_contestants(run: RunFolder, contestant: str | None) -> list[str]:
    """Return the contestant that was named, or all contestants of a run.

    Raises:
        UserError: the folder holds no run.
    """
    run.must_hold_a_run()
    return [contestant] if contestant else [folder.name for folder in run.evaluated()]


def answers_of(names: Sequence[str], ask: Callable[[str], Answer]) -> dict[str, Answer]:
    """Ask contestants, by name. Those of several that know only other texts are left out, which is said.

    Raises:
        UserError: none of them has an answer.
    """
    from bakeoff.methods.base import UnknownTextError

    answers: dict[str, Answer] = {}
    for number, name in enumerate(names, start=1):
        try:
            answers[name] = ask(name)
        except UnknownTextError as error:
            if number == len(names) and not answers:
                raise
            print(f"{name} is left out. {error.message}", file=sys.stderr)
    return answers
