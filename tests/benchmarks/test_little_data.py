"""What the benchmark of 600 rows counts, on draws whose answers are known, and that a draw trains on what it says."""

from __future__ import annotations

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier

from bakeoff.evaluation.power_law import Extrapolation
from comparison.panel_tables import read_rows
from little_data import Draw, draw, summary


def made_up(interval: tuple[float, float], crossing: tuple[float, float]) -> Draw:
    """A draw of two learners, of which the first leads from 200 rows on."""
    return Draw(
        folds=np.array([0.6, 0.5]),
        kept=np.array([0.7, 0.5]),
        curves=np.array([[0.4, 0.6], [0.5, 0.5]]),
        after=np.array([[0.7, 0.75], [0.55, 0.55]]),
        last=np.array([0.6, 0.5]),
        intervals=[interval, (0.4, 0.6)],
        pairs=[(0, 1, 0.05, 0.2)],
        forecasts=[Extrapolation(0.35, (0.2, 0.3), (0.25, 0.35), 0.3), Extrapolation(0.4, (0.2, 0.3), (0.3, 0.4), 0.3)],
        crossings=[(0, 1, *crossing)],
        sizes=[100, 400],
    )


def test_what_was_promised_is_held_against_what_happened() -> None:
    draws = [made_up((0.55, 0.65), (150, 300)), made_up((0.65, 0.75), (250, np.inf))]
    assert summary(draws, [0, 1]) == {
        "accuracy": "75%",
        "of the kept model": "75%",
        "width": "15.0",
        "difference": "100%",
        "its width": "15.0",
        "same texts": "50%",
        "other texts": "50%",
        "width of the change": "10.0",
        "gain": "7.5",
        "crossing": "50% of 2",
    }
    first = summary(draws, [0])
    assert (first["accuracy"], first["of the kept model"], first["width"]) == ("50%", "50%", "10.0")
    assert (first["same texts"], first["difference"], first["crossing"]) == ("100%", "–", "–")


def test_a_draw_of_learners_whose_accuracy_is_known() -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, 2500)
    vectors = (labels + random.normal(0, 0.01, len(labels)))[:, None]
    found = draw([(KNeighborsClassifier, vectors), (DummyClassifier, vectors)], labels, 1)
    assert found.folds[0] == found.kept[0] == found.after[0].min() == 1
    assert abs(found.folds[1] - 0.5) < 0.05
    assert found.sizes == [54, 162, 540]
    assert [(best, other) for best, other, *_ in found.pairs] == [(0, 1)]
    assert found.forecasts[0] is None  # it makes no mistake
    assert found.forecasts[1] is not None


def test_articles_are_a_table_of_twenty_classes() -> None:
    rows = read_rows("articles", None)
    assert len({label for _, label in rows}) == 20
    assert len(rows) > 6000
    assert all(6 <= len(text.split()) <= 40 for text, _ in rows)
