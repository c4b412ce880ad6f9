"""How often the intervals of cross-validation hold the truth: docs/explanation/statistics.md has the result.

    python benchmarks/fold_coverage.py

Small tables are drawn from the packaged sentences, each is cross-validated with two classifiers, and the models of the
folds are evaluated on all other sentences. Four intervals of the difference in accuracy are compared: a bootstrap over
the texts of all folds; the same, widened as bakeoff does; Student's t over the folds as if they were independent; and
the corrected t-test of Nadeau and Bengio (2003).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import MultinomialNB
from sklearn.tree import DecisionTreeClassifier

from bakeoff.data.config import TableData
from bakeoff.data.tables import prepare_table
from bakeoff.evaluation.folds import wider_level
from bakeoff.evaluation.intervals import paired_bootstrap_ratio

Make = Callable[[int], Any]
Interval = tuple[float, float]

PAIRS: dict[str, tuple[Make, Make]] = {
    "logistic regression, naive Bayes": (lambda seed: LogisticRegression(C=10), lambda seed: MultinomialNB()),
    "logistic regression, tree": (
        lambda seed: LogisticRegression(C=10),
        lambda seed: DecisionTreeClassifier(max_depth=20, random_state=seed),
    ),
    "two trees of different seeds": (
        lambda seed: DecisionTreeClassifier(max_depth=20, max_features="sqrt", random_state=seed),
        lambda seed: DecisionTreeClassifier(max_depth=20, max_features="sqrt", random_state=seed + 1),
    ),
}
VALIDATION = 0.1  # of all rows, as by default


@dataclass(frozen=True)
class Draw:
    """What one cross-validation found, and the truth about its models."""

    truth: float  # mean difference in accuracy of the folds' models on other texts
    intervals: dict[str, Interval]


def cross_validate(
    vectors: Any, labels: np.ndarray, pair: tuple[Make, Make], rows: int, folds: int, random: np.random.Generator
) -> Draw:
    """Draw a table, and compare two classifiers by cross-validation."""
    order = random.permutation(len(labels))
    drawn, others = order[:rows], order[rows:]
    differences, by_fold, truths, sizes = np.zeros(rows), [], [], []
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=int(random.integers(2**31))).split(
        drawn, labels[drawn]
    ):
        kept = drawn[random.permutation(train)[: len(train) - round(VALIDATION * rows)]]
        tested = drawn[test]
        right = []
        for make in pair:
            model = make(int(random.integers(2**31))).fit(vectors[kept], labels[kept])
            right.append([model.predict(vectors[some]) == labels[some] for some in (tested, others)])
        (first, first_true), (second, second_true) = right
        differences[test] = first.astype(float) - second
        by_fold.append(float(first.mean() - second.mean()))
        truths.append(float(first_true.mean() - second_true.mean()))
        sizes.append(len(tested) / len(kept))
    seed = int(random.integers(2**31))

    def over_texts(level: float) -> Interval:
        found = paired_bootstrap_ratio(
            differences, np.zeros(rows), np.ones(rows), confidence=level, resamples=2000, seed=seed
        )
        assert found is not None
        return found[0]

    center, variance = float(np.mean(by_fold)), float(np.var(by_fold, ddof=1))
    return Draw(
        float(np.mean(truths)),
        {
            "texts of all folds": over_texts(0.95),
            "widened": over_texts(wider_level(0.95, folds)),
            "t over folds": _student(center, variance / folds, folds),
            "Nadeau and Bengio": _student(center, variance * (1 / folds + float(np.mean(sizes))), folds),
        },
    )


def _student(center: float, variance: float, folds: int) -> Interval:
    half = float(stats.t.isf(0.025, folds - 1)) * math.sqrt(variance)
    return center - half, center + half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--rows", type=int, nargs="*", default=[100, 300, 900])
    parser.add_argument("--folds", type=int, nargs="*", default=[5, 10])
    options = parser.parse_args()
    table, _ = prepare_table(TableData(table="sentence-polarity"), 12)
    splits = (table.train, table.validation, table.test)
    vectors = TfidfVectorizer(min_df=2, sublinear_tf=True).fit_transform(text for each in splits for text in each.texts)
    labels = np.array([label for each in splits for label in each.labels])
    print("| classifiers | rows | folds | interval | these models | such models | mean width |")
    print("| --- | ---: | ---: | --- | ---: | ---: | ---: |")
    for name, pair in PAIRS.items():
        for rows in options.rows:
            for folds in options.folds:
                random = np.random.default_rng([rows, folds])
                draws = [cross_validate(vectors, labels, pair, rows, folds, random) for _ in range(options.draws)]
                expected = float(np.mean([draw.truth for draw in draws]))
                for kind in draws[0].intervals:
                    ends = [draw.intervals[kind] for draw in draws]
                    own = np.mean([low <= draw.truth <= high for draw, (low, high) in zip(draws, ends, strict=True)])
                    mean = np.mean([low <= expected <= high for low, high in ends])
                    width = 100 * np.mean([high - low for low, high in ends])
                    print(f"| {name} | {rows} | {folds} | {kind} | {own:.1%} | {mean:.1%} | {width:.1f} |", flush=True)


if __name__ == "__main__":
    main()
