"""bakeoff generate"""

from __future__ import annotations

import time
from typing import Annotated

import typer

from bakeoff.cli.console import print_json, printable, warn_of_slow_bf16
from bakeoff.cli.options import Json, Model, Precision
from bakeoff.cli.texts import chosen_contestants, standard_input


def command(
    model: Model,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="The text to continue; `-` reads standard input.")],
    contestant: Annotated[
        str | None, typer.Option(help="The contestant, where MODEL is a run folder: RUN/contestants/NAME in short.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Maximum number of tokens to generate.")] = 100,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy; higher values vary more.")] = 0.0,
    top_k: Annotated[int | None, typer.Option(min=1, help="Sample from the k most probable tokens.")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Sample from the most probable tokens up to this probability mass."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Random seed for sampling.")] = 0,
    precision: Annotated[Precision, typer.Option(help="Arithmetic precision.")] = "fp32",
    json: Json = False,
) -> None:
    """Generate a continuation of a text, greedily unless a temperature is given. Prints tokens as they come.

    A contestant of a bake-off of prompts with answers gets the prompt in their template, and its answer is printed.
    """
    from bakeoff.lm.generation import WritingReport
    from bakeoff.lm.sources import load_language_model
    from bakeoff.runs.folder import RunFolder

    text = standard_input() if prompt == "-" else prompt
    warn_of_slow_bf16(precision)
    if contestant is not None:
        (name,) = chosen_contestants(RunFolder(model), contestant)
        model = str(RunFolder(model).contestant(name).path)
    language_model = load_language_model(model, precision=precision)
    started = time.perf_counter()
    report = WritingReport()
    pieces = []
    if not json:
        print(printable(text), end="\n" if language_model.prompting else "", flush=True)
    for piece in language_model.stream(
        text,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        report=report,
    ):
        pieces.append(piece)
        if not json:
            print(printable(piece), end="", flush=True)
    if not json:
        print()
        return
    print_json(
        {
            "model": model,
            "prompt": text,
            "text": "".join(pieces),
            "seconds": round(time.perf_counter() - started, 3),
            "precision": language_model.precision,
            "tokens": report.tokens,
            "tokens_per_second": round(report.tokens_per_second, 2),
            "preparing_seconds": round(report.preparing_seconds, 3),
            "engine": report.engine,
            "engine_reason": report.engine_reason,
            "drafted": report.drafted,
            "accepted": report.accepted,
        }
    )
