"""Run the notebooks of this folder, and store them with what they show: python examples/run.py

Needs nbclient and ipykernel.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient


def main() -> None:
    """Run every notebook from top to bottom."""
    for path in sorted(Path(__file__).parent.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, kernel_name="python3", record_timing=False).execute()
        notebook.metadata["language_info"] = {"name": "python"}  # and not the version of this machine
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                if "text/html" in data:  # the plain text of records has their paths, and hundreds of lines
                    data.pop("text/plain", None)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
