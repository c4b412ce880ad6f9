"""Processes that start in no time: forks of a server, itself without state, that has imported the heavy libraries.

Starting Python and importing torch and transformers takes four seconds. Where just that is tested, tests start Python.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # before torch is imported, as the command does it
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "peft",
        "sklearn.linear_model",
        "bakeoff.lm.sources",
        "bakeoff.tasks.classification",
        "bakeoff.tasks.language_model",
    ]
)


class Forked:
    """A function that runs in a process of its own, with as much of the interface of `Popen` as tests use."""

    def __init__(
        self,
        function: Callable[[list[str]], Any],
        words: Sequence[str | os.PathLike[str]],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._files = [tempfile.NamedTemporaryFile("r", encoding="utf-8") for _ in range(2)]  # noqa: SIM115
        given = (function, [os.fspath(word) for word in words], [file.name for file in self._files])
        self._process = SERVER.Process(target=_run, args=(*given, cwd or Path.cwd(), dict(env or os.environ)))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, signal_: signal.Signals) -> None:
        if self.poll() is None and self._process.pid is not None:
            os.kill(self._process.pid, signal_)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for the end; return what was written to standard output and standard error."""
        self._process.join(timeout)
        if self.poll() is None:
            self._process.kill()
            raise TimeoutError(f"still running after {timeout} seconds")
        out, err = (file.read() for file in self._files)
        for file in self._files:
            file.close()
        return out, err


def _run(
    function: Callable[[list[str]], Any], words: list[str], files: list[str], cwd: Path, env: Mapping[str, str]
) -> None:
    gc.freeze()
    for descriptor, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY), descriptor)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = env.get("PYTHONPATH", "").split(os.pathsep)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which processes in the background ignore
    sys.exit(function(words))
