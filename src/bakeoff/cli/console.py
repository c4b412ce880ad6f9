"""What all commands print the same way: results, errors and JSON.

Results go to standard output, everything else to standard error, so that pipes carry only results.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from bakeoff.cli.options import Precision
from bakeoff.errors import UserError

LONGEST_LINE = 2000
LONGEST_WORD = 400  # longer than any path that a file system takes in one part
MOST_LINES = 60
_WORD = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")

if TYPE_CHECKING:
    from rich.console import Console


def output() -> Console:
    """Return standard output, as wide as the terminal, or 100 columns wide in a pipe. It prints strings as they are."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 100
    return Console(file=sys.stdout, width=width, markup=False, emoji=False, highlight=False)


def print_error(error: UserError) -> None:
    """Print an error and its hint to standard error."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    console.print(Text("Error: ", style="bold red"), Text(_shortened(printable(error.message))), sep="", end="\n")
    if error.hint:
        console.print(Text(_shortened(printable(error.hint))))


def _shortened(message: str) -> str:
    """Return a message without the middle of endless values and lists, which would drown what it says."""
    lines = [line if len(line) <= LONGEST_LINE else _without_middle(line, LONGEST_LINE) for line in message.split("\n")]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"... and {len(lines) - MOST_LINES:,} more lines"]
    return "\n".join(_WORD.sub(lambda word: _without_middle(word[0], LONGEST_WORD), line) for line in lines)


def _without_middle(text: str, longest: int) -> str:
    return f"{text[: longest * 2 // 3]}…{text[-longest // 3 :]}"


def warn_of_slow_bf16(requested: Precision | None) -> None:
    """Warn before work starts that bf16 is extremely slow on this machine, if it is."""
    if requested == "bf16":
        from bakeoff.training.precision import choose_device, computes_bf16_fast

        if not computes_bf16_fast(choose_device()):
            print("bf16 is hundreds of times slower than fp32 on this machine. Use --precision auto.", file=sys.stderr)


def print_json(values: Any) -> None:
    """Print one JSON object to standard output. NaN and infinity, which JSON does not have, become null."""
    print(json.dumps(_finite(values), ensure_ascii=False))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def printable(text: str) -> str:
    """Return outside text without control characters, which could control the terminal."""
    return "".join(character if character.isprintable() or character in "\n\t" else "�" for character in text)
