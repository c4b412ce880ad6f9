"""SetFit, the library, as its paper trains: 20 rounds of pairs, one epoch, batches of 16 pairs, logistic regression.

Its cost grows with rows x rounds, so on larger tables the time allows fewer rounds (at least one), or fewer rows: a
random sample, which its logistic regression also learns from. Four steps on a copy tell how long a step takes.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments

from peers.panel.cell import Cell, Trained

BATCH, ROUNDS, SEED = 16, 20, 12
SHARE = 0.8  # of the time for pairs; the rest is for loading and for the regression


def train(cell: Cell) -> Trained:
    started = time.perf_counter()
    learned = cell.read("train")
    rows = list(zip(learned.texts, learned.labels, strict=True))
    random.Random(SEED).shuffle(rows)
    step = _step_seconds(cell, rows)
    left = SHARE * cell.seconds - (time.perf_counter() - started)
    pairs = max(1, int(left / step)) * BATCH
    rounds = min(ROUNDS, max(1, pairs // (2 * len(rows))))
    used = _some_of_every_class(rows, max(2, pairs // (2 * rounds)))
    model = _fit(cell, used, rounds)
    saved = Path(cell.folder) / "model"
    model.save_pretrained(str(saved))
    return Trained(
        lambda texts: [str(label) for label in model.predict(texts)],
        (saved,),
        {"rows": len(used), "rounds": rounds, "step_seconds": step},
    )


def _some_of_every_class(rows: list[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    """Return about `count` of the rows, in proportion to the classes, at least two of each class."""
    share = min(1.0, count / len(rows))
    by_label: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        by_label.setdefault(row[1], []).append(row)
    return [row for group in by_label.values() for row in group[: max(2, round(share * len(group)))]]


def _step_seconds(cell: Cell, rows: list[tuple[str, str]]) -> float:
    sample = rows[: 2 * BATCH]
    rounds = max(1, 2 * BATCH // len(sample))
    started = time.perf_counter()
    _fit(cell, sample, rounds)
    return (time.perf_counter() - started) * BATCH / (2 * rounds * len(sample))


def _fit(cell: Cell, rows: list[tuple[str, str]], rounds: int) -> SetFitModel:
    folder = str(Path(cell.folder) / "checkpoints")
    arguments = TrainingArguments(
        output_dir=folder, batch_size=BATCH, num_iterations=rounds, seed=SEED, save_strategy="no", report_to="none"
    )
    model = SetFitModel.from_pretrained(cell.encoder, device="cpu")
    table = Dataset.from_dict({"text": [text for text, _ in rows], "label": [label for _, label in rows]})
    Trainer(model=model, args=arguments, train_dataset=table).train()
    return model
