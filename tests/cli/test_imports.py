"""Commands start fast because they import little. Modules are counted, not seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bakeoff

TRAINING = {"torch", "transformers", "peft", "datasets", "sklearn", "matplotlib", "pandas", "jinja2"}
OPTIONAL = {"openvino", "onnx", "onnxruntime", "fastapi", "uvicorn", "prometheus_client", "gguf", "httpx"}
DATA = {"numpy", "scipy", "pyarrow", "yaml", "rich"}  # typer itself imports pydantic once it has something to parse

CODE = """
import json, sys
from bakeoff.cli.main import main
code = main(sys.argv[1:])
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def modules_after(*arguments: str | Path) -> set[str]:
    """Return what a command imports in a process of its own."""
    words = [sys.executable, "-c", CODE, *map(str, arguments)]
    measured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=measured)
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = {
        "task": "classification",
        "data": {"table": "sentence-polarity", "rows": 300},
        "budget": {"epochs": 1},
        "contestants": {"linear": {}},
        "evaluation": {"resamples": 100},
    }
    return bakeoff.run(config, tmp_path_factory.mktemp("runs") / "linear").folder


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["--version"]])
def test_help_imports_nothing_but_the_command_line(arguments: list[str]) -> None:
    modules = modules_after(*arguments)

    assert modules & (TRAINING | OPTIONAL | DATA) == set()
    assert len(modules) < 350  # 226 for --help, 293 once arguments are parsed


def test_a_linear_model_predicts_without_the_libraries_that_trained_it(run: Path) -> None:
    modules = modules_after("predict", run, "A fine film", "--contestant", "linear")

    assert modules & (TRAINING | OPTIONAL) == set()
    assert modules & {"scipy.stats", "scipy.optimize", "pyarrow.dataset", "rich.progress"} == set()
    assert len(modules) < 850  # 696
