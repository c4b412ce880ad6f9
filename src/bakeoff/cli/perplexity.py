"""bakeoff perplexity"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.console import output, print_json, printable, warn_of_slow_bf16
from bakeoff.cli.options import Json, Model, Precision
from bakeoff.data.text_cleaning import LineEnds
from bakeoff.lm.protocols.registry import ProtocolName


def command(
    model: Model,
    text: Annotated[
        Path, typer.Argument(metavar="FILE", help="A text file, .jsonl or .parquet; `-` reads standard input.")
    ],
    protocol: Annotated[
        ProtocolName, typer.Option(help="Scoring protocol: which tokens are predicted from which context.")
    ] = "window",
    stride: Annotated[int | None, typer.Option(min=1, help="Step between windows. Default: half the context.")] = None,
    context_length: Annotated[
        int | None, typer.Option(min=2, help="Tokens per window. Default: the model's context length, at most 1024.")
    ] = None,
    precision: Annotated[Precision, typer.Option(help="Arithmetic precision; fp32 is the reference.")] = "fp32",
    column: Annotated[str, typer.Option(help="Text column of .jsonl and .parquet files.")] = "text",
    line_ends: Annotated[
        LineEnds, typer.Option(help=r"Windows and old Mac line ends: read as \n, or kept as they are.")
    ] = "normalize",
    split_special_tokens: Annotated[
        bool,
        typer.Option("--split-special-tokens", help="Read </s> and the like in the text as characters, not as tokens."),
    ] = False,
    json: Json = False,
) -> None:
    """Compute the perplexity of a text under a language model."""
    from bakeoff.cli.progress_bar import ConsoleProgress
    from bakeoff.data.corpora import read_corpus
    from bakeoff.lm.sources import load_language_model

    warn_of_slow_bf16(precision)
    with ConsoleProgress() as progress:
        corpus = read_corpus(str(text), column=column, line_ends=line_ends, split_special_tokens=split_special_tokens)
        language_model = load_language_model(model, precision=precision)
        measured = language_model.perplexity(
            corpus, protocol=protocol, stride=stride, context_length=context_length, progress=progress
        )
    for note in measured.notes:
        print(printable(note), file=sys.stderr)
    if json:
        print_json(measured.as_dict())
        return
    low, high = measured.interval
    interval = "" if math.isnan(low) else f"  (95 % interval {low:.4f} to {high:.4f})"
    console = output()
    console.print(f"perplexity {measured.perplexity:.4f}{interval}")
    console.print(f"protocol   {measured.protocol}, {language_model.precision}")
    console.print(f"counted    {measured.tokens:,} tokens, {measured.words:,} words, {measured.bytes:,} bytes")
    console.print(
        f"per word {measured.word_perplexity:.4f}, per byte {measured.byte_perplexity:.4f}, "
        f"{measured.bits_per_byte:.4f} bits per byte",
    )
