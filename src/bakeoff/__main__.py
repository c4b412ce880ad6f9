"""The command `bakeoff`, `python -m bakeoff`, and `torchrun -m bakeoff`.

This module imports next to nothing, so that Ctrl-C while the others are imported is answered like any later one.
"""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        try:
            from bakeoff import interrupts

            interrupts.keep()
            from bakeoff.cli.main import main as command_line

            code = command_line()
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done: Python only shuts down
            return code
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one has nothing left to end
            print("Error: Interrupted.", file=sys.stderr)
    except KeyboardInterrupt:  # which came before that line
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return 130


if __name__ == "__main__":
    sys.exit(main())
