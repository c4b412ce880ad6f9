"""model2vec: static vectors distilled from the encoder, and its classifier, which trains them too.

It has no setting for time: it stops where the validation split no longer gains, after seconds to minutes.
"""

from __future__ import annotations

from pathlib import Path

from model2vec.distill import distill
from model2vec.train import StaticModelForClassification

from peers.panel.cell import Cell, Trained


def train(cell: Cell) -> Trained:
    learned, validation = cell.read("train"), cell.read("validation")
    model = StaticModelForClassification.from_static_model(model=distill(cell.encoder, device="cpu"))
    model.fit(learned.texts, learned.labels, X_val=validation.texts, y_val=validation.labels, device="cpu")
    saved = Path(cell.folder) / "model"
    model.to_pipeline().save_pretrained(str(saved))
    return Trained(lambda texts: [str(label) for label in model.predict(texts)], (saved,))
