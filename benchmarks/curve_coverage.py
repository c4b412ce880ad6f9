"""How often the forecast of a learning curve holds what then happens: docs/explanation/statistics.md has the result.

    python benchmarks/curve_coverage.py --data FOLDER

FOLDER holds the tables of the panel (see panel.py), in it or below; without it, only packaged texts are used. Nothing
in bakeoff was chosen on `articles`, sentences of the packaged Wikipedia articles. Again and again, test texts and
training rows are drawn from a table. Two linear classifiers are trained on nested parts of the training rows, which
gives a forecast for twice the rows, and then on twice the rows. It is held against their accuracy on the same test
texts, and on all texts that were not drawn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from bakeoff.data.leakage import Duplicates
from bakeoff.data.parts import nested_parts
from bakeoff.data.scripts import counted_in_characters
from bakeoff.errors import UserError
from bakeoff.evaluation.learning_curve import FEWEST_ROWS
from bakeoff.evaluation.power_law import extrapolate
from bakeoff.evaluation.wording import count
from comparison.panel_tables import read_rows

NAMES = ("sentences", "medical", "titles", "clinc150", "waimai", "imdb-35000", "articles")
SHARES = ((0.1, 0.3), (0.05, 0.1, 0.2, 0.5))
LEARNERS: dict[str, Callable[[], Any]] = {
    "support vectors": lambda: LinearSVC(),
    "naive Bayes": lambda: MultinomialNB(alpha=0.1),
}
TEST_TEXTS = 400
FEWEST_OTHERS = 500  # texts that are not drawn, for the truth
MOST_TEXTS = 12_000  # of a table
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Draw:
    """A forecast of an accuracy, and what happened."""

    same_texts: bool  # it happened within the interval of the change
    other_texts: bool  # within the interval of the accuracy
    widths: tuple[float, float]
    surprise: float  # accuracy on the same texts beyond the forecast
    gain: float  # that twice the rows brought


def read(name: str, data: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the texts of a table and the numbers of their labels, in random order."""
    texts, names = map(np.array, zip(*read_rows(name, data), strict=True))
    order = np.random.default_rng(1).permutation(len(texts))[:MOST_TEXTS]
    return texts[order], np.unique(names[order], return_inverse=True)[1]


def tf_idf(texts: np.ndarray) -> Any:
    """Return the vectors of texts."""
    words: dict[str, Any] = {"analyzer": "char", "ngram_range": (1, 2)} if counted_in_characters(texts[:100]) else {}
    return TfidfVectorizer(min_df=2, sublinear_tf=True, **words).fit_transform(texts)


def draw(
    vectors: Any, labels: np.ndarray, rows: int, shares: tuple[float, ...], make: Callable[[], Any], seed: int
) -> Draw | None:
    """Draw rows, forecast the accuracy with twice as many, and see; None where no forecast is made."""
    random = np.random.default_rng([rows, seed])
    order = random.permutation(len(labels))
    tested, drawn, others = np.split(order, [TEST_TEXTS, TEST_TEXTS + 2 * rows])
    keys = np.arange(len(labels))
    try:
        parts = nested_parts(drawn[:rows].tolist(), shares, labels.tolist(), Duplicates(keys, keys), None, random)
    except UserError:  # fewer rows than classes
        return None
    classes = len(set(labels[drawn[:rows]]))
    trained = [part for part in [*parts, drawn[:rows].tolist()] if len(part) >= FEWEST_ROWS * classes]
    if len(trained) < 2:
        return None

    def wrong(train: Any, texts: np.ndarray) -> np.ndarray:
        return np.asarray(make().fit(vectors[train], labels[train]).predict(vectors[texts]) != labels[texts], float)

    errors = np.stack([wrong(part, tested) for part in trained])
    found = extrapolate(
        [len(part) for part in trained],
        errors.mean(axis=1),
        np.cov(errors) / TEST_TEXTS,
        float(np.var(errors[-1] - errors[-2], ddof=1)) / TEST_TEXTS,
        2 * rows,
        confidence=CONFIDENCE,
    )
    happened = wrong(drawn, np.concatenate([tested, others]))
    here, elsewhere = happened[:TEST_TEXTS].mean(), happened[TEST_TEXTS:].mean()
    return Draw(
        bool(found.measured[0] <= here <= found.measured[1]),
        bool(found.interval[0] <= elsewhere <= found.interval[1]),
        (found.measured[1] - found.measured[0], found.interval[1] - found.interval[0]),
        float(found.error - here),
        float(errors[-1].mean() - here),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--rows", type=int, nargs="*", default=[200, 500, 1000, 2000, 4000])
    parser.add_argument("--tables", nargs="*", choices=NAMES)
    options = parser.parse_args()
    names = options.tables or (NAMES if options.data else (NAMES[0], NAMES[-1]))
    print("| table | learner | rows | shares | same texts | other texts | width | surprise | gain |")
    print("| --- | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    totals: list[Draw] = []
    for name in names:
        texts, labels = read(name, options.data)
        vectors = tf_idf(texts)
        for rows in options.rows:
            if TEST_TEXTS + 2 * rows + FEWEST_OTHERS > len(labels):
                continue
            for learner, make in LEARNERS.items():
                for shares in SHARES:
                    drawn = [draw(vectors, labels, rows, shares, make, seed) for seed in range(options.draws)]
                    if draws := [each for each in drawn if each]:
                        listed_shares = ", ".join(f"{share:g}" for share in (*shares, 1))
                        print(f"| {name} | {learner} | {count(rows)} | {listed_shares} | {_cells(draws)} |", flush=True)
                        totals += draws
    if totals:
        print(f"| all | | | | {_cells(totals)} |")


def _cells(draws: list[Draw]) -> str:
    mean = {
        "same": np.mean([each.same_texts for each in draws]),
        "other": np.mean([each.other_texts for each in draws]),
        "width": 100 * np.mean([each.widths[0] for each in draws]),
        "surprise": 100 * np.mean([each.surprise for each in draws]),
        "gain": 100 * np.mean([each.gain for each in draws]),
    }
    points = " | ".join(f"{mean[key]:.1f}" for key in ("width", "surprise", "gain"))
    return f"{mean['same']:.0%} | {mean['other']:.0%} | {points}"


if __name__ == "__main__":
    main()
