"""bakeoff export"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from bakeoff.cli.console import output as console
from bakeoff.cli.console import print_json, printable
from bakeoff.cli.options import Json, RunPath

Format = Literal["merged", "gguf", "gguf-q8_0", "gguf-adapter", "onnx", "openvino"]
"""`bakeoff.methods.export_formats.ExportFormat`, which would load pydantic for `--help`."""


def command(
    run: RunPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write. It must not exist.")],
    to: Annotated[
        Format | None,
        typer.Option(
            help="merged: a Hugging Face folder. gguf, gguf-q8_0: for llama.cpp, in fp16 or 8 bits; gguf-adapter: the "
            "LoRA adapter alone. onnx: for onnxruntime. openvino: for OpenVINO. Default: the first that the contestant "
            "can be written in.",
        ),
    ] = None,
    contestant: Annotated[str | None, typer.Option(help="Default: the best contestant.")] = None,
    json: Json = False,
) -> None:
    """Export a trained model to another program's format, and compare what that program computes on real texts."""
    from bakeoff.methods.export_formats import FORMATS
    from bakeoff.runs.folder import RunFolder
    from bakeoff.tasks.export import export

    exported = export(RunFolder(run), output, contestant, to)
    if json:
        print_json(asdict(exported) | {"folder": str(exported.folder)})
        return
    lines = [
        f"Exported {exported.contestant} to {exported.folder}: {', '.join(exported.files)}.",
        exported.parity.sentence,
        f"Try it: {exported.try_it}",
    ]
    difference = getattr(exported.parity, "difference", 0.0)
    if abs(difference) > (remarkable := FORMATS[exported.format].remarkable):
        lines.insert(2, f"Caution: the format itself changes the perplexity by more than {remarkable:.0%}.")
    for line in lines:
        console().print(printable(line), soft_wrap=True)
