"""bakeoff predict"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.boundary import InterruptedWorkError
from bakeoff.cli.console import output, print_json, printable, warn_of_slow_bf16
from bakeoff.cli.options import Features, Json, OnlyContestant, Precision, RunPath, Texts
from bakeoff.cli.texts import (
    UnreadCells,
    answers_of,
    chosen_contestants,
    empty_text_note,
    given_texts,
    say_where_texts_go,
    with_features,
)
from bakeoff.errors import UserError
from bakeoff.training.progress import Progress

if TYPE_CHECKING:
    from bakeoff.data.raw_tables import RawTable
    from bakeoff.data.types import TextSource, TextTable
    from bakeoff.runs.folder import RunFolder
    from bakeoff.tasks.classifier import Prediction

_TEXTS_AT_ONCE = 5_000
"""Texts that a contestant answers between two looks at the clock."""


def command(
    run: RunPath,
    texts: Texts = None,
    file: Annotated[Path | None, typer.Option(help="A table of texts, in any format of `data.table`, or .txt.")] = None,
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
    from bakeoff.tasks.classifier import columns_of, encoded_columns

    if texts and file:
        raise UserError("Give texts or --file, not both.")
    if columns and file is None:
        raise UserError("--column names a column of --file, and no file is given.", "Add --file, or leave it out.")
    if out is not None:
        from bakeoff.data.scored_files import check_scored_name

        check_scored_name(out)
    folder = RunFolder(run)
    names = chosen_contestants(folder, contestant)
    with _progress(shown=file is not None and out is not None) as progress:
        source = _source(folder, file, columns, texts, progress)
        for said in source.notes:
            print(said, file=sys.stderr)
        if not source.rows:
            raise UserError("There is no text to classify.", 'For example: bakeoff predict RUN "A fine film"')
        notes = dict.fromkeys(filter(None, [empty_text_note(source.empty)]))  # in order, each once
        for said in notes:
            print(said, file=sys.stderr)
        warn_of_slow_bf16(precision)
        say_where_texts_go(folder, names)
        asked, readers = _Asked(folder, names, precision, source.rows, progress), columns_of(folder, names)
        encoded = encoded_columns(folder, list(readers))
        unread = UnreadCells(encoded)
        unanswered: Counter[str] = Counter()
        kept: list[tuple[list[str], dict[str, list[Prediction]]]] = []
        try:
            with _writer(out, source) as write:
                for part in source.parts():
                    table = _table(part, source, file) if file is not None else None
                    inputs, absent = with_features(part.texts, readers, features, encoded, table)
                    unread.add(inputs)
                    if absent and absent not in notes:
                        notes[absent] = None
                        print(absent, file=sys.stderr)
                    predictions = asked.about(inputs)
                    if threshold is not None:
                        unanswered.update(_unanswered(predictions, threshold))
                    if out is not None:
                        write(part, _new_columns(predictions, threshold, prefixed=len(names) > 1))
                    if json:
                        kept.append((part.texts, predictions))
                    elif out is None:
                        _print(part.texts, predictions, threshold, with_texts=source.rows > 1)
        except KeyboardInterrupt:
            nothing = f" {out} was not written." if out is not None else ""
            raise InterruptedWorkError(
                f"Interrupted after {asked.done:,} of {source.rows:,} texts.{nothing}", "Run the command again."
            ) from None
    for said in unread.notes():
        notes[said] = None
        print(said, file=sys.stderr)
    for name, count in unanswered.items():
        below = f"(probability below {threshold:g})"
        print(f"{printable(name)}: no label for {count:,} of {source.rows:,} texts {below}.", file=sys.stderr)
    if out is not None:
        print(f"Scored {source.rows:,} texts: {out}", file=sys.stderr)
    if json:
        print_json(
            {
                "texts": [text for inputs, _ in kept for text in inputs],
                "predictions": {
                    name: [_as_json(answer, threshold) for _, predictions in kept for answer in predictions[name]]
                    for name in asked.names
                },
                "notes": list(notes),
            }
        )


class _Asked:
    """The contestants of a run, each of which is loaded once, and how far their answers are."""

    def __init__(
        self, folder: RunFolder, names: list[str], precision: Precision | None, texts: int, progress: Progress
    ) -> None:
        from bakeoff.tasks.classifier import load_classifier

        self.names = names
        self.done = 0  # texts that all contestants have answered
        self._texts, self._progress = texts, progress
        self._load = functools.cache(lambda name: load_classifier(folder.path, contestant=name, precision=precision))

    def about(self, texts: Sequence[str]) -> dict[str, list[Prediction]]:
        """Return the answers of each contestant. Those that do not know the first texts are asked no more."""
        if self.done:
            answers = {name: self._ask(name, texts) for name in self.names}
        else:
            answers = answers_of(self.names, lambda name: self._ask(name, texts))
            self.names = list(answers)
        self.done += len(texts)
        return answers

    def _ask(self, name: str, texts: Sequence[str]) -> list[Prediction]:
        before = self.done + self.names.index(name) / len(self.names) * len(texts)
        answers: list[Prediction] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            answers += self._load(name).predict(texts[start : start + _TEXTS_AT_ONCE])
            self._progress.stage("classifying", (before + len(answers) / len(self.names)) / self._texts)
        return answers


def _progress(shown: bool) -> contextlib.AbstractContextManager[Progress]:
    """Return the bar for a file that is scored; answers that are printed show by themselves how far they are."""
    if not shown:
        return contextlib.nullcontext(Progress())
    from bakeoff.cli.progress_bar import ConsoleProgress

    return ConsoleProgress()


def _source(
    folder: RunFolder, file: Path | None, columns: list[str] | None, texts: list[str] | None, progress: Progress
) -> TextSource:
    """Return the texts of a file, of the command line or of standard input."""
    from bakeoff.data.types import TextSource, TextTable

    if file is None:
        inputs = given_texts(texts)
        return TextSource.of(TextTable("", {"text": inputs}, inputs))
    from bakeoff.data.config import TableFormat
    from bakeoff.data.unlabeled import open_texts

    data = folder.config_values()["data"]
    text = data.get("text") or []
    # A run on files without a header is used on such files; all else about a file is its own.
    known = TableFormat(header=False) if (data.get("format") or {}).get("header") is False else None
    trained_on = [text] if isinstance(text, str) else text
    return open_texts(file, columns, trained_on, known, on_part=lambda rows: progress.stage(f"reading: {rows:,} texts"))


def _table(part: TextTable, source: TextSource, file: Path) -> RawTable | None:
    """Return a part as a table, in which contestants may find columns; lines of a .txt are none."""
    from bakeoff.data.compression import LINES, ending_of

    if source.columns == ["text"] and ending_of(file.name) == LINES:
        return None
    from bakeoff.data.raw_tables import RawTable

    return RawTable(part.source, part.all_columns(source.columns), {})


def _writer(
    out: Path | None, source: TextSource
) -> contextlib.AbstractContextManager[Callable[[TextTable, dict[str, list[Any]]], None]]:
    if out is None:
        return contextlib.nullcontext(lambda part, new: None)
    from bakeoff.data.scored_files import scored_file

    return scored_file(out, source)


def _new_columns(
    predictions: dict[str, list[Prediction]], threshold: float | None, *, prefixed: bool
) -> dict[str, list[Any]]:
    """Return the answers as columns of a table, whose names begin with those of the contestants if `prefixed`."""
    columns: dict[str, list[Any]] = {}
    for name, answers in predictions.items():
        prefix = f"{name}_" if prefixed else ""
        rows = [_as_json(answer, threshold) for answer in answers]
        several = answers[0].labels is not None
        for key in ["labels"] if several else ["label", "probability", "out_of_scope", "abstained"]:
            if key in rows[0]:
                columns[f"{prefix}{key}"] = [row[key] for row in rows]
        if several:
            columns |= {
                f"{prefix}probability_{label}": [row["probabilities"][label] for row in rows]
                for label in answers[0].probabilities
            }
    return columns


def _unanswered(predictions: dict[str, list[Prediction]], threshold: float) -> Counter[str]:
    """Count the texts below the threshold, by contestant; where a text can have several labels, nothing is counted."""
    return Counter(
        {
            name: sum(answer.probability < threshold for answer in answers)
            for name, answers in predictions.items()
            if answers[0].labels is None
        }
    )


def _as_json(prediction: Prediction, threshold: float | None) -> dict[str, Any]:
    """Return a prediction as JSON. `label` is null where a text belongs to no class or is below the threshold, if
    there is one; `out_of_scope` and `abstained` say so."""
    if prediction.labels is not None:
        return {"labels": _labels(prediction, threshold), "probabilities": prediction.probabilities}
    values: dict[str, Any] = {"label": prediction.label, "probability": prediction.probability}
    if prediction.out_of_scope is not None:
        values["out_of_scope"] = prediction.out_of_scope
    if threshold is not None:
        values |= {"label": prediction.answer(threshold), "abstained": prediction.probability < threshold}
    return {**values, "probabilities": prediction.probabilities}


def _labels(prediction: Prediction, threshold: float | None) -> list[str]:
    """Return the predicted labels of a text that can have several."""
    return (prediction.labels or []) if threshold is None else prediction.labels_from(threshold)


def _print(
    texts: list[str], predictions: dict[str, list[Prediction]], threshold: float | None, *, with_texts: bool
) -> None:
    console = output()
    width = max(len(name) for name in predictions)
    for index, text in enumerate(texts):
        if with_texts:
            console.print(printable(text), overflow="ellipsis", no_wrap=True)
        for name, answers in predictions.items():
            answer = answers[index]
            if answer.labels is not None:
                chosen = sorted(_labels(answer, threshold), key=lambda label: -answer.probabilities[label])
                found = ", ".join(f"{printable(label)} {answer.probabilities[label]:.4f}" for label in chosen)
                nearest = f"no label ({printable(answer.nearest)} {answer.probability:.4f}?)"
                console.print(f"{name:<{width}}  {found or nearest}", soft_wrap=True)
                continue
            unsure = threshold is not None and answer.probability < threshold
            words = f"no label ({answer.nearest}?)" if unsure else answer.nearest
            label = printable(f"none of these ({answer.nearest}?)" if answer.out_of_scope else words)
            console.print(f"{name:<{width}}  {label}  {answer.probability:.4f}", soft_wrap=True)
