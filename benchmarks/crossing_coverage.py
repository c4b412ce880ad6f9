"""How often the interval of the place where two learning curves cross holds it: docs/explanation/statistics.md.

    python benchmarks/crossing_coverage.py --data FOLDER

FOLDER holds the tables of the panel (see panel.py), in it or below; without it, only packaged texts are used. Again and
again, 400 test texts and training rows are drawn from a table, and two classifiers are trained on nested parts of them:
support vectors on TF-IDF of words, and a ridge regression on the vectors of a static model, which leads with few rows.
The truth is where their mean curves over all draws cross, on texts that were not drawn. Intervals from the choice of
test texts alone are compared with those of bakeoff, for which another training gives another model, too.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import RidgeClassifier
from sklearn.svm import LinearSVC

from bakeoff.data.leakage import Duplicates
from bakeoff.data.parts import nested_parts
from bakeoff.evaluation.crossings import interval_of_place, places
from bakeoff.evaluation.metrics import Draws
from bakeoff.evaluation.power_law import TYPICAL_NOISE
from bakeoff.evaluation.wording import count
from bakeoff.methods.embedding.distillation import distill
from bakeoff.methods.embedding.encoder import load_encoder
from bakeoff.pretrained.names import DEFAULT_ENCODER
from curve_coverage import NAMES, TEST_TEXTS, read, tf_idf

LEARNERS = (LinearSVC, RidgeClassifier)
SHARES = (0.05, 0.1, 0.2, 0.5)
MOST_OTHERS = 3000
SETTINGS = Draws(0.95, 2000, 1)


@dataclass(frozen=True)
class Draw:
    """How far the support vectors are ahead of the ridge regression at each size."""

    leads: npt.NDArray[np.float64]  # on the test texts
    elsewhere: npt.NDArray[np.float64]
    texts: npt.NDArray[np.float64]  # covariance of the leads from the choice of test texts
    trainings: npt.NDArray[np.float64]  # and from training


def static_vectors(texts: npt.NDArray[Any]) -> Any:
    """Return the vectors that contestant `embedding` with `static: true` learns from."""
    encoder = load_encoder(
        DEFAULT_ENCODER, pooling="auto", layer="auto", max_length=None, precision="fp32", normalize=False
    )
    return distill(encoder)[0].embed(texts.tolist())


def draw(readings: Sequence[Any], labels: npt.NDArray[Any], rows: int, seed: int) -> tuple[list[int], Draw]:
    """Draw rows and train on parts of them; return the sizes, and what was measured.

    Args:
        readings: Of all texts, the vectors for each of `LEARNERS`.
    """
    random = np.random.default_rng([rows, seed])
    order = random.permutation(len(labels))
    tested, drawn, others = np.split(order, [TEST_TEXTS, TEST_TEXTS + rows])
    keys = np.arange(len(labels))
    parts = nested_parts(drawn.tolist(), SHARES, labels.tolist(), Duplicates(keys, keys), None, random)
    parts.append(drawn.tolist())
    texts = np.concatenate([tested, others[:MOST_OTHERS]])
    right = np.array(
        [
            [make().fit(vectors[part], labels[part]).predict(vectors[texts]) == labels[texts] for part in parts]
            for make, vectors in zip(LEARNERS, readings, strict=True)
        ],
        dtype=float,
    )
    sizes = [len(part) for part in parts]
    leads = right[0] - right[1]
    noises = (TYPICAL_NOISE * (1 - right[..., :TEST_TEXTS].mean(axis=2))) ** 2 / sizes
    return sizes, Draw(
        leads[:, :TEST_TEXTS].mean(axis=1),
        leads[:, TEST_TEXTS:].mean(axis=1),
        np.cov(leads[:, :TEST_TEXTS]) / TEST_TEXTS,
        np.diag(noises.sum(axis=0)),
    )


def report(sizes: Sequence[int], draws: Sequence[Draw]) -> list[str]:
    """Return where the lines cross, and of both intervals how often they hold it and have two ends, and their ratio."""
    (truth,) = places(sizes, np.mean([each.elsewhere for each in draws], axis=0))
    cells = [count(round(truth)) if 0 < truth < np.inf else "never"]
    for with_trainings in (False, True):
        found = [
            interval_of_place(sizes, each.leads, each.texts + with_trainings * each.trainings, SETTINGS)
            for each in draws
        ]
        held = np.mean([(low or 0) <= truth <= (high or np.inf) for low, high in found])
        ratios = [high / low for low, high in found if low and high]
        cells += [f"{held:.0%}", f"{len(ratios) / len(draws):.0%}", f"{np.median(ratios):.1f}" if ratios else "–"]
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--rows", type=int, nargs="*", default=[1000, 2000, 5000])
    parser.add_argument("--tables", nargs="*", choices=NAMES)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of scikit-learn, that there are many classes for few rows
    print("| table | rows | they cross at | texts: held | two ends | ratio | and trainings: held | two ends | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in options.tables or (NAMES if options.data else (NAMES[0], NAMES[-1])):
        texts, labels = read(name, options.data)
        readings = (tf_idf(texts), static_vectors(texts))
        for rows in options.rows:
            if TEST_TEXTS + rows + 500 > len(labels) or rows * SHARES[0] < len(set(labels)):
                continue
            drawn = [draw(readings, labels, rows, seed) for seed in range(options.draws)]
            cells = report(drawn[0][0], [each for _, each in drawn])
            print(f"| {name} | {count(rows)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
