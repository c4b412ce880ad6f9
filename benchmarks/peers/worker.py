"""Run one measurement in its own process: `python -m peers.worker JOB` prints one line of JSON."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import asdict
from importlib import import_module
from typing import Any

from bakeoff import machine
from bakeoff.errors import UserError
from peers.job import Job, Measured, NotAvailable


def measure(job: Job) -> Measured:
    """Run the measurement that the job names.

    Raises:
        NotAvailable: a package or the model is missing, or the memory does not suffice.
    """
    module, function = job.measure.split(".")
    if module.startswith("ours"):
        machine.prepare()  # as our commands do, before torch is loaded; peers run as their users would have them
    try:
        found: Measured = getattr(import_module(f"peers.{module}"), function)(job)
    except ModuleNotFoundError as error:
        raise NotAvailable(f"not installed: {error.name}") from None
    except UserError as error:
        raise NotAvailable(error.message) from None
    except MemoryError:
        raise NotAvailable("out of memory") from None
    found.peak_memory_bytes = machine.peak_memory_bytes()
    return found


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    try:
        with contextlib.redirect_stdout(sys.stderr):  # some peers talk
            answer: dict[str, Any] = {"measured": asdict(measure(job))}
    except NotAvailable as reason:
        answer = {"not_available": str(reason)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
