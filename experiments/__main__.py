"""Run the experiments and write their page.

python -m experiments                  # all, about 15 minutes on two cores
python -m experiments --quick          # all, less than 2 minutes
python -m experiments gates kv_cache   # some; the other sections of the page stay as they are
"""

from __future__ import annotations

import argparse
import time
from importlib import import_module
from pathlib import Path

from experiments import NUMBERS
from experiments.page import Section, section_text, write_page
from experiments.shared import SizeName

DOCS = Path(__file__).parents[1] / "docs"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments", description="Run the ten statements.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(NUMBERS)}")
    parser.add_argument("--quick", action="store_true", help="smaller sizes: all in less than two minutes")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of statements.md (default: docs)")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in NUMBERS]:
        parser.error(f"no experiment is called {unknown[0]}. There are {', '.join(NUMBERS)}.")
    size: SizeName = "quick" if options.quick else "full"
    for name in options.names or NUMBERS:
        module = import_module(f"experiments.{name}")
        started, computed = time.perf_counter(), time.process_time()
        result = module.run(size)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - computed
        section = Section(name, module.__doc__ or "", result, size, seconds, cpu_seconds)
        write_page(options.out, section, section_text(section))
        print(f"{name}: {result.verdict} ({section.seconds:.0f} s). {result.reason}", flush=True)


if __name__ == "__main__":
    main()
