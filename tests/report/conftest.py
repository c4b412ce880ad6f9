"""Two real runs full of hostile text: one of classifiers with two seeds, one of language models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import bakeoff
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.runs.folder import RunFolder
from tests.plots import plots
from tests.report.hostile import with_hostile_texts, write_hostile_table


@pytest.fixture(scope="package", autouse=True)
def with_plots() -> Iterator[None]:
    with plots():
        yield


@pytest.fixture(scope="package")
def classification_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("hostile")
    config = {
        "task": "classification",
        "name": "<i>films & more",
        "data": {"table": str(write_hostile_table(folder / "texts.jsonl"))},
        "budget": {"epochs": 2},
        "repeats": 2,
        "contestants": {
            "majority": {},
            "linear": {},
            "lstm": {"embedding_size": 8, "hidden_size": 8, "learning_rate": 0.02, "batch_size": 16},
            "both": {"method": "ensemble", "members": ["linear", "lstm"]},
        },
        "evaluation": {"resamples": 100},
    }
    return RunFolder(bakeoff.run(config, folder / "run").folder)


@pytest.fixture(scope="package")
def language_model_run(language_model_run: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return with_hostile_texts(language_model_run, tmp_path_factory.mktemp("hostile") / "run")


@pytest.fixture(scope="package", params=["classification", "language-model"])
def run(request: pytest.FixtureRequest, classification_run: RunFolder, language_model_run: RunFolder) -> RunFolder:
    """Both runs, one after the other."""
    return classification_run if request.param == "classification" else language_model_run


@pytest.fixture(scope="package")
def one_contestant(classification_run: RunFolder) -> LoadedRun:
    """The run of classifiers with one contestant, whose report is quickly rendered."""
    run = load_run(classification_run)
    verdict = run.verdict.model_copy(update={"best": "linear", "comparisons": []})
    return replace(run, contestants=run.contestants[1:2], verdict=verdict)


@pytest.fixture
def empty_folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "nothing")
