"""A run folder read into memory, from which every form of report is made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from bakeoff.evaluation.documents import DocumentLoss, document_losses
from bakeoff.evaluation.verdict import ranking
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.data_report import DataReport
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import (
    ContestantResult,
    Environment,
    EpochLine,
    MetricValue,
    Sample,
    StepLine,
    Verdict,
)
from bakeoff.runs.training_time import on_the_clock
from bakeoff.targets import load_target


@dataclass(frozen=True)
class LoadedContestant:
    """A finished contestant. With several seeds, its metrics are means and everything else is from the first seed."""

    result: ContestantResult
    steps: list[StepLine]
    epochs: list[EpochLine]  # their seconds include pretraining, a linear part, and the other trials of a search
    samples: list[Sample]
    losses: dict[str, DocumentLoss] = field(default_factory=dict)  # of a language model: by test document
    suggested_labels: dict[str, str] = field(default_factory=dict)  # test text with a label issue -> likelier label

    @property
    def name(self) -> str:
        return self.result.name


@dataclass(frozen=True)
class LoadedRun:
    """A finished bake-off."""

    name: str
    config: dict[str, Any]
    data: DataReport
    environment: Environment
    verdict: Verdict
    contestants: list[LoadedContestant]  # in the order of the config; see `best_first`

    @property
    def results(self) -> list[ContestantResult]:
        return [contestant.result for contestant in self.contestants]

    @property
    def best_first(self) -> LoadedRun:
        """Return the run with its contestants ranked: in a wide table, the best must not lie beyond the edge."""
        order = [result.name for result in ranking(self.results)]
        return replace(self, contestants=sorted(self.contestants, key=lambda entry: order.index(entry.name)))

    @property
    def is_classification(self) -> bool:
        return self.results[0].task == "classification"

    @property
    def primary_metric(self) -> MetricValue:
        """Return the first metric of the best contestant."""
        return next(result for result in self.results if result.name == self.verdict.best).metrics[0]

    @property
    def winner(self) -> str | None:
        """Return the name of the best contestant, or None if it is the only one."""
        return self.verdict.best if len(self.contestants) > 1 else None

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return str(load_target("bakeoff.report.notebook:run_html")(self))


def load_contestant(folder: ContestantFolder) -> LoadedContestant:
    """Read a contestant's results, training log and samples."""
    result, scores = folder.average(), folder.scores()
    steps, epochs = folder.training_log()
    perplexity = result.metric("perplexity")
    losses = document_losses(scores, perplexity.protocol) if perplexity else {}
    return LoadedContestant(
        result, steps, on_the_clock(folder, epochs), folder.samples(), losses, _suggested_labels(scores)
    )


def _suggested_labels(scores: pa.Table) -> dict[str, str]:
    if "suggested_label" not in scores.column_names:
        return {}
    rows = scores.select(["document", "suggested_label"]).drop_null()
    return dict(zip(rows["document"].to_pylist(), rows["suggested_label"].to_pylist(), strict=True))


def load_run(run: RunFolder) -> LoadedRun:
    """Read a run. Of the scores of single texts, only suggested labels and document losses are kept.

    Raises:
        UserError: the folder holds no run, or the run has not finished.
    """
    run.must_hold_a_run()
    config = run.config_values()
    return LoadedRun(
        name=config.get("name") or run.path.resolve().name,
        config=config,
        data=run.data(),
        environment=run.environment(),
        verdict=run.verdict(),
        contestants=[load_contestant(folder) for folder in run.evaluated()],
    )
