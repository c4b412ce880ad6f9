"""The command `bakeoff`. Every subcommand parses its arguments, calls the library and prints.

Whatever is imported here is imported by `bakeoff --help`. A command imports what it needs inside its function.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from bakeoff import machine
from bakeoff.cli import (
    compare,
    doctor,
    explain,
    export,
    generate,
    init,
    perplexity,
    plan,
    predict,
    push,
    report,
    resume,
    run,
    serve,
    ui,
)
from bakeoff.cli.boundary import INTERRUPTED, InterruptedWorkError, check_arguments, guarded, print_anything
from bakeoff.training import torchrun

DISTRIBUTED = ("run", "resume", "perplexity")
"""Commands that the processes of torchrun carry out together. The main process runs all others by itself."""

app = typer.Typer(
    name="bakeoff",
    help="Train small text models head to head on your own data and get an answer you can defend.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    ui,
    init,
    run,
    plan,
    resume,
    report,
    compare,
    predict,
    explain,
    export,
    push,
    generate,
    perplexity,
    serve,
    doctor,
):
    app.command(name=module.__name__.rpartition(".")[2])(module.command)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context, show: bool = typer.Option(False, "--version", help="Show what is installed and exit.")
) -> None:
    if show:
        from bakeoff.environment import installed
        from bakeoff.pretrained.names import WHEELS

        versions = installed(distribution for distribution, _ in WHEELS.values())
        print(*(f"{name} {version}" for name, version in versions.items()), sep="\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
    elif context.invoked_subcommand not in DISTRIBUTED and torchrun.world_size() > 1:
        if not torchrun.is_main_process():
            raise typer.Exit
        context.with_resource(torchrun.alone())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code: 0 for success, 2 for a mistake that the user can fix, 70 for a bug in bakeoff, 130 if
        interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> int:
        torchrun.end_with_torchrun()
        print_anything()
        check_arguments(words)
        machine.prepare()
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # bakeoff prints what a user needs to know
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        with _only_main_process_prints():
            app(args=words)
        return 0

    return guarded(work, words, process_ends=arguments is None)


@contextlib.contextmanager
def _only_main_process_prints() -> Iterator[None]:
    """Silence the other processes of torchrun, which do the same work, unless one of them fails."""
    if torchrun.is_main_process():
        yield
        return
    try:
        with (
            Path(os.devnull).open("w", encoding="utf-8") as nowhere,
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
        ):
            yield
    except BaseException as error:
        ended = isinstance(error, SystemExit) and error.code in (0, None, INTERRUPTED)
        if not ended and not isinstance(error, InterruptedWorkError):
            torchrun.leave_it_to_main_process()
        raise


if __name__ == "__main__":
    sys.exit(main())
