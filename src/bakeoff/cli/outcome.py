"""What `run` and `resume` print at the end."""

from __future__ import annotations

from bakeoff.cli.console import output, print_json
from bakeoff.runner import RunOutcome


def print_outcome(outcome: RunOutcome, *, as_json: bool) -> None:
    """The verdict and the tables, or one JSON object with everything in result.json and verdict.json."""
    if as_json:
        print_json(
            {
                "folder": str(outcome.folder),
                "report": str(outcome.report),
                "verdict": outcome.verdict.model_dump(mode="json"),
                "results": [result.model_dump(mode="json") for result in outcome.results],
            }
        )
        return
    from bakeoff.report.terminal import summary
    from bakeoff.runs.folder import RunFolder

    console = output()
    console.print(summary(RunFolder(outcome.folder)))
    console.print(f"Report: {outcome.report}", markup=False, soft_wrap=True)
