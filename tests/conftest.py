"""Loads torch before any test types a command in this process.

A command that comes first would pin this process to a core, and the processes that tests start would inherit the pin
and compute with one thread: other numbers, in the ninth digit.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

from tests.command import bakeoff
from tests.real_runs import LANGUAGE_MODEL, SENTIMENT, write_config_file

# The same examples in every run: a suite that fails once in a hundred runs is believed by nobody.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_configure() -> None:
    """Tests that run side by side have a core each, and so have the processes that they start."""
    if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})
        torch.set_num_threads(1)


def pytest_report_header() -> str:
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, where one is installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"there is no Chromium here ({', '.join(BROWSERS)})")
    with playwright.sync_playwright() as started:
        # Without its sandbox, which cannot be had in containers; the pages are ours.
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For models so small that they would only wait for the other thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def sentiment_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small bake-off of classifiers. Tests may not change it."""
    return _run(tmp_path_factory.mktemp("sentiment"), SENTIMENT)


@pytest.fixture(scope="session")
def language_model_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small bake-off of language models. Tests may not change it."""
    return _run(tmp_path_factory.mktemp("language-model"), LANGUAGE_MODEL)


def _run(folder: Path, config: dict[str, Any]) -> Path:
    typed = bakeoff("run", write_config_file(folder / "small.yaml", config), "-o", folder / "run")
    assert typed.code == 0, typed.err
    return folder / "run"
