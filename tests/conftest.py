"""Load torch before any test runs a command in this process.

Otherwise a command would pin this process to a core. The processes that tests start would inherit that and compute with
one thread, which changes the ninth digit of their numbers.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from filelock import FileLock
from hypothesis import settings

from tests.command import bakeoff
from tests.plots import no_plots
from tests.real_runs import LANGUAGE_MODEL, SENTIMENT, write_config_file

# The same examples in every run: nobody believes a suite that fails once in a hundred runs.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_configure() -> None:
    """Give each xdist worker a core of its own, which the processes that it starts inherit.

    Let Ctrl-C raise KeyboardInterrupt, as tests expect, also where a shell has started the tests in the background.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})
        torch.set_num_threads(1)


def pytest_collection() -> None:
    """Leave garbage alone while modules are imported: there is none."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Keep the collector away from the two million objects of the imported libraries.

    Every training collects garbage several times, which would take 0.2 seconds each.
    """
    gc.enable()
    freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Function, nextitem: pytest.Function | None) -> None:
    """Do the same with what the tests of a module have imported."""
    if nextitem is None or item.module is not nextitem.module:
        freeze()


def freeze() -> None:
    gc.collect()
    gc.freeze()


def pytest_report_header() -> str:
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads"


@pytest.fixture(autouse=True, scope="session")
def small_proposals() -> Iterator[None]:
    """Let `init` propose the same whether or not the small language model is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bakeoff.config.starting.has_small_language_model", lambda: False)
        yield


@pytest.fixture(autouse=True, scope="session")
def own_vectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the vectors that tests compute out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = shared_folder(tmp_path_factory) / "embeddings"
        patch.setattr("bakeoff.methods.embedding.cache.cache_folder", lambda: folder)
        yield


@pytest.fixture(autouse=True, scope="session")
def short_measurements() -> Iterator[None]:
    """Make plans from one or two steps of every training, not from four seconds of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bakeoff.training.measuring.MEASURED_SECONDS", 0.05)
        yield


@pytest.fixture(autouse=True, scope="session")
def without_plots() -> Iterator[None]:
    """Draw no plots but in tests about them: `with plots():`."""
    with no_plots():
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium. Without one, tests are skipped, or fail if BAKEOFF_REQUIRE_BROWSER is set."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        no_browser("playwright is not installed: pip install playwright")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        no_browser(f"no Chromium is installed (looked for {', '.join(BROWSERS)}): apt-get install chromium")
    with sync_playwright() as started:
        # Without the sandbox, which does not work in containers. The pages are our own.
        opened = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


def no_browser(reason: str) -> NoReturn:
    """Skip the test, or fail where tests in a browser must run, as in CI."""
    if os.environ.get("BAKEOFF_REQUIRE_BROWSER"):
        pytest.fail(f"BAKEOFF_REQUIRE_BROWSER is set, and {reason}", pytrace=False)
    pytest.skip(f"browser tests: {reason}")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Use one thread, for models so small that a second one would only slow them down."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def sentiment_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small bake-off of classifiers. Tests may not change it."""
    return _run(tmp_path_factory, "sentiment", SENTIMENT)


@pytest.fixture(scope="session")
def language_model_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small bake-off of language models. Tests may not change it."""
    return _run(tmp_path_factory, "language-model", LANGUAGE_MODEL)


def _run(factory: pytest.TempPathFactory, name: str, config: dict[str, Any]) -> Path:
    """Run a bake-off, or copy what another worker of pytest-xdist has run."""
    run, done = factory.mktemp(name) / "run", shared_folder(factory) / name
    with FileLock(f"{done}.lock"):
        if not done.exists():
            typed = bakeoff("run", write_config_file(run.with_name("small.yaml"), config), "-o", run)
            assert typed.code == 0, typed.err
            shutil.copytree(run, done)
            return run
    return shutil.copytree(done, run)


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a folder of this session, which all workers of pytest-xdist see."""
    own = factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    shared.mkdir(exist_ok=True)
    return shared
