"""bakeoff's default line-up: what `bakeoff init --minutes` writes, run as it is.

The winner is the contestant with the best accuracy on the validation split; the test split has no say.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers.panel.cell import Cell, Split, Trained


def train(cell: Cell) -> Trained:
    """Write the config, run it, and choose. All three count."""
    folder = Path(cell.folder)
    config, run = folder / "bakeoff.yaml", folder / "run"
    others = [word for split in ("validation", "test") for word in (f"--{split}", str(cell.file(split)))]
    columns = ["--text", "text", "--label", "label"]
    train_file = str(cell.file("train"))
    seconds = {
        "init": _bakeoff("init", train_file, *others, *columns, "--minutes", f"{cell.minutes:g}", "-o", str(config)),
        "run": _bakeoff("run", str(config), "-o", str(run)),
    }
    started = time.perf_counter()
    contestants = contestants_of(run, cell.read("validation"))
    best = winner(contestants)
    seconds["choosing"] = time.perf_counter() - started

    import bakeoff

    model = bakeoff.load_classifier(run, contestant=best)
    saved = run / "contestants" / best / "model"
    return Trained(
        predict=lambda texts: [prediction.nearest for prediction in model.predict(texts)],
        saved=(saved, *_bases(saved)),
        notes={"winner": best, "contestants": contestants, "seconds": seconds},
    )


def contestants_of(run: Path, validation: Split) -> list[dict[str, Any]]:
    """Return what each contestant of a run reached, in the order of the config; failed ones are absent."""
    from sklearn.metrics import accuracy_score, log_loss

    import bakeoff
    from bakeoff.runs.folder import RunFolder

    rows = []
    for folder in RunFolder(run).evaluated():
        result = folder.result()
        model = bakeoff.load_classifier(run, contestant=result.name)
        probabilities = model.probabilities(validation.texts)
        predicted = [model.labels[column] for column in probabilities.argmax(axis=1)]
        tested = result.metric("accuracy")
        rows.append(
            {
                "name": result.name,
                "validation_accuracy": float(accuracy_score(validation.labels, predicted)),
                "validation_loss": float(log_loss(validation.labels, probabilities, labels=model.labels)),
                "test_accuracy": tested.value if tested else None,
                "seconds": result.training.total_seconds,
            }
        )
    return rows


def winner(contestants: Sequence[dict[str, Any]]) -> str:
    """Return who is best on the validation split; of equal accuracies, the one with the lower log loss."""
    best = max(contestants, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))
    return str(best["name"])


def _bases(saved: Path) -> list[Path]:
    """Return the folders of pretrained models that a contestant, or a member of an ensemble, needs as they are."""
    from bakeoff.pretrained.packaged_models import packaged_folder
    from bakeoff.pretrained.pointer import pointed_base

    names = {pointed_base(pointer.parent) for pointer in saved.rglob("base_model.json")}
    return [packaged_folder(name) for name in sorted(filter(None, names))]


def _bakeoff(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bakeoff", *arguments], check=True)
    return time.perf_counter() - started
