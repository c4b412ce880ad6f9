"""Measure one cell in a process of its own: `python -m peers.panel.worker CELL` writes FOLDER/measured.json."""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from peers.panel.cell import Cell

_PACKAGES = ("bakeoff", "autogluon.tabular", "setfit", "model2vec", "fasttext-community", "scikit-learn", "torch")
_PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def measure(cell: Cell) -> dict[str, Any]:
    """Train, predict the test split and compare. Importing the program, reading and saving count as training."""
    started = time.perf_counter()
    trained = import_module(f"peers.panel.{cell.program}").train(cell)
    training = time.perf_counter() - started
    test = cell.read("test")
    started = time.perf_counter()
    predicted = [str(label) for label in trained.predict(test.texts)]
    predicting = time.perf_counter() - started

    import numpy as np
    from sklearn.metrics import f1_score

    right = [label == truth for label, truth in zip(predicted, test.labels, strict=True)]
    return {
        "accuracy": sum(right) / len(right),
        "right": np.packbits(right).tobytes().hex(),  # a bit a text, from which differences get their intervals
        "tested": len(right),
        "macro_f1": float(f1_score(test.labels, predicted, average="macro", zero_division=0)),
        "training_seconds": training,
        "predicting_seconds": predicting,
        "processor_seconds": sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, _PROCESSES)),
        "peak_memory_bytes": _peak_memory_bytes(),
        "model_bytes": sum(map(_size, trained.saved)),
        "versions": _versions(),
        "notes": trained.notes,
    }


def _peak_memory_bytes() -> int:
    """Return the peak of the largest process: this one, or one that it started."""
    unit = 1 if sys.platform == "darwin" else 1024
    return max(resource.getrusage(each).ru_maxrss for each in _PROCESSES) * unit


def _versions() -> dict[str, str]:
    """Return the versions of the packages that are installed in this environment."""
    installed = {name: list(metadata.distributions(name=name)) for name in _PACKAGES}
    return {name: found[0].version for name, found in installed.items() if found}


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def main() -> None:
    cell = Cell(**json.loads(sys.argv[1]))
    (Path(cell.folder) / "measured.json").write_text(json.dumps(measure(cell)), encoding="utf-8")


if __name__ == "__main__":
    main()
