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
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write; it must not exist.")],
    format: Annotated[Literal["onnx"], typer.Option(help="onnx: for onnxruntime, without torch.")] = "onnx",
    contestant: Annotated[str | None, typer.Option(help="An LSTM or GRU; the best contestant if absent.")] = None,
    json: Json = False,
) -> None:
    """Write a trained LSTM or GRU as a folder that runs without bakeoff and torch, and check it on real texts."""
    from bakeoff.runs.folder import RunFolder
    from bakeoff.tasks.export import TOLERANCE, export_onnx

    done = export_onnx(RunFolder(run), output, contestant)
    if json:
        values = asdict(done) | {"folder": str(done.folder), "format": format}
        print_json(values | {"parity": values["parity"] | {"tolerance": TOLERANCE}})
        return
    parity = done.parity
    lines = [
        f"{done.contestant} is in {done.folder}: {', '.join(done.files)}.",
        f"Compared with the contestant on {parity.texts:,} texts of {parity.source}: probabilities differ by "
        f"{parity.largest_difference:.1g} at most, and {parity.different_labels or 'no'} labels differ.",
        f'Try it: python {done.folder / "classify.py"} "A fine film"',
    ]
    for line in lines:
        console().print(printable(line), markup=False, soft_wrap=True)
