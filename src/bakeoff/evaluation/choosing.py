"""From probabilities to one class. Every prediction needs it, so that it imports little."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Costs = list[list[float]]
"""True classes in rows, predicted ones in columns."""


def choose(probabilities: npt.NDArray[np.float64], costs: Costs | None) -> npt.NDArray[np.int64]:
    """Return the class of each text: the most probable one, or with costs the one of least expected cost.

    Elkan 2001, *The foundations of cost-sensitive learning*. Of equal costs, the more probable class is chosen.

    Args:
        probabilities: Calibrated, shape (texts, classes).
    """
    chosen: npt.NDArray[np.int64] = probabilities.argmax(axis=1)
    if costs is None:
        return chosen
    expected = probabilities @ np.asarray(costs)
    least = expected.min(axis=1)
    rows = np.arange(len(chosen))
    cheaper = expected[rows, chosen] > least + 1e-12 * np.maximum(least, 1)
    chosen[cheaper] = expected[cheaper].argmin(axis=1)
    return chosen
