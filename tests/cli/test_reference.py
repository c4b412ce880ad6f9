"""docs/reference/cli.md is what typer says of the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bakeoff.cli import run
from bakeoff.config.load import builtin_names

ROOT = Path(__file__).parents[2]


def test_the_page_in_docs_is_the_one_that_typer_makes():
    words = [sys.executable, "-m", "typer", "bakeoff.cli.main", "utils", "docs", "--name", "bakeoff"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}

    made = subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout

    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert page.strip() == made.replace("```console", "```text").strip(), "make docs"


def test_run_names_every_built_in_bakeoff():
    assert f"Built in: {', '.join(builtin_names())}." in (run.command.__doc__ or "")
