"""Loads torch before any test types a command in this process.

A command that comes first would pin this process to a core, and the processes that tests start would inherit the pin
and compute with one thread: other numbers, in the ninth digit.
"""

from __future__ import annotations

import torch


def pytest_report_header() -> str:
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads"
