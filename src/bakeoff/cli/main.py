"""The command `bakeoff`: every sub-command parses, calls the library and prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from bakeoff import machine
from bakeoff.cli import doctor, generate, perplexity, plan, predict, report, resume, run
from bakeoff.cli.console import print_error
from bakeoff.errors import UserError

app = typer.Typer(
    name="bakeoff",
    help="Train small text models head to head on your own data and get an answer you can defend.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (run, plan, resume, report, predict, generate, perplexity, doctor):
    app.command(name=module.__name__.rpartition(".")[2])(module.command)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context, show: bool = typer.Option(False, "--version", help="Show the version and exit.")
) -> None:
    if show:
        print(machine.package_version("bakeoff"))
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code: 0 done, 2 a mistake the user can mend, 130 interrupted.
    """
    machine.prepare()
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # bakeoff says itself what a user must know
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        app(args=None if arguments is None else list(arguments))
    except UserError as error:
        print_error(error)
        return 2
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
