"""The boundary of the command line: what a user sees of any error is a sentence, and never a traceback."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import shlex
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from bakeoff.cli.console import print_error
from bakeoff.errors import UserError
from bakeoff.training import torchrun

MISTAKE = 2
BUG = 70
INTERRUPTED = 130

_PATHS = ("-o", "--output", "--out", "--file")
_HINTS = {
    errno.ENOENT: "Check that it exists and that nothing removes it in the meantime.",
    errno.ENAMETOOLONG: "Give a shorter name.",
    errno.EACCES: "Check its permissions.",
    errno.EPERM: "Check its permissions.",
    errno.EROFS: "Choose another folder.",
    errno.ENOSPC: "Free some space, and try again.",
    errno.EDQUOT: "Free some space, and try again.",
    errno.EMFILE: "Raise the limit on open files: ulimit -n 4096",
}


class InterruptedWorkError(UserError):
    """Ctrl-C or SIGTERM, with a hint on how to go on. The exit code is 130."""


def guarded(work: Callable[[], int], arguments: Sequence[str], *, process_ends: bool) -> int:
    """Return the exit code of `work`: its own, 2 for a mistake, 70 for a bug, 130 if it was interrupted.

    Args:
        process_ends: After an interrupt, ignore further ones for good: a second Ctrl-C while Python shuts down would
            print a traceback.
    """
    interrupts = _Interrupts()
    try:
        with interrupts.handled():
            return work()
    except (InterruptedWorkError, KeyboardInterrupt) as error:
        return _interrupted(error, process_ends)
    except UserError as error:
        print_error(error)
        return MISTAKE
    except SystemExit as done:
        if done.code == INTERRUPTED:  # typer's, for Ctrl-C
            return _interrupted(done, process_ends)
        return done.code if isinstance(done.code, int) else 0
    except Exception as error:
        if interrupts.count:  # libraries that are being imported make errors of their own of it
            return _interrupted(error, process_ends)
        if (explained := _explained(error)) is not None:
            print_error(explained)
            return MISTAKE
        print_error(_bug(error, arguments))
        return BUG


def check_arguments(arguments: Sequence[str]) -> None:
    """Check that the command line is Unicode, and that no path is empty.

    Raises:
        UserError: an argument holds bytes that are not UTF-8, or there is no name after `-o`.
    """
    for number, argument in enumerate(arguments, start=1):
        option = arguments[number - 2] if argument == "" and number > 1 else argument.removesuffix("=")
        if option in _PATHS and option != argument:
            raise UserError(f"There is no name after {option}.", f"Give one, for example {option} mine")
        try:
            argument.encode()
        except UnicodeEncodeError:
            shown = argument.encode(errors="surrogateescape" if _is_escaped(argument) else "replace")
            raise UserError(
                f"Argument {number} is not UTF-8: {shown.decode(errors='replace')}",
                "Convert it, or rename the file.",
            ) from None


def print_anything() -> None:
    """Let standard output and error escape what their encoding lacks, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")


def _interrupted(error: BaseException, process_ends: bool) -> int:
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread else None
    if torchrun.is_main_process():
        print_error(error if isinstance(error, InterruptedWorkError) else InterruptedWorkError("Interrupted."))
    if in_main_thread and not process_ends:
        signal.signal(signal.SIGINT, before)
    return INTERRUPTED


class _Interrupts:
    """Ctrl-C and SIGTERM, with which schedulers and shutdowns end a process: both raise KeyboardInterrupt."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        raise KeyboardInterrupt

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals in the block, unless somebody else does."""
        ours = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
        if threading.current_thread() is not threading.main_thread():
            ours = {}
        before = {number: handler for number, handler in ours.items() if signal.getsignal(number) == handler}
        for number in before:
            signal.signal(number, self)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _explained(error: Exception) -> UserError | None:
    """Return an error of the operating system as a sentence, or None for a bug."""
    if isinstance(error, OSError) and error.errno is not None:
        what = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
        return UserError(what, _HINTS.get(error.errno, ""))
    wrapped = str(error)
    if isinstance(error, MemoryError) or "can't allocate memory" in wrapped or "out of memory" in wrapped:
        return UserError("There is not enough memory for this.", "Choose smaller sizes: bakeoff plan shows the need.")
    if isinstance(error, RuntimeError) and "overflow" in wrapped and "storage" in wrapped.lower():
        return UserError(
            f"A size is beyond what any machine can hold: {wrapped.splitlines()[0]}", "Choose smaller ones."
        )
    if isinstance(error, RecursionError):
        return UserError("The input is nested too deeply.", "Give data and configs with less nesting.")
    if isinstance(error, ValueError) and "null byte" in wrapped:
        return UserError("A file name contains a null character.", "Remove it.")
    return None


def _bug(error: Exception, arguments: Sequence[str]) -> UserError:
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" ({'/'.join(Path(last[0].filename).parts[-3:])}, line {last[0].lineno})" if last else ""
    first_line = (str(error).strip().splitlines() or [""])[0]
    what = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    message = f"This is a bug in bakeoff, please report it: {what}{where}."
    try:
        return UserError(message, f"Attach this file, once you have looked through it: {_write(error, arguments)}")
    except OSError as problem:
        return UserError(message, f"The details could not be written to a file: {problem.strerror}.")


def _write(error: Exception, arguments: Sequence[str]) -> Path:
    """Write a file for a report: versions, the command, the traceback. Return its path."""
    from bakeoff.environment import package_version

    versions = {name: package_version(name) for name in ("bakeoff", "torch", "transformers", "numpy", "pyarrow")}
    lines = [
        f"command: bakeoff {shlex.join(_without_secrets(arguments))}",
        f"folder: {Path.cwd()}",
        f"python: {platform.python_version()}, {platform.platform()}",
        *(f"{name}: {version}" for name, version in versions.items()),
        "",
        "".join(traceback.format_exception(error)),
    ]
    handle, path = tempfile.mkstemp(prefix="bakeoff-bug-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write("\n".join(lines))
    return Path(path)


def _without_secrets(arguments: Sequence[str]) -> list[str]:
    shown = list(arguments)
    for index, argument in enumerate(shown):
        if argument.startswith("--token="):
            shown[index] = "--token=..."
        elif index and shown[index - 1] == "--token":
            shown[index] = "..."
    return shown


def _is_escaped(text: str) -> bool:
    return all(not 0xD800 <= ord(character) <= 0xDFFF or 0xDC80 <= ord(character) <= 0xDCFF for character in text)
