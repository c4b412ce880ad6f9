"""Labels of exported classifiers: by costs of mistakes and the threshold of texts of no class, as the contestant's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bakeoff.methods.recurrent.onnx.standalone import OnnxClassifier
from bakeoff.methods.transformer.exporting.standalone import ExportedClassifier
from bakeoff.tasks.classifier import Classifier
from bakeoff.tasks.export_classifier import _compare

LABELS = ["bad", "fine", "odd"]
COSTS = [[0.0, 1.0, 2.0], [10.0, 0.0, 1.0], [1.0, 1.0, 0.0]]


class Given:
    """A model that gives these probabilities to any texts."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return self.rows[: len(texts)]


@pytest.mark.parametrize("standalone", [OnnxClassifier, ExportedClassifier])
@pytest.mark.parametrize("costs", [None, COSTS], ids=["no-costs", "costs"])
@pytest.mark.parametrize("threshold", [None, 0.5], ids=["no-threshold", "threshold"])
def test_the_standalone_script_predicts_the_labels_of_the_contestant(standalone, costs, threshold):
    rows = np.random.default_rng(0).dirichlet([1, 1, 1], size=300)
    rows[0] = [0.5, 0.25, 0.25]
    texts = ["a text"] * len(rows)
    script = object.__new__(standalone)  # without a graph
    script.labels, script.costs, script.threshold = LABELS, costs, threshold
    script.probabilities = Given(rows).probabilities

    classifier = Classifier(LABELS, Given(rows), costs=costs, out_of_scope_threshold=threshold)
    expected = [prediction.label for prediction in classifier.predict(texts)]

    assert script.predict(texts) == expected
    assert (None in expected) == (threshold is not None)
    most_probable = [LABELS[place] for place in rows.argmax(axis=1)]
    assert (expected == most_probable) == (costs is None and threshold is None)


@pytest.mark.parametrize(
    ("decision", "row", "other"),
    [
        ({"costs": COSTS}, [0.90912, 0.09088, 0.0], [0.90906, 0.09094, 0.0]),
        ({"out_of_scope_threshold": 0.75}, [0.75001, 0.24999, 0.0], [0.74999, 0.25001, 0.0]),
        ({}, [0.50001, 0.49999, 0.0], [0.49999, 0.50001, 0.0]),
    ],
    ids=["costs", "threshold", "most-probable"],
)
def test_the_comparison_counts_labels_that_differ_as_they_are_predicted(decision, row, other):
    classifier = Classifier(LABELS, Given(np.array([row])), **decision)

    parity = _compare(classifier, Given(np.array([other])).probabilities, "packaged sentences", ["a text"])

    assert parity.different_labels == 1
