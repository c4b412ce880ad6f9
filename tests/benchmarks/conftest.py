"""What all comparisons need."""

from __future__ import annotations

import pytest

from comparison import running
from peers.job import Job, Measured, NotAvailable
from peers.worker import measure


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each measurement without a process of its own: importing transformers twenty times would take minutes."""

    def run_job(job: Job) -> Measured | str:
        try:
            return measure(job)
        except NotAvailable as reason:
            return str(reason)

    monkeypatch.setattr(running, "run_job", run_job)
