"""fastText with autotune, which searches its settings on the validation split. It reads no pretrained encoder."""

from __future__ import annotations

import re
from pathlib import Path

import fasttext

from peers.fast_text import LABEL, clean
from peers.panel.cell import Cell, Trained

SHARE = 0.8  # of the time for the search; the rest is for its last trial and for the training with what it found


def train(cell: Cell) -> Trained:
    folder = Path(cell.folder)
    names = sorted(set(cell.read("train").labels))
    for split in ("train", "validation"):
        rows = cell.read(split)
        lines = (
            f"{LABEL}{names.index(label)} {words(text)}\n"
            for text, label in zip(rows.texts, rows.labels, strict=True)
            if label in names
        )
        (folder / f"{split}.txt").write_text("".join(lines), encoding="utf-8")
    model = fasttext.train_supervised(
        str(folder / "train.txt"),
        autotuneValidationFile=str(folder / "validation.txt"),
        autotuneDuration=max(1, round(SHARE * cell.seconds)),
        thread=cell.cores,
        verbose=0,
    )
    saved = folder / "model.bin"
    model.save_model(str(saved))

    def predict(texts: list[str]) -> list[str]:
        found, _ = model.predict([words(text) for text in texts])
        return [names[int(labels[0].removeprefix(LABEL))] if len(labels) else names[0] for labels in found]

    return Trained(predict, (saved,))


def words(text: str) -> str:
    """Prepare a text as fastText's manual does; Chinese characters become words, since there are no spaces."""
    return clean(re.sub(r"([\u3400-\u9fff])", r" \1 ", text))
