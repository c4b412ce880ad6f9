"""The command `bakeoff`, `python -m bakeoff`, and `torchrun -m bakeoff`.

This module imports nothing, so that Ctrl-C while the others are imported is answered like any later one.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    interrupted = 130
    try:
        from bakeoff.cli.main import main as command_line

        code = command_line()
    except KeyboardInterrupt:
        print("Error: Interrupted.", file=sys.stderr)
        code = interrupted
    if code == interrupted:  # a second Ctrl-C while Python shuts down would print a traceback
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


if __name__ == "__main__":
    sys.exit(main())
