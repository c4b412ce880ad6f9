"""Rank the contestants and compare the best with the others; `sentences.py` puts the result into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from bakeoff.evaluation.comparisons import compare, corrected
from bakeoff.evaluation.feature_worth import feature_sentences, feature_worth
from bakeoff.evaluation.learning_curve import Sized, learning_curve
from bakeoff.evaluation.limits import Caution, Concern, cautions
from bakeoff.evaluation.metrics import Draws, get_metric
from bakeoff.evaluation.out_of_scope import compare_out_of_scope, leader, out_of_scope_sentences
from bakeoff.evaluation.pareto import fronts
from bakeoff.evaluation.ranks import ranks
from bakeoff.evaluation.recommendation import RULE, RULE_BY_MONEY, recommend
from bakeoff.evaluation.sentences import sentences
from bakeoff.evaluation.slices import find_leads, find_slices, slice_sentences
from bakeoff.evaluation.summary import recommendation_line, winner_line
from bakeoff.evaluation.text_statistics import text_averages
from bakeoff.evaluation.time_limit import time_limit
from bakeoff.runs.data_report import DataReport
from bakeoff.runs.findings import Slices, TextTraits
from bakeoff.runs.results import ContestantResult, EpochLine, MetricValue, Sample, Verdict


def ranking(results: Sequence[ContestantResult]) -> list[ContestantResult]:
    """Sort by the first metric of each, best first; ties keep the order of the config."""
    sign = -1 if results[0].metrics[0].higher_is_better else 1
    return sorted(results, key=lambda result: sign * result.metrics[0].value)


def scores_needed(scores: pa.Table, deciding: MetricValue) -> pa.Table:
    """Return what `decide` reads of scores.parquet: of a whole run, the probabilities may be gigabytes."""
    if get_metric(deciding.name).needs_probabilities:
        return scores
    return scores.select([name for name in scores.column_names if not name.startswith("probability_")])


def decide(
    results: Sequence[ContestantResult],
    scores: Mapping[str, Sequence[pa.Table]],
    *,
    confidence: float,
    resamples: int,
    seed: int,
    epochs: Mapping[str, Sequence[EpochLine]] | None = None,
    samples: Mapping[str, Sequence[Sample]] | None = None,
    data: DataReport | None = None,
    failed: Mapping[str, str] | None = None,
    circumstances: Sequence[Caution] = (),
    sized: Mapping[str, Sequence[Sized]] | None = None,
    traits: TextTraits | None = None,
    out_of_scope: Mapping[str, pa.Table] | None = None,
    without_features: Mapping[str, str] | None = None,
) -> Verdict:
    """Rank the contestants by their first metric and compare the best with each of the others.

    Every comparison is paired: both contestants were evaluated on the same test documents, and only differences between
    them count. The p-values are corrected for the number of comparisons (Holm 1979).

    Args:
        results: The finished contestants in the order of the config, at least one, all of the same task; means where
            there are several seeds.
        scores: scores.parquet of each contestant by name, one per seed, or what `scores_needed` returns of it.
        confidence: Level of the intervals of the differences, e.g. 0.95.
        epochs: Evaluations during training by name, of the first seed; they tell who leads under a time limit.
        samples: Generated texts by name, of the first seed; they tell whose texts are the most diverse.
        data: The data report: leaks between the splits, and the rule of a split that is neither random nor given.
        failed: Contestants without a result, and why.
        circumstances: Further cautions. With `OTHER_MACHINE`, nothing is concluded from times and memory.
        sized: Of a learning curve, the trainings of each contestant by name.
        traits: Of the test texts, to find those on which contestants fail.
        without_features: Contestants that read columns beside the text -> those that differ in nothing else.
        out_of_scope: out_of_scope.parquet of each contestant that has one, by name, of the first seed.

    Raises:
        IncomparableError: Two contestants were not evaluated on the same documents.
    """
    best, *others = ranking(results)
    draws = Draws(confidence, resamples, seed)
    candidates = (compare(best, other, scores, draws) for other in others)
    comparisons = corrected([comparison for comparison in candidates if comparison], confidence)
    same_machine = all(caution.concern != Concern.OTHER_MACHINE for caution in circumstances)
    limit = time_limit(results, epochs or {}) if same_machine else None
    recommended = recommend(best, others, comparisons, same_machine=same_machine)
    found = [*cautions(best, others, comparisons, data, epochs, failed), *circumstances]
    main, *more = sorted(found, key=lambda caution: caution.concern)
    summary = [
        winner_line(best, others, comparisons, confidence),
        *([recommendation_line(best, recommended, others, comparisons, same_machine)] if others else []),
        f"Caution: {main.sentence}",
    ]
    texts = text_averages(samples or {})
    words = sentences(
        best, others, comparisons, confidence=confidence, limit=limit, texts=texts, same_machine=same_machine
    )
    worth = feature_worth([best, *others], without_features or {}, scores, draws)
    words += feature_sentences([best, *others], worth, without_features or {}, confidence)
    curve = learning_curve([best, *others], sized or {}, comparisons, draws)
    words += curve.sentences if curve else []
    slices = _slices(traits, best, others, recommended, scores, 1 - confidence) if traits else None
    words += slices.sentences if slices else []
    apart = compare_out_of_scope(
        leader(results) or "", out_of_scope or {}, confidence=confidence, resamples=resamples, seed=seed
    )
    words += out_of_scope_sentences(results, apart, confidence)
    return Verdict(
        best=best.name,
        recommended=recommended.name if others else None,
        rule=(RULE if same_machine else RULE_BY_MONEY) if others else "",
        summary=summary,
        sentences=[*summary, *words, *(caution.sentence for caution in more)],
        comparisons=comparisons,
        ranks=ranks([best, *others], scores, draws) if others else [],
        features=worth,
        learning_curve=curve,
        slices=slices,
        failed=dict(failed or {}),
        time_limit=limit,
        fronts=fronts(results),
        texts=texts,
        out_of_scope=apart,
    )


def _slices(
    traits: TextTraits,
    best: ContestantResult,
    others: Sequence[ContestantResult],
    recommended: ContestantResult,
    scores: Mapping[str, Sequence[pa.Table]],
    level: float,
) -> Slices | None:
    """Look where the best and the recommended contestant fail, and compare the best with the recommended or the next.

    With several seeds, these are the answers with the first one.
    """
    named = [best] if recommended.name == best.name else [best, recommended]
    found = find_slices(traits, [(result.name, scores[result.name][0]) for result in named], level=level)
    if found is None:
        return None
    pair = named if len(named) == 2 else [best, *others[:1]]
    if len(pair) == 2:
        found = find_leads(found, traits, [(result.name, scores[result.name][0]) for result in pair], level=level)
    return found.model_copy(update={"sentences": slice_sentences(found)})
