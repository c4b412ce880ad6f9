"""The verdict: ranking, paired comparisons, and words that follow from the metrics alone."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from bakeoff.evaluation.intervals import mcnemar
from bakeoff.evaluation.metrics import Draws, get_metric
from bakeoff.evaluation.pairing import loss_units
from bakeoff.evaluation.text_statistics import text_statistics
from bakeoff.evaluation.verdict import decide, ranking, scores_needed
from bakeoff.runs.results import ContestantResult, MetricValue, Sample, TrainingCost, Verdict

DRAWS = {"confidence": 0.95, "resamples": 400, "seed": 5}


def result(
    name: str,
    value: float,
    *,
    task: str = "classification",
    documents: int = 100,
    seconds: float = 10.0,
    **more: object,
) -> ContestantResult:
    accuracy = task == "classification"
    metric = MetricValue(
        name="accuracy" if accuracy else "perplexity",
        value=value,
        protocol="accuracy" if accuracy else "window(context=64, stride=32)",
        split="test",
        documents=documents,
        higher_is_better=accuracy,
    )
    values = {"settings": {}, "seed": 12, "total_parameters": 10, "trainable_parameters": 10, "model_bytes": 100} | more
    training = TrainingCost(seconds=seconds, steps=1, peak_memory_bytes=10**8)
    return ContestantResult.model_validate(
        {"name": name, "method": name, "task": task, "metrics": [metric], "training": training, **values}
    )


def classified(right: np.ndarray) -> pa.Table:
    """Scores of a classifier that is right where `right` says so."""
    return pa.table(
        {
            "document": [f"t{i}" for i in range(len(right))],
            "label": ["a"] * len(right),
            "predicted": np.where(right, "a", "b"),
        }
    )


def modelled(nll_per_token: np.ndarray, *, pieces: int = 1, protocol: str = "window") -> pa.Table:
    """Scores of a language model: one loss a document, spread over its pieces."""
    rows = [(f"d{i}", piece, loss * 50) for i, loss in enumerate(nll_per_token) for piece in range(pieces)]
    documents, numbers, nll = zip(*rows, strict=True)
    count = len(rows)
    return pa.table(
        {
            "protocol": [protocol] * count,
            "document": documents,
            "piece": numbers,
            "nll": nll,
            "tokens": [50] * count,
            "weight": [51 if protocol == "lab" else 50] * count,
        }
    )


def verdict_on(accuracies: dict[str, np.ndarray], **more: float) -> Verdict:
    results = [
        result(name, right.mean(), documents=len(right), seconds=more.get(name, 10.0))
        for name, right in accuracies.items()
    ]
    return decide(results, {name: [classified(right)] for name, right in accuracies.items()}, **DRAWS)


def with_probabilities(seed: int) -> pa.Table:
    """Scores of a classifier of three ordered labels, the last of which does not occur."""
    random = np.random.default_rng(seed)
    names, label, predicted = np.array(["c", "a", "b"]), np.arange(60) % 2, random.integers(2, size=60)
    probabilities = random.dirichlet([1, 1, 1], size=60)
    return pa.table(
        {
            "document": [f"t{i}" for i in range(60)],
            "label": names[label],
            "predicted": names[predicted],
            **{f"probability_{name}": probabilities[:, place] for place, name in enumerate(names)},
            "label_rank": label,
            "predicted_rank": predicted,
            "cost": np.where(label == predicted, 0.0, 2.0),
        }
    )


@pytest.mark.parametrize("name", ["accuracy", "cost", "mean_absolute_error", "quadratic_kappa"])
def test_probabilities_are_left_out_where_the_deciding_metric_needs_none(name: str) -> None:
    metric, draws = get_metric(name), Draws(0.95, 400, 5)
    whole = [with_probabilities(seed) for seed in (1, 2)]
    deciding = result("a", 0.5).metrics[0].model_copy(update={"name": name})
    needed = [scores_needed(table, deciding) for table in whole]

    assert not any("probability" in column for column in needed[0].column_names)
    assert metric.paired.compare(*needed, name, draws) == metric.paired.compare(*whole, name, draws)
    assert metric.units(needed[0], name).values.tolist() == metric.units(whole[0], name).values.tolist()
    assert scores_needed(whole[0], deciding.model_copy(update={"name": "brier"})) is whole[0]


@given(
    values=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6),
    task=st.sampled_from(["classification", "language-model"]),
)
def test_the_best_is_the_highest_accuracy_or_the_lowest_perplexity(values: list[float], task: str) -> None:
    ranked = ranking([result(f"c{i}", value, task=task) for i, value in enumerate(values)])
    found = [entry.metrics[0].value for entry in ranked]
    assert found == sorted(values, reverse=task == "classification")


def test_a_clear_winner_is_called_one() -> None:
    random = np.random.default_rng(0)
    weak = random.random(2000) < 0.6
    verdict = verdict_on({"weak": weak, "strong": weak | (random.random(2000) < 0.5)})
    (comparison,) = verdict.comparisons
    assert (verdict.best, comparison.better, comparison.worse) == ("strong", "strong", "weak")
    assert comparison.distinguishable
    assert comparison.low > 0
    assert verdict.recommended == "strong"
    assert re.fullmatch(
        r"strong is best: accuracy 0\.\d+ on 2,000 test texts, [\d.]+ points higher than weak \(95% interval [\d.]+ to "
        r"[\d.]+\)\.",
        verdict.summary[0],
    )
    assert verdict.summary[1] == "Recommended: strong. weak is worse by more than chance can explain."
    assert verdict.sentences[:3] == verdict.summary
    assert any("more than chance in the choice" in sentence for sentence in verdict.details)


def test_luck_is_called_luck_and_the_cheaper_one_recommended() -> None:
    random = np.random.default_rng(1)
    slow, quick = random.random(200) < 0.81, random.random(200) < 0.8
    slow[:3] = True
    quick[:3] = False
    verdict = verdict_on({"slow": slow, "quick": quick}, slow=100.0, quick=1.0)
    assert verdict.best == "slow"
    assert not verdict.comparisons[0].distinguishable
    assert verdict.recommended == "quick"
    assert verdict.summary[0].startswith("A tie: slow (accuracy 0.8")
    assert verdict.summary[1].startswith(
        "Recommended: quick, the cheapest of the two: 1.0 s of training and predicting, where slow took 1 min 40 s. "
        "Its accuracy may be up to "
    )
    assert any("within chance" in sentence for sentence in verdict.details)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
@settings(max_examples=40, deadline=None)
def test_the_difference_is_that_of_the_accuracies_and_never_negative(pairs: list[tuple[bool, bool]]) -> None:
    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    (comparison,) = verdict_on({"a": a, "b": b}).comparisons
    assert comparison.difference == pytest.approx(abs(a.mean() - b.mean()))
    assert comparison.low - 1e-12 <= comparison.difference <= comparison.high + 1e-12
    assert comparison.p_value == pytest.approx(mcnemar(a, b))


def test_macro_f1_decides_where_it_is_asked_to() -> None:
    """The one that always answers the frequent class is right more often, and the worse one."""
    labels = np.array(["common"] * 90 + ["rare"] * 10)
    careful = np.where(np.arange(100) < 75, "common", "rare")
    scores = {
        name: pa.table({"document": [f"t{i}" for i in range(100)], "label": labels, "predicted": predicted})
        for name, predicted in {"lazy": np.array(["common"] * 100), "careful": careful}.items()
    }
    results = []
    for name, table in scores.items():
        macro = f1_score(labels, table["predicted"].to_pylist(), average="macro")
        first = result(name, macro).metrics[0].model_copy(update={"name": "macro_f1", "protocol": "macro_f1"})
        results.append(result(name, macro).model_copy(update={"metrics": [first]}))

    verdict = decide(results, {name: [table] for name, table in scores.items()}, **DRAWS)

    (comparison,) = verdict.comparisons
    assert (verdict.best, comparison.metric, comparison.test) == ("careful", "macro_f1", "bootstrap")
    assert comparison.difference == pytest.approx(results[1].metrics[0].value - results[0].metrics[0].value)
    assert comparison.distinguishable
    assert verdict.sentences[0].startswith("careful is best: macro-F1 0.7")
    assert any(sentence.startswith("Its macro-F1 is") for sentence in verdict.details)


def language_verdict(losses: dict[str, np.ndarray], pieces: int = 1, **more: float) -> Verdict:
    results = [
        result(name, math.exp(loss.mean()), task="language-model", documents=len(loss)) for name, loss in losses.items()
    ]
    return decide(results, {name: [modelled(loss, pieces=pieces)] for name, loss in losses.items()}, **DRAWS)


def test_language_models_are_compared_by_documents_in_nats_per_token() -> None:
    base = np.random.default_rng(2).normal(3, 0.5, size=12)
    verdict = language_verdict({"before": base, "after": base - 0.1})
    (comparison,) = verdict.comparisons
    assert comparison.difference == pytest.approx(-0.1)
    assert (comparison.low, comparison.high) == (
        pytest.approx(-0.1),
        pytest.approx(-0.1),
    )  # every document gains the same
    assert "9.5% lower than before (95%" in verdict.sentences[0]  # 1 - exp(-0.1)
    assert any("9.5% lower than before's" in sentence for sentence in verdict.details)


@pytest.mark.parametrize(("documents", "kind", "units"), [(5, "document", 5), (4, "piece", 12)])
def test_few_documents_are_resampled_by_their_pieces(documents: int, kind: str, units: int) -> None:
    found = loss_units(modelled(np.full(documents, 3.0), pieces=3), "window(context=64)")
    assert (found.kind, len(found.names)) == (kind, units)
    assert found.values.sum() == pytest.approx(3.0 * 50 * documents * 3)


def test_few_documents_are_mentioned() -> None:
    verdict = language_verdict({"a": np.array([3.0, 3.1]), "b": np.array([3.2, 3.3])}, pieces=4)
    assert any("pieces were resampled" in sentence for sentence in verdict.sentences)


def test_losses_are_divided_by_the_weights_of_the_protocol() -> None:
    assert loss_units(modelled(np.full(9, 3.0), protocol="lab"), "lab").weights.sum() == 9 * 51
    assert loss_units(modelled(np.full(9, 3.0), protocol="window"), "window").weights.sum() == 9 * 50


def test_a_single_piece_of_text_gives_no_comparison() -> None:
    verdict = language_verdict({"a": np.array([3.0]), "b": np.array([3.5])})
    assert verdict.comparisons == []
    assert (verdict.recommended, verdict.ranks) == ("a", [])
    assert "nothing to resample" in verdict.summary[1]


def test_a_single_contestant_is_not_called_best() -> None:
    verdict = verdict_on({"alone": np.array([True, False])})
    assert verdict.best == "alone"
    assert "no other contestant" in verdict.sentences[0]
    assert verdict.comparisons == []


def test_every_verdict_says_what_was_not_shown() -> None:
    verdict = verdict_on({"a": np.array([True, False, True]), "b": np.array([False, False, True])})
    assert any("with seed 12" in sentence and "3 test texts" in sentence for sentence in verdict.sentences)


@pytest.mark.parametrize(
    "change", [lambda table: table.slice(1), lambda table: table.set_column(0, "document", [["x"] * len(table)])]
)
def test_other_documents_are_refused(change: Callable[[pa.Table], pa.Table]) -> None:
    table = classified(np.array([True] * 5))
    tables = {"a": [table], "b": [change(table)]}
    with pytest.raises(ValueError, match="same documents"):
        decide([result("a", 1.0), result("b", 1.0)], tables, **DRAWS)


def test_the_order_of_the_rows_does_not_matter() -> None:
    right = np.array([True, False, True, True])
    tables = {"a": [classified(right)], "b": [classified(~right)]}
    shuffled = tables | {"b": [tables["b"][0].take([2, 0, 3, 1])]}
    results = [result("a", 0.75), result("b", 0.25)]
    assert decide(results, tables, **DRAWS) == decide(results, shuffled, **DRAWS)


def test_the_most_diverse_texts_are_named() -> None:
    def written(text: str) -> list[Sample]:
        return [Sample(prompt="p", text=text, statistics=text_statistics(text))]

    right = np.array([True, False, True])
    results = [result("lively", 2 / 3, documents=3), result("dull", 2 / 3, documents=3)]
    scores = {entry.name: [classified(right)] for entry in results}
    samples = {"lively": written("a b c d e"), "dull": written("a b a b a")}

    verdict = decide(results, scores, samples=samples, **DRAWS)

    assert (
        "lively writes the most diverse texts (distinct word pairs 100.0%, repeated 4-grams 0.0%), dull the least "
        "diverse (50.0%, 0.0%): 1 text each, without an interval." in verdict.sentences
    )


def asked(money: float | None, requests: int = 2000) -> dict[str, object]:
    return {"usage": {"requests": requests, "input_tokens": 200_000, "output_tokens": 4_000, "money": money}}


def nearly_tied(best: ContestantResult, other: ContestantResult) -> Verdict:
    right = np.arange(200) % 10 > 0
    worse = right.copy()
    worse[0:200:50] ^= True
    return decide([best, other], {best.name: [classified(right)], other.name: [classified(worse)]}, **DRAWS)


def test_money_is_said_and_one_that_costs_nothing_is_recommended() -> None:
    verdict = nearly_tied(result("paid", 0.9, seconds=1, **asked(0.84)), result("own", 0.89, seconds=60))

    assert (
        "paid cost $0.84 for 2,000 answers (200,000 tokens of prompts and 4,000 of answers): $0.42 per 1,000 texts."
        in verdict.details
    )
    assert verdict.recommended == "own"
    assert "the cheapest of the two: it costs nothing where paid costs $0.84." in verdict.summary[1]


@pytest.mark.parametrize("money", [0.84, None])
def test_one_that_may_cost_money_is_not_recommended_over_one_that_does_not(money: float | None) -> None:
    verdict = nearly_tied(result("own", 0.9, seconds=60), result("paid", 0.89, seconds=1, **asked(money)))
    assert verdict.recommended == "own"
    assert verdict.summary[1] == "Recommended: own. Nothing that is tied with it is cheaper by a fifth or more."


@pytest.mark.parametrize(("seconds", "recommended"), [(50.0, "own"), (48.0, "quick")])
def test_the_best_is_recommended_unless_a_fifth_is_saved(seconds: float, recommended: str) -> None:
    assert (
        nearly_tied(result("own", 0.9, seconds=60), result("quick", 0.89, seconds=seconds)).recommended == recommended
    )


def test_answers_without_prices_are_counted_in_tokens() -> None:
    words = decide([result("a", 0.9, **asked(None))], {"a": [classified(np.ones(20, bool))]}, **DRAWS).sentences

    assert "a took 2,000 answers of an endpoint: 200,000 tokens of prompts and 4,000 of answers." in words


@pytest.mark.parametrize(
    ("contestants", "rest"), [(4, ", c2 (0.9000) and c3 (0.9000) "), (6, ", c2 (0.9000) and 3 more ")]
)
def test_a_long_tie_is_counted(contestants: int, rest: str) -> None:
    right = np.arange(100) < 90
    verdict = verdict_on({f"c{index}": right for index in range(contestants)})
    assert (
        verdict.summary[0] == f"A tie: c0 (accuracy 0.9000), c1 (0.9000){rest}cannot be told apart on 100 test texts."
    )
    assert verdict.tied == [f"c{index}" for index in range(1, contestants)]


def test_a_lead_that_only_the_number_of_comparisons_explains_is_a_tie() -> None:
    """12 of 14 disagreements: p = 0.013, which is enough for one comparison and not for five."""
    best = np.arange(200) >= 2
    others = {f"c{index}": (np.arange(200) < 2) | (np.arange(200) >= 14) for index in range(5)}
    alone = verdict_on({"best": best, "c0": others["c0"]})
    many = verdict_on({"best": best, **others})
    assert (alone.tied, alone.comparisons[0].corrected_p_value) == ([], pytest.approx(0.01294, abs=1e-4))
    assert len(many.tied) == 5
    assert many.comparisons[0].corrected_p_value == pytest.approx(5 * 0.01294, abs=5e-4)
    assert any("within chance, given 5 comparisons" in sentence for sentence in many.details)


def test_what_the_exact_test_does_not_tell_apart_is_not_put_down_to_the_number_of_comparisons() -> None:
    """Of 5 disagreements all favor the best: the interval excludes 0, and the exact p is 0.0625."""
    texts = np.arange(100)
    verdict = verdict_on({"a": texts >= 20, "b": texts >= 25})
    (comparison,) = verdict.comparisons
    assert (comparison.low > 0, comparison.p_value) == (True, pytest.approx(0.0625))
    assert any(
        sentence.endswith(
            "within chance; McNemar's exact test does not tell the two apart, although the interval excludes 0."
        )
        for sentence in verdict.details
    )
    assert "given" not in " ".join(verdict.sentences)
