from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.runs.folder import RunFolder
from tests.fake_runs import write_classification_run, write_language_model_run


@pytest.fixture(scope="package")
def classification_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_classification_run(tmp_path_factory.mktemp("runs") / "sentiment", texts=400)


@pytest.fixture(scope="package")
def language_model_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_language_model_run(tmp_path_factory.mktemp("runs") / "language-model", articles=9)


@pytest.fixture(scope="package", params=["classification", "language-model"])
def run(request: pytest.FixtureRequest, classification_run: RunFolder, language_model_run: RunFolder) -> RunFolder:
    """Both kinds of run, one after the other."""
    return classification_run if request.param == "classification" else language_model_run


@pytest.fixture
def empty_folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "nothing")
