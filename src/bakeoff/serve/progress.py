"""/v1/runs: the current state of the runs, for pages that watch training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter

from bakeoff.errors import UserError
from bakeoff.evaluation.metrics import metric_name
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import EpochLine, MetricValue, StepLine
from bakeoff.serve.errors import ApiError, documented
from bakeoff.serve.models import Models, ServedRun
from bakeoff.serve.shapes import ContestantView, CurvePoint, Curves, MetricView, RunList, RunProgress, RunView

MOST_POINTS = 200
"""Points of a training curve. More would be indistinguishable on a screen."""

Lines = tuple[list[StepLine], list[EpochLine]]


def routes(models: Models) -> APIRouter:
    router = APIRouter()
    metrics = MetricsReader()

    @router.get("/v1/runs", responses=documented(400))
    def list_runs() -> RunList:
        """List the runs, finished or not."""
        return RunList(data=[run_view(run) for run in models.runs.values()])

    @router.get("/v1/runs/{run}", responses=documented(400, 404))
    def show_run(run: str) -> RunProgress:
        """Show one run with its training curves so far."""
        if run not in models.runs:
            raise ApiError(404, f"There is no run {run!r}. Runs: {', '.join(models.runs)}.", param="run")
        served = models.runs[run]
        return RunProgress(run=run_view(served), curves=curves_of(served, metrics))

    return router


def curves_of(run: ServedRun, metrics: MetricsReader) -> list[Curves]:
    """Return the training curves of the contestants that have trained at least one step."""
    lines = {name: metrics(run.folder.contestant(name, writes=False)) for name in run.methods}
    return [curves(name, steps, epochs) for name, (steps, epochs) in lines.items() if steps]


def run_view(run: ServedRun) -> RunView:
    """Return the current state of a run. What is not written yet stays empty."""
    try:
        verdict = run.folder.verdict()
    except UserError:
        verdict = None
    report = run.folder.has_report
    return RunView(
        name=run.name,
        task=run.task,
        finished=verdict is not None,
        report=f"/runs/{quote(run.name)}/report.html" if report else None,
        verdict=verdict.sentences if verdict else [],
        summary=verdict.summary if verdict else [],
        recommended=verdict.recommended if verdict else None,
        rule=verdict.rule if verdict else "",
        contestants=[_contestant_view(run, name) for name in run.methods],
    )


def _contestant_view(run: ServedRun, name: str) -> ContestantView:
    folder = run.folder.contestant(name, writes=False)
    try:
        result = run.result(name)
        if result is not None and (model := run.model(name)) is not None:
            return ContestantView(
                name=name,
                method=run.methods[name],
                state="finished",
                model=model.id,
                metric=_metric_view(result.metrics[0]),
                training_seconds=result.training.seconds,
                columns=result.columns,
            )
        started = bool(folder.begun or folder.folds() or folder.open_trials())
        failed = run.ended(name)
    except UserError:  # damaged: the others are still shown
        started, failed = True, True
    return ContestantView(
        name=name,
        method=run.methods[name],
        state="failed" if failed else "training" if started else "waiting",
        model=None,
        metric=None,
        training_seconds=None,
    )


def _metric_view(metric: MetricValue) -> MetricView:
    name = metric_name(metric.name)
    return MetricView(
        name=metric.name,
        title=name[:1].upper() + name[1:],
        value=_finite(metric.value),
        low=_finite(metric.low),
        high=_finite(metric.high),
        protocol=metric.protocol,
    )


class MetricsReader:
    """A cache of training logs. It reads metrics.jsonl again only when its size has changed."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[int, Lines]] = {}

    def __call__(self, contestant: ContestantFolder) -> Lines:
        try:
            folder = contestant.latest
            size = folder.metrics_size()
        except UserError:  # damaged: the others are still shown
            return [], []
        known = self._read.get(folder.path)
        if known is None or known[0] != size:
            try:
                known = size, folder.training_log()
            except UserError:
                known = size, ([], [])
            self._read[folder.path] = known  # once it is read: other threads ask meanwhile
        return known[1]


def curves(contestant: str, steps: Sequence[StepLine], evaluations: Sequence[EpochLine]) -> Curves:
    """Return the training curves of a contestant, with at most `MOST_POINTS` points.

    Args:
        steps: At least one.
    """
    last = steps[-1]
    size = math.ceil(len(steps) / MOST_POINTS)
    parts = [steps[begin : begin + size] for begin in range(0, len(steps), size)]
    return Curves(
        contestant=contestant,
        step=last.step,
        epoch=last.epoch,
        tokens_per_second=last.tokens / last.seconds if last.seconds else None,
        training=[
            CurvePoint(tokens=part[-1].tokens, loss=_finite(sum(line.loss for line in part) / len(part)))
            for part in parts
        ],
        validation=[CurvePoint(tokens=line.tokens, loss=_finite(line.validation_loss)) for line in evaluations],
        validation_accuracy=evaluations[-1].validation_accuracy if evaluations else None,
    )


def _finite(value: float | None) -> float | None:
    """Return None for infinity and NaN, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None
