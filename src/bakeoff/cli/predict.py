"""bakeoff predict"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.console import output, print_json, printable, warn_of_slow_bf16
from bakeoff.cli.options import Json, OnlyContestant, RunPath, Texts
from bakeoff.cli.texts import chosen_contestants, given_texts
from bakeoff.errors import UserError
from bakeoff.sections import RequestedPrecision

if TYPE_CHECKING:
    from bakeoff.tasks.classifier import Prediction


def command(
    run: RunPath,
    texts: Texts = None,
    file: Annotated[Path | None, typer.Option(help="A table of texts: .csv, .tsv, .jsonl, .parquet, or .txt.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", help="Column of the texts; repeat it for several. The run's own if absent."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the table with labels and probabilities here.")] = None,
    contestant: OnlyContestant = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="No label for texts whose probability is below this; see the report."),
    ] = None,
    precision: Annotated[
        RequestedPrecision | None,
        typer.Option(help="Precision of an LSTM, a GRU or a transformer; that of its evaluation if absent."),
    ] = None,
    json: Json = False,
) -> None:
    """Classify texts with the contestants of a finished run. Without TEXT and --file, standard input, line by line."""
    from bakeoff.data.unlabeled import read_texts, write_scored
    from bakeoff.runs.folder import RunFolder
    from bakeoff.tasks.classifier import load_classifier

    if texts and file:
        raise UserError("Give texts or --file, not both.")
    if out is not None and out.exists():
        raise UserError(f"{out} exists already.", "Choose another name for --out, or remove it first.")
    folder = RunFolder(run)
    names = chosen_contestants(folder, contestant)
    if file is not None:
        text = folder.config_values()["data"].get("text") or []
        table = read_texts(file, columns, trained_on=[text] if isinstance(text, str) else text)
        inputs = table.texts
    else:
        table = None
        inputs = given_texts(texts)
    if not inputs:
        raise UserError("There is nothing to classify.", 'For example: bakeoff predict RUN "A fine film"')
    warn_of_slow_bf16(precision)
    predictions = {
        name: load_classifier(folder.path, contestant=name, precision=precision).predict(inputs) for name in names
    }
    if threshold is not None:
        _say_what_is_unanswered(predictions, threshold)
    if out is not None:
        scored: dict[str, list[Any]] = {}
        for name, found in predictions.items():
            prefix = "" if len(names) == 1 else f"{name}_"
            plain = [_plain(each, threshold) for each in found]
            for key in ("label", "probability", *(() if threshold is None else ("abstained",))):
                scored[f"{prefix}{key}"] = [each[key] for each in plain]
        write_scored(out, table, inputs, scored)
        print(f"{len(inputs):,} texts scored: {out}", file=sys.stderr)
    if json:
        answers = {name: [_plain(each, threshold) for each in found] for name, found in predictions.items()}
        print_json({"texts": inputs, "predictions": answers})
    elif out is None:
        _print(inputs, predictions, threshold)


def _say_what_is_unanswered(predictions: dict[str, list[Prediction]], threshold: float) -> None:
    for name, found in predictions.items():
        unanswered = sum(each.answer(threshold) is None for each in found)
        below = f"(probability below {threshold:g})"
        print(f"{printable(name)}: no label for {unanswered:,} of {len(found):,} texts {below}.", file=sys.stderr)


def _plain(prediction: Prediction, threshold: float | None) -> dict[str, Any]:
    """As JSON: with a threshold, `label` may be null, and `abstained` says so."""
    values = {"label": prediction.label, "probability": prediction.probability}
    if threshold is not None:
        values |= {"label": prediction.answer(threshold), "abstained": prediction.answer(threshold) is None}
    return {**values, "probabilities": prediction.probabilities}


def _print(texts: list[str], predictions: dict[str, list[Prediction]], threshold: float | None) -> None:
    console = output()
    width = max(len(name) for name in predictions)
    for index, text in enumerate(texts):
        if len(texts) > 1:
            console.print(printable(text), markup=False, overflow="ellipsis", no_wrap=True)
        for name, found in predictions.items():
            each = found[index]
            unsure = threshold is not None and each.answer(threshold) is None
            label = printable(f"no label ({each.label}?)" if unsure else each.label)
            console.print(f"{name:<{width}}  {label}  {each.probability:.4f}", markup=False)
