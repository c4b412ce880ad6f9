"""bakeoff predict"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.console import output, print_json, printable
from bakeoff.cli.options import Json, OnlyContestant, RunPath, Texts
from bakeoff.cli.texts import chosen_contestants, given_texts
from bakeoff.errors import UserError

if TYPE_CHECKING:
    from bakeoff.classify.classifier import Prediction


def command(
    run: RunPath,
    texts: Texts = None,
    file: Annotated[Path | None, typer.Option(help="A table of texts: .csv, .tsv, .jsonl, .parquet, or .txt.")] = None,
    column: Annotated[str | None, typer.Option(help="Column of the texts; guessed if absent.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the table with labels and probabilities here.")] = None,
    contestant: OnlyContestant = None,
    json: Json = False,
) -> None:
    """Classify texts with the contestants of a finished run. Without TEXT and --file, standard input, line by line."""
    from bakeoff.classify.classifier import load_classifier
    from bakeoff.data.unlabelled import read_texts, write_scored
    from bakeoff.runs.folder import RunFolder

    if texts and file:
        raise UserError("Give texts or --file, not both.")
    if out is not None and out.exists():
        raise UserError(f"{out} exists already.", "Choose another name for --out, or remove it first.")
    folder = RunFolder(run)
    names = chosen_contestants(folder, contestant)
    if file is not None:
        table = read_texts(file, column)
        inputs = table.texts
    else:
        table = None
        inputs = given_texts(texts)
    if not inputs:
        raise UserError("There is nothing to classify.", 'For example: bakeoff predict RUN "A fine film"')
    predictions = {name: load_classifier(folder.path, contestant=name).predict(inputs) for name in names}
    if out is not None:
        columns: dict[str, list[Any]] = {}
        for name, found in predictions.items():
            prefix = "" if len(names) == 1 else f"{name}_"
            columns[f"{prefix}label"] = [each.label for each in found]
            columns[f"{prefix}probability"] = [each.probability for each in found]
        write_scored(out, table, inputs, columns)
        print(f"{len(inputs):,} texts scored: {out}", file=sys.stderr)
    if json:
        print_json({"texts": inputs, "predictions": {name: _plain(found) for name, found in predictions.items()}})
    elif out is None:
        _print(inputs, predictions)


def _plain(predictions: list[Prediction]) -> list[dict[str, Any]]:
    return [
        {"label": each.label, "probability": each.probability, "probabilities": each.probabilities}
        for each in predictions
    ]


def _print(texts: list[str], predictions: dict[str, list[Prediction]]) -> None:
    console = output()
    width = max(len(name) for name in predictions)
    for index, text in enumerate(texts):
        if len(texts) > 1:
            console.print(printable(text), markup=False, overflow="ellipsis", no_wrap=True)
        for name, found in predictions.items():
            console.print(f"{name:<{width}}  {found[index].label}  {found[index].probability:.4f}", markup=False)
