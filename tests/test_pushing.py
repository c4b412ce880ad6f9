"""What is uploaded beside a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff import pushing
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.runs.folder import RunFolder


def test_figures_name_what_was_measured(sentiment_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(sentiment_run)

    def with_several_labels(folder: RunFolder) -> LoadedRun:
        loaded = load_run(folder)
        for line in (line for contestant in loaded.contestants for line in contestant.epochs):
            line.measure = "micro-F1"
        return loaded

    monkeypatch.setattr(pushing, "load_run", with_several_labels)
    part = pushing._figures(run, run.contestant("lstm"), tmp_path)

    assert "![Validation micro-F1 of this contestant](figures/micro-f1.png)" in part
    assert "accuracy" not in part
    assert (tmp_path / "figures" / "micro-f1.png").exists()
