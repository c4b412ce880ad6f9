"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/sentiment.")]
Texts = Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts to classify.")]
OnlyContestant = Annotated[str | None, typer.Option("--contestant", help="Only this one; all of them if absent.")]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A hub id, a local folder, a GGUF file, smollm2-135m, stories260k, or RUN/contestants/NAME.",
    ),
]
