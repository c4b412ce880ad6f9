"""The thread that runs all models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Worker:
    """A queue of small pieces of work: load a model, classify a few texts, generate a token.

    torch and the decoder in C use all cores for one forward pass, so two passes at once would only slow each other
    down. A request with more work queues up again after each piece, so every request gets its turn, and no model is
    ever used by two threads.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compute")

    async def do(
        self, work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        """Run `work` on the thread. If the caller is canceled meanwhile, work that has started still finishes."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *arguments, **named))

    def stop(self) -> None:
        """Drop the work that has not started, and wait for the rest."""
        self._thread.shutdown(wait=True, cancel_futures=True)
