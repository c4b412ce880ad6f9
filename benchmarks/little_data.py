"""Whether cross-validation and learning curves on 600 rows say what then happens: docs/explanation/statistics.md.

    python benchmarks/little_data.py --data FOLDER

FOLDER holds the tables of the panel (see panel.py), in it or below; without it, only packaged texts are used. Nothing
in bakeoff was chosen on `articles`, sentences of the packaged Wikipedia articles. In each draw, three cheap classifiers
are

1. cross-validated with 5 folds on 600 rows. The truth is the accuracy of the models of the folds, and that of a model
   of all 600 rows, which is the one that is kept, on texts that were not drawn, as means over all draws;
2. trained on nested parts of these rows, and tested on 400 other texts, which gives a forecast for twice the rows and
   the places where lines cross;
3. trained on twice the rows. The forecast is held against what they then reach, on the same test texts and on others.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from bakeoff.data.leakage import Duplicates
from bakeoff.data.parts import nested_parts
from bakeoff.evaluation.crossings import interval_of_place, places
from bakeoff.evaluation.folds import wider_level
from bakeoff.evaluation.intervals import paired_bootstrap_ratio, wilson
from bakeoff.evaluation.learning_curve import FEWEST_ROWS
from bakeoff.evaluation.metrics import Draws
from bakeoff.evaluation.power_law import TYPICAL_NOISE, Extrapolation, extrapolate
from crossing_coverage import static_vectors
from curve_coverage import read, tf_idf

NAMES = ("medical", "titles", "waimai", "sentences", "articles")
ROWS, FOLDS, TESTED, MOST_OTHERS = 600, 5, 400, 4000
VALIDATION = 0.1  # of all rows, as by default
SHARES = (0.1, 0.3)
LEVEL = 0.95
Learner = tuple[Any, Any]  # a function that makes it, and the vectors of all texts
Floats = npt.NDArray[np.float64]


@dataclass
class Draw:
    """What a draw promised, and what happened. Arrays have a row for each learner."""

    folds: Floats = field(default_factory=lambda: np.zeros(0))  # accuracy of the folds' models on texts not drawn
    kept: Floats = field(default_factory=lambda: np.zeros(0))
    curves: Floats = field(default_factory=lambda: np.zeros(0))  # accuracy on texts not drawn, by size
    after: Floats = field(default_factory=lambda: np.zeros(0))  # with twice the rows: on the same texts, on others
    last: Floats = field(default_factory=lambda: np.zeros(0))  # with all rows, on the same texts
    intervals: list[tuple[float, float]] = field(default_factory=list)
    pairs: list[tuple[int, int, float, float]] = field(default_factory=list)  # the best, another, interval
    forecasts: list[Extrapolation | None] = field(default_factory=list)
    crossings: list[tuple[int, int, float, float]] = field(default_factory=list)  # above, below, interval
    sizes: list[int] = field(default_factory=list)


def right(learner: Learner, labels: npt.NDArray[Any], train: Any, texts: Any) -> Floats:
    """Return which texts a learner gets right that was trained on some rows."""
    make, vectors = learner
    return np.asarray(make().fit(vectors[train], labels[train]).predict(vectors[texts]) == labels[texts], float)


def draw(learners: Sequence[Learner], labels: npt.NDArray[Any], seed: int) -> Draw:
    """Draw rows and test texts, and do all three."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(labels))
    tested, drawn, others = order[:TESTED], order[TESTED : TESTED + 2 * ROWS], order[TESTED + 2 * ROWS :][:MOST_OTHERS]
    rest, few = np.concatenate([tested, others]), drawn[:ROWS]
    learned = few[round(VALIDATION * ROWS) :]
    found = Draw()

    answers, of_folds = np.zeros((len(learners), ROWS)), np.zeros((len(learners), FOLDS))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(few, labels[few])
    for fold, (train, test) in enumerate(folds):
        train = random.permutation(train)[round(VALIDATION * ROWS) :]
        for place, learner in enumerate(learners):
            both = right(learner, labels, few[train], np.concatenate([few[test], rest]))
            answers[place, test], of_folds[place, fold] = both[: len(test)], both[len(test) :].mean()
    found.folds = of_folds.mean(axis=1)
    wider = wider_level(LEVEL, FOLDS)
    found.intervals = [wilson(int(each.sum()), ROWS, wider) for each in answers]
    best = int(answers.mean(axis=1).argmax())
    for other in set(range(len(learners))) - {best}:
        paired = paired_bootstrap_ratio(
            answers[best], answers[other], np.ones(ROWS), confidence=wider, resamples=2000, seed=seed
        )
        assert paired is not None
        found.pairs.append((best, other, *paired[0]))

    keys = np.arange(len(labels))
    parts = nested_parts(learned.tolist(), SHARES, labels.tolist(), Duplicates(keys, keys), None, random)
    parts.append(learned.tolist())
    found.sizes = list(map(len, parts))
    curves = np.array([[right(learner, labels, part, rest) for part in parts] for learner in learners])
    found.kept, found.curves = curves[:, -1].mean(axis=1), curves.mean(axis=2)
    errors = 1 - curves[..., :TESTED]
    found.last = 1 - errors[:, -1].mean(axis=1)
    found.forecasts = [_forecast(each, found.sizes, len(set(labels[learned]))) for each in errors]
    found.crossings = _crossings(errors, found.sizes)
    many = drawn[round(VALIDATION * 2 * ROWS) :]
    after = np.array([right(learner, labels, many, rest) for learner in learners])
    found.after = np.stack([after[:, :TESTED].mean(axis=1), after[:, TESTED:].mean(axis=1)], axis=1)
    return found


def _forecast(errors: Floats, sizes: Sequence[int], classes: int) -> Extrapolation | None:
    used = [place for place, size in enumerate(sizes) if size >= FEWEST_ROWS * classes]
    values = errors[used]
    if len(used) < 2 or values.mean(axis=1).min() == 0:
        return None
    change = float(np.var(values[-1] - values[-2], ddof=1)) / TESTED
    rows = [sizes[place] for place in used]
    return extrapolate(rows, values.mean(axis=1), np.cov(values) / TESTED, change, 2 * sizes[-1], confidence=LEVEL)


def _crossings(errors: Floats, sizes: Sequence[int]) -> list[tuple[int, int, float, float]]:
    """Return the pairs whose lines cross on the test texts, the one that leads in the end first, with the interval."""
    found = []
    for pair in combinations(range(len(errors)), 2):
        above, below = sorted(pair, key=lambda place: errors[place, -1].mean())
        leads = errors[below] - errors[above]
        if not 0 < places(sizes, leads.mean(axis=1))[0] < np.inf:
            continue
        trainings = sum((TYPICAL_NOISE * errors[place].mean(axis=1)) ** 2 / sizes for place in pair)
        covariance = np.cov(leads) / TESTED + np.diag(trainings)
        low, high = interval_of_place(sizes, leads.mean(axis=1), covariance, Draws(LEVEL, 2000, 1))
        found.append((above, below, low or 0.0, high or np.inf))
    return found


def summary(draws: Sequence[Draw], learners: Sequence[int]) -> dict[str, str]:
    """Return how often what was promised of learners happened: a cell for each column of the table."""
    of_folds, kept, curves = (
        np.mean([getattr(each, which) for each in draws], axis=0) for which in ("folds", "kept", "curves")
    )
    intervals = [(place, *each.intervals[place]) for each in draws for place in learners]
    forecasts = [
        (forecast, *(1 - each.after[place]), each.last[place])
        for each in draws
        for place in learners
        if (forecast := each.forecasts[place])
    ]
    pairs = [pair for each in draws for pair in each.pairs if set(pair[:2]) <= set(learners)]
    crossings = [
        (low, places(each.sizes, curves[above] - curves[below])[0], high)
        for each in draws
        for above, below, low, high in each.crossings
        if {above, below} <= set(learners)
    ]
    return {
        "accuracy": _share(low <= of_folds[place] <= high for place, low, high in intervals),
        "of the kept model": _share(low <= kept[place] <= high for place, low, high in intervals),
        "width": _points(high - low for _, low, high in intervals),
        "difference": _share(low <= of_folds[a] - of_folds[b] <= high for a, b, low, high in pairs),
        "its width": _points(high - low for *_, low, high in pairs),
        "same texts": _share(found.measured[0] <= same <= found.measured[1] for found, same, *_ in forecasts),
        "other texts": _share(found.interval[0] <= other <= found.interval[1] for found, _, other, _ in forecasts),
        "width of the change": _points(found.measured[1] - found.measured[0] for found, *_ in forecasts),
        "gain": _points(1 - same - last for _, same, _, last in forecasts),
        "crossing": f"{_share(low <= place <= high for low, place, high in crossings)}"
        + f" of {len(crossings)}" * bool(crossings),
    }


def _share(held: Iterable[bool]) -> str:
    cases = list(held)
    return f"{np.mean(cases):.0%}" if cases else "–"


def _points(values: Iterable[float]) -> str:
    cases = list(values)
    return f"{100 * np.mean(cases):.1f}" if cases else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--tables", nargs="*", choices=NAMES)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of scikit-learn, that there are many classes for few rows
    for number, name in enumerate(options.tables or (NAMES if options.data else NAMES[-2:])):
        texts, labels = read(name, options.data)
        words = tf_idf(texts)
        learners = [(LinearSVC, words), (MultinomialNB, words), (RidgeClassifier, static_vectors(texts))]
        draws = [draw(learners, labels, seed) for seed in range(options.draws)]
        together = {"all": [0, 1, 2], "all but naive Bayes": [0, 2]}
        apart = {"support vectors": [0], "naive Bayes": [1], "static vectors": [2]}
        for which, places_of in {**together, **apart}.items():
            cells = summary(draws, places_of)
            if not number and which == "all":
                print(f"| table | classifier | {' | '.join(cells)} |\n| --- | --- |{' ---: |' * len(cells)}")
            print(f"| {name} | {which} | {' | '.join(cells.values())} |", flush=True)


if __name__ == "__main__":
    main()
