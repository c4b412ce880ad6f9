"""`python -m bakeoff`, and `torchrun -m bakeoff`."""

from __future__ import annotations

import sys

from bakeoff.cli.main import main

sys.exit(main())
