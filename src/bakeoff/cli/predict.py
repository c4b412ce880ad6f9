"""bakeoff predict"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.console import output, print_json, printable, warn_of_slow_bf16
from bakeoff.cli.options import Features, Json, OnlyContestant, Precision, RunPath, Texts
from bakeoff.cli.texts import (
    answers_of,
    chosen_contestants,
    empty_text_note,
    given_texts,
    say_where_texts_go,
    with_features,
)
from bakeoff.errors import UserError

if TYPE_CHECKING:
    from bakeoff.tasks.classifier import Prediction


def command(
    run: RunPath,
    texts: Texts = None,
    file: Annotated[Path | None, typer.Option(help="A table of texts, as for `data.table`, or .txt.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column", help="Text column of --file; may be repeated. Default: the column the run was trained on."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the table here, with labels and probabilities added.")] = None,
    contestant: OnlyContestant = None,
    features: Features = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Give no label to texts whose probability is below this; see the report. Where a text can have "
            "several labels: give all that are at least so probable, in place of those that reach their own threshold.",
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            help="Arithmetic precision of an LSTM, GRU or transformer. Default: the precision of its evaluation."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Classify texts with the contestants of a run. Without TEXT and --file, read standard input line by line."""
    from bakeoff.runs.folder import RunFolder
    from bakeoff.tasks.classifier import load_classifier

    if texts and file:
        raise UserError("Give texts or --file, not both.")
    if out is not None and out.exists():
        raise UserError(f"{out} already exists.", "Choose another name for --out, or remove the file first.")
    folder = RunFolder(run)
    names = chosen_contestants(folder, contestant)
    if file is not None:
        from bakeoff.data.config import TableFormat
        from bakeoff.data.unlabeled import read_texts

        data = folder.config_values()["data"]
        text = data.get("text") or []
        # A run on files without a header is used on such files; all else about a file is its own.
        known = TableFormat(header=False) if (data.get("format") or {}).get("header") is False else None
        table = read_texts(file, columns, trained_on=[text] if isinstance(text, str) else text, settings=known)
        inputs: Sequence[str] = table.texts
        for said in table.notes:
            print(said, file=sys.stderr)
    else:
        table = None
        inputs = given_texts(texts)
    if not inputs:
        raise UserError("There is no text to classify.", 'For example: bakeoff predict RUN "A fine film"')
    if note := empty_text_note(inputs):
        print(note, file=sys.stderr)
    warn_of_slow_bf16(precision)
    say_where_texts_go(folder, names)
    source = table.table if table is not None and table.table.columns.keys() != {"text"} else None  # or lines of a .txt
    inputs, absent = with_features(inputs, folder, names, features, source)
    if absent:
        print(absent, file=sys.stderr)
    predictions = answers_of(
        names, lambda name: load_classifier(folder.path, contestant=name, precision=precision).predict(inputs)
    )
    if threshold is not None:
        _report_unanswered(predictions, threshold)
    if out is not None:
        from bakeoff.data.unlabeled import write_scored

        scored: dict[str, list[Any]] = {}
        for name, answers in predictions.items():
            prefix = "" if len(names) == 1 else f"{name}_"
            rows = [_as_json(answer, threshold) for answer in answers]
            several = answers[0].labels is not None
            for key in ["labels"] if several else ["label", "probability", "out_of_scope", "abstained"]:
                if key in rows[0]:
                    scored[f"{prefix}{key}"] = [row[key] for row in rows]
            if several:
                scored |= {
                    f"{prefix}probability_{label}": [row["probabilities"][label] for row in rows]
                    for label in answers[0].probabilities
                }
        write_scored(out, table, inputs, scored)
        print(f"Scored {len(inputs):,} texts: {out}", file=sys.stderr)
    if json:
        values = {name: [_as_json(answer, threshold) for answer in answers] for name, answers in predictions.items()}
        print_json({"texts": list(inputs), "predictions": values, "notes": [*filter(None, [note, absent])]})
    elif out is None:
        _print(inputs, predictions, threshold)


def _report_unanswered(predictions: dict[str, list[Prediction]], threshold: float) -> None:
    for name, answers in predictions.items():
        if answers[0].labels is not None:
            continue
        unanswered = sum(answer.answer(threshold) is None for answer in answers)
        below = f"(probability below {threshold:g})"
        print(f"{printable(name)}: no label for {unanswered:,} of {len(answers):,} texts {below}.", file=sys.stderr)


def _as_json(prediction: Prediction, threshold: float | None) -> dict[str, Any]:
    """Return a prediction as JSON. `label` is null where a text belongs to no class or is below the threshold, if
    there is one; `out_of_scope` and `abstained` say so."""
    if prediction.labels is not None:
        return {"labels": _labels(prediction, threshold), "probabilities": prediction.probabilities}
    values: dict[str, Any] = {"label": prediction.label, "probability": prediction.probability}
    if prediction.out_of_scope is not None:
        values["out_of_scope"] = prediction.out_of_scope
    if threshold is not None:
        values |= {"label": prediction.answer(threshold), "abstained": prediction.answer(threshold) is None}
    return {**values, "probabilities": prediction.probabilities}


def _labels(prediction: Prediction, threshold: float | None) -> list[str]:
    """Return the predicted labels of a text that can have several."""
    return (prediction.labels or []) if threshold is None else prediction.labels_from(threshold)


def _print(texts: Sequence[str], predictions: dict[str, list[Prediction]], threshold: float | None) -> None:
    console = output()
    width = max(len(name) for name in predictions)
    for index, text in enumerate(texts):
        if len(texts) > 1:
            console.print(printable(text), markup=False, overflow="ellipsis", no_wrap=True)
        for name, answers in predictions.items():
            answer = answers[index]
            if answer.labels is not None:
                chosen = sorted(_labels(answer, threshold), key=lambda label: -answer.probabilities[label])
                found = ", ".join(f"{printable(label)} {answer.probabilities[label]:.4f}" for label in chosen)
                nearest = f"no label ({printable(answer.nearest)} {answer.probability:.4f}?)"
                console.print(f"{name:<{width}}  {found or nearest}", markup=False)
                continue
            unsure = threshold is not None and answer.answer(threshold) is None
            words = f"no label ({answer.nearest}?)" if unsure else answer.nearest
            label = printable(f"none of these ({answer.nearest}?)" if answer.out_of_scope else words)
            console.print(f"{name:<{width}}  {label}  {answer.probability:.4f}", markup=False)
