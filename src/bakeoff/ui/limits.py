"""Limits of uploaded files, besides those of requests in `bakeoff.serve.limits`."""

from __future__ import annotations

from dataclasses import dataclass, field

from bakeoff.serve.limits import Limits


@dataclass(frozen=True)
class PageLimits:
    """Limits of `bakeoff ui`. A client that exceeds one is told its value."""

    requests: Limits = field(default_factory=Limits)
    uploads: Limits = field(default_factory=lambda: Limits(body_bytes=200_000_000, body_seconds=600.0))
    unpacked_bytes: int = 1_000_000_000  # of a compressed file or a spreadsheet
    rows: int = 500_000
