"""The one thread that computes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")


class Worker:
    """Does one small piece of work after the other: a model loaded, some texts classified, a token written.

    torch and OpenVINO use every core for one pass, so two passes at a time would only be in each other's way. Whoever
    has more to do comes back for the next piece, and so everybody gets a turn; a model is never used by two threads.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compute")

    async def do(
        self, work: Callable[Arguments, Found], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Found:
        """What `work` returns or raises. If the caller is canceled meanwhile, work that has begun still ends."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *arguments, **named))

    def stop(self) -> None:
        """Forget what has not begun, and wait for what has."""
        self._thread.shutdown(wait=True, cancel_futures=True)
