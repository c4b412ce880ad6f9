"""AutoGluon's MultiModalPredictor with its defaults: the encoder fine-tuned, the best checkpoints averaged."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from autogluon.multimodal import MultiModalPredictor

from peers.panel.autogluon_tabular import frame
from peers.panel.cell import Cell, Trained


def train(cell: Cell) -> Trained:
    learned, validation = (frame(cell, split) for split in ("train", "validation"))
    saved = Path(cell.folder) / "model"
    predictor = MultiModalPredictor("label", eval_metric="accuracy", path=str(saved))
    predictor.fit(
        learned,
        tuning_data=validation,
        time_limit=cell.seconds,
        hyperparameters={
            "model.names": ["hf_text"],
            "model.hf_text.checkpoint_name": cell.encoder,
            "env.num_gpus": 0,
            "env.num_workers": 0,
            "env.num_workers_inference": 0,
        },
    )
    return Trained(lambda texts: list(predictor.predict(pd.DataFrame({"text": texts}))), (saved,))
