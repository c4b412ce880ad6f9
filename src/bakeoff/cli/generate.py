"""bakeoff generate"""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from bakeoff.cli.console import print_json, printable, warn_of_slow_bf16
from bakeoff.cli.options import Json, Model
from bakeoff.sections import RequestedPrecision


def command(
    model: Model,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="The text to continue; `-` reads standard input.")],
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Tokens to write, at most.")] = 100,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy; higher is more varied.")] = 0.0,
    top_k: Annotated[int | None, typer.Option(min=1, help="Sample from the k most probable tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Sample from this probability mass.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampling.")] = 0,
    precision: Annotated[RequestedPrecision, typer.Option(help="Precision of the arithmetic.")] = "fp32",
    json: Json = False,
) -> None:
    """Continue a text, greedily unless a temperature is given. The text appears as it is written."""
    from bakeoff.lm.generation import WritingReport
    from bakeoff.lm.sources import load_language_model

    text = sys.stdin.read() if prompt == "-" else prompt
    warn_of_slow_bf16(precision)
    language_model = load_language_model(model, precision=precision)
    started = time.perf_counter()
    report = WritingReport()
    pieces = []
    if not json:
        print(printable(text), end="", flush=True)
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
