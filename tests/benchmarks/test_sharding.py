"""The benchmark of sharding, small: it measures what it says, and the losses are those of one process."""

from __future__ import annotations

import re

import pytest

import sharding

pytestmark = pytest.mark.slow


def test_two_processes_are_compared_with_one(capfd):
    sharding.main(["--processes", "1", "2", "--layers", "2", "--hidden", "64", "--vocabulary", "512"])

    rows = re.findall(r"\| (\d+) \| .+ \| (\S+) \| (\S+) \|", capfd.readouterr().out)
    assert [(int(processes), float(share) > 0) for processes, share, _ in rows] == [(1, True), (2, True)]
    assert all(float(difference) <= 1e-5 for _, _, difference in rows)
