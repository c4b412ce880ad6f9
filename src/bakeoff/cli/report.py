"""bakeoff report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bakeoff.cli.options import Json, RunPath


def command(
    run: RunPath,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Write every plot to this folder: SVG, PNG and PDF.")
    ] = None,
    tables: Annotated[
        Path | None, typer.Option("--tables", help="Write every table to this folder: CSV, LaTeX and Markdown.")
    ] = None,
    format: Annotated[
        Literal["docx", "pdf"] | None, typer.Option("--format", help="Write report.docx or report.pdf, too.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    json: Json = False,
) -> None:
    """Rewrite report.html and report.md of a finished run, and print where they are.

    Also prints one sentence with the numbers for the results section of a paper.
    """
    import webbrowser

    from rich.text import Text

    from bakeoff.cli.console import output, print_json
    from bakeoff.report.figures import write_figures
    from bakeoff.report.loaded import load_run
    from bakeoff.report.output import write_converted, write_report
    from bakeoff.report.paper import results_sentence
    from bakeoff.report.safe_text import one_line
    from bakeoff.report.table_files import write_tables
    from bakeoff.runs.folder import RunFolder

    folder = RunFolder(run)
    folder.must_hold_a_run()
    write_report(folder)
    loaded = load_run(folder)
    reports = [folder.html_report, *([write_converted(loaded, folder, format)] if format else [])]
    plots = write_figures(loaded, figures) if figures else []
    rows = write_tables(loaded, tables) if tables else []
    sentence = results_sentence(loaded)
    if json:
        named = {"reports": reports, "figures": plots, "tables": rows}
        print_json({name: list(map(str, files)) for name, files in named.items()} | {"sentence": sentence})
    else:
        for report in reports:
            print(report)
        for place, files in ((figures, plots), (tables, rows)):
            if files:
                print(f"{place}: {len(files)} files")
        output().print("", Text(one_line(sentence)), sep="\n", soft_wrap=True)
    if open_browser:
        webbrowser.open(folder.html_report.resolve().as_uri())
