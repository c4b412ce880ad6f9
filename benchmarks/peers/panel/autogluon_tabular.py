"""AutoGluon's TabularPredictor with its defaults: n-grams and counts of the text, many models, a weighted ensemble."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from autogluon.tabular import TabularPredictor

from peers.panel.cell import Cell, Trained


def train(cell: Cell) -> Trained:
    learned, validation = (frame(cell, split) for split in ("train", "validation"))
    predictor = TabularPredictor("label", eval_metric="accuracy", path=str(Path(cell.folder) / "all"))
    predictor.fit(learned, tuning_data=validation, time_limit=cell.seconds, num_cpus=cell.cores, num_gpus=0)
    saved = Path(cell.folder) / "model"
    predictor.clone_for_deployment(str(saved))
    return Trained(
        lambda texts: list(predictor.predict(pd.DataFrame({"text": texts}))), (saved,), {"chosen": predictor.model_best}
    )


def frame(cell: Cell, split: str) -> pd.DataFrame:
    rows = cell.read(split)
    return pd.DataFrame({"text": rows.texts, "label": rows.labels})
