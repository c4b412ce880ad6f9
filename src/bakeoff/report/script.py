"""The script of report.html, and the policy that allows it and nothing else."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

SCRIPT = resources.files("bakeoff.report").joinpath("templates", "report.js").read_text(encoding="utf-8")
"""Saves plots and copies texts."""

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    f"script-src 'sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'"
)
"""A Content-Security-Policy. The script draws a plot as an image (`data:`) before it saves it as PNG."""
