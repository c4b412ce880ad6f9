"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Precision = Literal["auto", "fp32", "bf16"]
"""`bakeoff.sections.RequestedPrecision`, which would load pydantic for `--help`."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/sentiment.")]
Workers = Annotated[
    int, typer.Option("--workers", min=1, help="Trainings at the same time, each with its share of the cores.")
]
On = Annotated[
    str | None,
    typer.Option("--on", metavar="CLUSTER", help="Train on Ray: `ray` (this machine) or `ray://HOST:10001`."),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="With --on, if the machines share no disk: where they exchange files, such as s3://BUCKET/FOLDER.",
    ),
]
Forecast = Annotated[
    Path | None,
    typer.Option(
        "--plan", metavar="FILE", help="Output of `bakeoff plan --json`: memory to reserve, what starts first."
    ),
]
Texts = Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts to classify.")]
Features = Annotated[
    list[str] | None,
    typer.Option(
        "--feature",
        metavar="COLUMN=VALUE",
        help="Value of a column that contestants read beside the text, for all texts; may be repeated.",
    ),
]
OnlyContestant = Annotated[str | None, typer.Option("--contestant", help="Use only this contestant. Default: all.")]
Config = Annotated[str, typer.Argument(metavar="CONFIG", help="A built-in bake-off or a YAML file.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a config key; may be repeated.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change `contestants.NAME.max_cost` or `tracker` for the rest of the run; may be repeated.",
    ),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A hub id, a local folder, a GGUF file, smollm2-135m, stories260k, or RUN/contestants/NAME.",
    ),
]
