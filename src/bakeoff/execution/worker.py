"""The process that `--workers` starts for trainings. It gets their numbers one by one, and reports on each."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from bakeoff import interrupts, machine
from bakeoff.execution.messages import SendingProgress, with_place
from bakeoff.execution.schedule import Assignment
from bakeoff.targets import load_target


@dataclass(frozen=True)
class Share:
    """What a worker may use of its machine."""

    cores: list[int]  # empty: any
    memory_bytes: int


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.keep()
    connection = Connection(int(sys.argv[1]))
    orders: queue.Queue[Any] = queue.Queue()
    try:
        assignment, share = connection.recv()
        threading.Thread(target=_listen, args=(connection, orders), daemon=True).start()
        with machine.many_trainings():
            work(connection, orders, assignment, share)
    except (KeyboardInterrupt, OSError):  # between two trainings; or nobody listens anymore
        pass


def work(connection: Connection, orders: queue.Queue[Any], assignment: Assignment, share: Share) -> None:
    """Carry out one training after the other, until there are no more orders."""
    if share.cores:
        os.sched_setaffinity(0, share.cores)
    machine.prepare()
    machine.limit_memory(share.memory_bytes)
    train = load_target(assignment.target)
    connection.send(("ready", None))
    while (number := orders.get()) is not None:
        progress = SendingProgress(lambda kind, values: connection.send((kind, values)))
        try:
            how = train(assignment.folder, assignment.session, number, progress)
        except KeyboardInterrupt:
            connection.send(("stopped", None))
            return
        except Exception as error:
            how = with_place(error)
        connection.send(("ended", how))


def _listen(connection: Connection, orders: queue.Queue[Any]) -> None:
    """Pass orders on. If the process that gives them has died, end this one, which nobody else would stop."""
    try:
        while True:
            orders.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)


if __name__ == "__main__":
    main()
