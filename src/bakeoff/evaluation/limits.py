"""What the evidence does not show, in plain words. Every sentence has a condition on the metrics, which stands here."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.evaluation.pairing import FEWEST_DOCUMENTS
from bakeoff.evaluation.wording import count, documents, listed
from bakeoff.runs.results import Comparison, ContestantResult

# With fewer documents the intervals are too narrow by a little; docs/explanation/statistics.md says by how much.
_FEW_DOCUMENTS = 15

# With fewer texts a single one moves the accuracy by more than a point.
_FEW_TEXTS = 100

# Training tokens that differ by more are not the same budget.
_SAME_TOKENS = 1.05


def limits(best: ContestantResult, others: Sequence[ContestantResult], comparisons: Sequence[Comparison]) -> list[str]:
    """Seeds, splits and data sets, then what else the metrics give reason to doubt."""
    results = [best, *others]
    words = [_seeds(results), *_few(best, alone=not others), *_precision(results), *_tokens(results)]
    if len(comparisons) > 1:
        words.append(
            f"{len(comparisons)} comparisons were made and none was corrected for the others: the more contestants, "
            f"the likelier a lead by luck."
        )
    return words


def _seeds(results: Sequence[ContestantResult]) -> str:
    evaluated = documents(results[0].metrics[0])
    repeated = [result for result in results if result.seeds]
    if not repeated:
        seed = listed(sorted({str(result.seed) for result in results}))
        return (
            f"Not shown: what another seed, another split or other data would give. Each contestant was trained once, "
            f"with seed {seed}; the intervals cover the choice of the {evaluated} and nothing else."
        )
    seeds = repeated[0].seeds
    once = [result.name for result in results if not result.seeds]
    rest = f", {listed(once)} once" if once else ""
    return (
        f"Not shown: what another split or other data would give. {listed([result.name for result in repeated])} "
        f"trained with {len(seeds)} seeds ({seeds[0]} to {seeds[-1]}){rest}; the intervals cover the choice of the "
        f"{evaluated} and of the seeds, and nothing else."
    )


def _few(best: ContestantResult, *, alone: bool) -> list[str]:
    number = best.metrics[0].documents
    if best.task == "classification":
        if number >= _FEW_TEXTS:
            return []
        return [f"{count(number)} test texts are few: a single one is worth {100 / number:.1f} points of accuracy."]
    if number >= _FEW_DOCUMENTS or alone:
        return []
    if number >= FEWEST_DOCUMENTS:
        return [f"{number} documents are few: 95 % intervals from so many hold the truth in about nine cases of ten."]
    return [
        f"With fewer than {FEWEST_DOCUMENTS} documents their pieces were resampled; pieces of one document "
        f"resemble each other, so the intervals are too narrow."
    ]


def _precision(results: Sequence[ContestantResult]) -> list[str]:
    short = [result.name for result in results if result.training.precision == "bf16"]
    long = [result.name for result in results if result.training.precision != "bf16"]
    if not short or not long:
        return []
    return [
        f"The arithmetic differs: {listed(short)} computed in bf16, {listed(long)} with more digits; a small "
        f"difference may be one of precision."
    ]


def _tokens(results: Sequence[ContestantResult]) -> list[str]:
    """Contestants that take steps and did not see equally many tokens, as under a limit of seconds."""
    seen = {result.name: result.training.tokens for result in results if result.training.steps}
    if len(seen) < 2 or max(seen.values()) <= _SAME_TOKENS * min(seen.values()):
        return []
    most, least = max(seen, key=lambda name: seen[name]), min(seen, key=lambda name: seen[name])
    return [
        f"They did not learn from equally much: {most} saw {count(seen[most])} training tokens, {least} "
        f"{count(seen[least])}."
    ]
