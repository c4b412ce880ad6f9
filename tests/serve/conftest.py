"""Two small bake-offs, trained once, and a server for both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import bakeoff
from bakeoff.runs.checksums import remove_manifest
from bakeoff.runs.folder import RunFolder
from bakeoff.serve.limits import Limits
from tests.real_runs import copy_run
from tests.serve.servers import running

SENTIMENT = {
    "task": "classification",
    "data": {"table": "sentence-polarity", "rows": 300},
    "budget": {"epochs": 1},
    "contestants": {"majority": {}, "linear": {}, "lstm": {"embedding_size": 8, "hidden_size": 8}},
    "evaluation": {"resamples": 100},
}
STORIES = {
    "task": "language-model",
    "model": "stories260k",
    "data": {"text": "wikitext-2-part", "fraction": {"train": 0.01, "validation": 0.01, "test": 0.01}},
    "budget": {"tokens": 1000},
    "contestants": {"pretrained": {}, "lora": {"max_length": 128, "learning_rate": 1e-2, "r": 4}},
    "evaluation": {
        "protocols": ["document"],
        "context_length": 256,
        "prompts": ["Once upon a time"],
        "max_new_tokens": 5,
        "resamples": 100,
    },
    "precision": "fp32",
}


@pytest.fixture(scope="session")
def sentiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bakeoff.run(SENTIMENT, tmp_path_factory.mktemp("runs") / "sentiment").folder


@pytest.fixture(scope="session")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bakeoff.run(STORIES, tmp_path_factory.mktemp("runs") / "stories").folder


@pytest.fixture
def young(sentiment: Path, tmp_path: Path) -> RunFolder:
    """A run that has just started: only the majority baseline has finished."""
    run = copy_run(sentiment, tmp_path / "young")
    (run.path / "verdict.json").unlink()
    for name in ("linear", "lstm"):
        folder = run.contestant(name)
        for log in folder.path.glob("*.jsonl"):
            log.unlink()
        remove_manifest(folder.path)
        (folder.path / "result.json").rename(folder.path / "later.json")
    return run


@pytest.fixture(scope="session")
def client(sentiment: Path, stories: Path) -> Iterator[httpx.Client]:
    # Every answer is complete even on a busy machine.
    with running([sentiment, stories], limits=Limits(seconds=1000)) as client:
        yield client
