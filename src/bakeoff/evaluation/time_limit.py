"""Find who leads after the same training time, from the evaluations during training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from bakeoff.evaluation.metrics import get_metric
from bakeoff.runs.findings import TimeLimit
from bakeoff.runs.results import ContestantResult, EpochLine

# Times within this factor count as equal: the test metrics then already compare at equal time.
_LONGER = 1.1


def time_limit(results: Sequence[ContestantResult], epochs: Mapping[str, Sequence[EpochLine]]) -> TimeLimit | None:
    """Return the best validation metric of each contestant when the quickest one had been trained.

    Evaluations do not count as training time. Contestants without weights to train are left out.

    Args:
        epochs: The evaluations of each contestant by name, in order; none for one that learns in a single step.

    Returns:
        None where there is nothing to say: fewer than two were trained, all took about as long, none was evaluated, or
        their losses cannot be compared.
    """
    seconds = {
        result.name: lines[-1].seconds if (lines := epochs.get(result.name)) else result.training.seconds
        for result in results
        if result.trainable_parameters and result.training.seconds
    }
    curves = {name: epochs[name] for name in seconds if epochs.get(name)}
    if len(seconds) < 2 or not curves:
        return None
    quickest = min(seconds, key=lambda name: seconds[name])
    limit = seconds[quickest]
    if max(seconds.values()) < _LONGER * limit:
        return None
    by_accuracy = all(line.validation_accuracy is not None for lines in curves.values() for line in lines)
    if not by_accuracy and not comparable_losses([result for result in results if result.name in curves]):
        return None
    values = {
        name: _best([line for line in lines if line.seconds <= limit], by_accuracy) for name, lines in curves.items()
    }
    known = {name: value for name, value in values.items() if value is not None}
    leader = None
    if quickest in known:
        leader = (max if by_accuracy else min)(known, key=lambda name: known[name])
    measure = next(iter(curves.values()))[0].measure
    by_measure: Literal["validation micro-F1", "validation accuracy"] = (
        "validation micro-F1" if measure == "micro-F1" else "validation accuracy"
    )
    return TimeLimit(
        quickest=quickest,
        seconds=limit,
        metric=by_measure if by_accuracy else "validation loss",
        values=values,
        leader=leader,
    )


def comparable_losses(results: Sequence[ContestantResult]) -> bool:
    """Return whether validation losses can be compared, which are per token in language models.

    A verdict by perplexity exists only where all count the same tokens. Answers are compared whatever the tokens are.
    """
    same_tokens = len({result.pretrained_model for result in results}) == 1
    return same_tokens or not get_metric(results[0].metrics[0].name).of_answers


def _best(lines: Sequence[EpochLine], by_accuracy: bool) -> float | None:
    if not lines:
        return None
    if by_accuracy:
        return max(line.validation_accuracy or 0.0 for line in lines)
    return min(line.validation_loss for line in lines)
