"""bakeoff export"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from bakeoff.cli.console import output as console
from bakeoff.cli.console import print_json, printable
from bakeoff.cli.options import Json, RunPath


def command(
    run: RunPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write. It must not exist.")],
    format: Annotated[Literal["onnx"], typer.Option(help="onnx: for onnxruntime, without torch.")] = "onnx",
    contestant: Annotated[str | None, typer.Option(help="An LSTM or GRU. Default: the best contestant.")] = None,
    json: Json = False,
) -> None:
    """Export a trained LSTM or GRU to run without bakeoff and torch, and check the export on real texts."""
    from bakeoff.runs.folder import RunFolder
    from bakeoff.tasks.export import TOLERANCE, export_onnx

    exported = export_onnx(RunFolder(run), output, contestant)
    if json:
        values = asdict(exported) | {"folder": str(exported.folder), "format": format}
        print_json(values | {"parity": values["parity"] | {"tolerance": TOLERANCE}})
        return
    parity = exported.parity
    lines = [
        f"Exported {exported.contestant} to {exported.folder}: {', '.join(exported.files)}.",
        f"Compared with the contestant on {parity.texts:,} texts of {parity.source}: probabilities differ by at most "
        f"{parity.largest_difference:.1g}, and {parity.different_labels or 'no'} labels differ.",
        f'Try it: python {exported.folder / "classify.py"} "A fine film"',
    ]
    for line in lines:
        console().print(printable(line), markup=False, soft_wrap=True)
