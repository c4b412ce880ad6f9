"""The notebooks of examples/ run from top to bottom, and are stored as they were run."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = ["sentiment", "language-model"]
ABSOLUTE_PATH = re.compile(r"(file://|(?<![\w./]))/[\w.-]+/")  # of the machine that ran a notebook
# Less to measure and to do, written below the config of the notebook.
FASTER = """
import bakeoff
bakeoff.plan  # prepares the machine
from bakeoff.training import measuring
measuring.MEASURED_SECONDS = 0.1
"""
SMALLER = {
    "sentiment": """
config["data"]["rows"] = 300
config["budget"]["epochs"] = 1
config["contestants"]["lstm"]["hidden_size"] = 8
config["evaluation"] = {"resamples": 100}
""",
    "language-model": """
config["data"]["fraction"] = {"train": 0.02, "validation": 0.02, "test": 0.1}
config["budget"] = {"tokens": 2000, "evaluations": 1}
config["evaluation"] |= {"resamples": 100, "max_new_tokens": 5}
""",
}


def read(name: str) -> Any:
    return nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def html(cells: list[Any]) -> list[str]:
    """Return all HTML that the cells show."""
    return [
        output.data["text/html"] for cell in cells for output in cell.outputs if "text/html" in output.get("data", {})
    ]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = read(name)
    config = code_cells(notebook)[0]
    assert config.metadata.tags == ["parameters"]
    config.source += FASTER + SMALLER[name]
    report = code_cells(notebook)[-1]
    report.source = report.source.replace("--figures {outcome.folder}/figures ", "")  # takes two seconds

    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", record_timing=False).execute()

    plan, outcome, comparison, *_ = html(code_cells(notebook))
    assert "Peak memory" in plan
    assert "Training time" in outcome
    assert "Told apart" in comparison
    assert list(tmp_path.rglob("tables/results.tex"))
    assert report.outputs[0].text.startswith("On ")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_stored_as_it_was_run(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    cells = code_cells(notebook)

    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert len(html(cells)) >= 3
    assert not any(
        output.output_type == "error" or output.get("name") == "stderr" for c in cells for output in c.outputs
    )
    assert "is best" in "".join(html(cells))
    for machine in ("/tmp/", "/root/", "/home/"):
        assert machine not in json.dumps(notebook)
    assert not ABSOLUTE_PATH.search(json.dumps(notebook).replace("\\n", "\n"))
