"""/v1/runs: the current state of the runs, for pages that watch training."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter

from bakeoff.errors import UserError
from bakeoff.evaluation.metrics import metric_name
from bakeoff.runs.results import MetricValue
from bakeoff.serve.curves import finite
from bakeoff.serve.errors import ApiError, documented
from bakeoff.serve.models import Models, ServedRun
from bakeoff.serve.shapes import ContestantView, Curves, MetricView, RunList, RunProgress, RunView


def routes(models: Models) -> APIRouter:
    router = APIRouter()

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
        return RunProgress(run=run_view(served), curves=curves_of(served))

    return router


def curves_of(run: ServedRun) -> list[Curves]:
    """Return the training curves of the contestants that have trained at least one step."""
    found = [run.curves(run.folder.contestant(name, writes=False)) for name in run.methods]
    return [curves for curves in found if curves is not None]


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
        value=finite(metric.value),
        low=finite(metric.low),
        high=finite(metric.high),
        protocol=metric.protocol,
    )
