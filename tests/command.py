"""The command line as a test types it."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, TextIO
from unittest import mock

from bakeoff.cli.main import main
from tests.processes import Forked


@dataclass(frozen=True)
class Typed:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def bakeoff(*arguments: str | os.PathLike[str], stdin: str | TextIO = "") -> Typed:
    """Run a command inside this process, which has torch loaded already."""
    out, err = io.StringIO(), io.StringIO()
    given = io.StringIO(stdin) if isinstance(stdin, str) else stdin
    with redirect_stdout(out), redirect_stderr(err), mock.patch("sys.stdin", given):
        code = main([os.fspath(argument) for argument in arguments])
    return Typed(code, out.getvalue(), err.getvalue())


def refused(*arguments: str | os.PathLike[str], stdin: str | TextIO = "") -> str:
    """Run a command that must be refused as a user's mistake; returns what was said."""
    typed = bakeoff(*arguments, stdin=stdin)
    assert typed.code == 2, typed
    assert typed.out == ""
    assert "Traceback" not in typed.err
    return typed.err


def start(
    *arguments: str | os.PathLike[str], program: Sequence[str] = ("-m", "bakeoff"), **options: Any
) -> subprocess.Popen[str]:
    """Start a command in a process of its own, as from a shell."""
    words = [sys.executable, *program, *(os.fspath(argument) for argument in arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def fork(*arguments: str | os.PathLike[str], **options: Any) -> Forked:
    """Run a command in a process of its own, for tests that kill it or need fresh state."""
    return Forked(main, arguments, **options)


def forked(*arguments: str | os.PathLike[str], **options: Any) -> Typed:
    """Run a command in a process of its own until it ends."""
    process = fork(*arguments, **options)
    out, err = process.communicate(timeout=120)
    code = process.poll()
    assert code is not None
    return Typed(code, out, err)


def type_line(line: str, stdin: str = "") -> Typed:
    """A line as it stands in the documentation: `bakeoff predict runs/sentiment "A fine film"`."""
    program, *arguments = shlex.split(line, comments=True)
    assert program == "bakeoff"
    return bakeoff(*arguments, stdin=stdin)
