"""fastText, from a maintained fork: the original package has no wheels for current Python and NumPy."""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path

import fasttext

from peers.job import PREDICTED, Job, Measured

LABEL = "__label__"
# Of Joulin et al. 2016 ("Bag of Tricks for Efficient Text Classification"): ten numbers a word, pairs of words, five
# epochs, and the learning rate of their list that validates best on film reviews.
SETTINGS = {"dim": 10, "wordNgrams": 2, "epoch": 5, "lr": 0.5}


def contestant(job: Job) -> Measured:
    """Train fastText. Writing its input file counts, reading and splitting do not. The value is the accuracy."""
    from peers import tables  # needs bakeoff, which the panel's environments of peers lack

    data = tables.split(job)
    threads = os.cpu_count() or 1  # its own default is 12
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "train.txt"
        started = time.perf_counter()
        lines = (
            f"{LABEL}{label} {clean(text)}" for text, label in zip(data.train.texts, data.train.labels, strict=True)
        )
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        model = fasttext.train_supervised(str(file), thread=threads, verbose=0, **SETTINGS)
        seconds = time.perf_counter() - started
    started = time.perf_counter()
    labels, _ = model.predict([clean(text) for text in data.test.texts])
    predicting = time.perf_counter() - started
    right = [int(found[0].removeprefix(LABEL)) == label for found, label in zip(labels, data.test.labels, strict=True)]
    return Measured(seconds, len(data.train), sum(right) / len(right), details={PREDICTED: len(right) / predicting})


def clean(text: str) -> str:
    """Lowercase, separate punctuation and put the text on one line, as fastText's manual does before training."""
    return " ".join(re.sub(r"([^\w\s])", r" \1 ", text.replace("<br />", " ").lower()).split())
