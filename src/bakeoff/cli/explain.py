"""bakeoff explain"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.console import output, print_json
from bakeoff.cli.options import Features, Json, OnlyContestant, RunPath, Texts
from bakeoff.cli.texts import answers_of, chosen_contestants, given_texts, say_where_texts_go, with_features
from bakeoff.errors import UserError

if TYPE_CHECKING:
    from bakeoff.tasks.attribution import Explanation


def command(
    run: RunPath,
    texts: Texts = None,
    contestant: OnlyContestant = None,
    features: Features = None,
    top: Annotated[int, typer.Option(min=1, help="Number of words to show, strongest first.")] = 10,
    label: Annotated[
        str | None,
        typer.Option(
            help="Explain this label. Default: the predicted one; the most probable one where a text can have several, "
            "or belongs to none."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show which words (and columns) drove each contestant's decision. Without TEXT, read standard input."""
    from bakeoff.data.row_texts import cells_at
    from bakeoff.runs.folder import RunFolder
    from bakeoff.tasks.classifier import columns_of, encoded_columns, load_classifier

    folder = RunFolder(run)
    names = chosen_contestants(folder, contestant)
    inputs: Sequence[str] = given_texts(texts)
    if not inputs:
        raise UserError("There is no text to explain.", 'For example: bakeoff explain RUN "A fine film"')
    say_where_texts_go(folder, names)

    readers = columns_of(folder, names)
    inputs, absent = with_features(inputs, readers, features, encoded_columns(folder, list(readers)))
    if absent:
        print(absent, file=sys.stderr)

    def ask(name: str) -> list[Explanation]:
        classifier = load_classifier(folder.path, contestant=name)
        return [classifier.explain(text, label, cells_at(inputs, row)) for row, text in enumerate(inputs)]

    explanations = answers_of(names, ask)
    if json:
        values = {name: [_as_json(explanation, top) for explanation in own] for name, own in explanations.items()}
        print_json({"texts": list(inputs), "explanations": values})
        return
    from bakeoff.report.attribution_view import AttributionView

    for index in range(len(inputs)):
        output().print(AttributionView({name: own[index] for name, own in explanations.items()}, top))


def _as_json(explanation: Explanation, top: int) -> dict[str, Any]:
    values = asdict(explanation)
    del values["text"]
    columns = [column.model_dump() for column in explanation.columns[:top]]
    return values | {"words": [word.model_dump() for word in explanation.words[:top]], "columns": columns}
