"""Metrics of answers: those of SQuAD, rouge-score and sacrebleu; their intervals and comparisons those of scipy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import CHRF
from scipy import stats

from bakeoff.evaluation.answers import compare_answers, normalized, token_f1
from bakeoff.evaluation.comparisons import compare
from bakeoff.evaluation.measuring import answer_metrics
from bakeoff.evaluation.metrics import Draws, get_metric
from bakeoff.evaluation.pairing import UnpairedScoresError
from bakeoff.report.notebook import comparison_html
from bakeoff.runs.results import MetricValue
from tests.evaluation.test_verdict import result

PAIRS = [
    ("The old harbour.", "old harbor"),
    ("positive", "Positive"),
    ("in 1870, after the storms", "in 1870"),
    ("", "salt"),
    ("salt salt wool", "salt, wool and news"),
    ("He didn't say it", "she did not say it"),
    ("news wool salt", "salt wool news"),
]
ANSWERS, REFERENCES = (list(column) for column in zip(*PAIRS, strict=True))


def test_rouge_and_chrf_are_those_of_their_libraries():
    values = compare_answers(ANSWERS, REFERENCES)

    rouge = RougeScorer(["rougeL"])
    for number, (answer, reference) in enumerate(PAIRS):
        assert values["rouge_l"][number] == pytest.approx(rouge.score(reference, answer)["rougeL"].fmeasure)
        assert 100 * values["chrf"][number] == pytest.approx(CHRF().sentence_score(answer, [reference]).score)


@pytest.mark.parametrize(
    ("answer", "reference", "match", "f1"),
    [
        ("The  Harbour!", "harbour", 1, 1),
        ("a cat, an ant", "cat ant the", 1, 1),
        ("theatre", "atre", 0, 0),
        ("x y y", "y y z", 0, 2 / 3),
        ("", "", 1, 1),
        ("the", "a", 1, 1),
        ("the", "cat", 0, 0),
        ("1,000", "1000", 1, 1),
    ],
)
def test_exact_match_and_token_f1_are_those_of_squad(answer, reference, match, f1):
    assert (normalized(answer) == normalized(reference)) == bool(match)
    assert token_f1(answer, reference) == pytest.approx(f1)
    assert token_f1(reference, answer) == pytest.approx(f1)


def test_scripts_other_than_latin_count():
    values = compare_answers(["новая книга", "東京 です", "süß"], ["новая газета", "東京 です", "sauer"])

    assert values["rouge_l"].tolist() == [0.5, 1.0, 0.0]
    assert values["chrf"][1] == 1.0


def table(names: list[str], **columns) -> pa.Table:
    return pa.table({"protocol": ["greedy(max_new_tokens=5)"] * len(names), "document": names, **columns})


def test_intervals_and_comparisons():
    random = np.random.default_rng(0)
    right = (random.random(80) < 0.6).astype(float)
    better = np.maximum(right, random.random(80) < 0.4)
    values = dict.fromkeys(("exact_match", "token_f1", "rouge_l", "chrf"), right)

    metrics = answer_metrics(values, "greedy(max_new_tokens=5)", split="test", confidence=0.9, resamples=500, seed=1)

    by_name = {metric.name: metric for metric in metrics}
    wilson = stats.binomtest(int(right.sum()), 80).proportion_ci(0.9, method="wilson")
    assert (by_name["exact_match"].low, by_name["exact_match"].high) == pytest.approx((wilson.low, wilson.high))
    assert by_name["token_f1"].low < right.mean() < by_name["token_f1"].high
    names = [f"{number}" for number in range(80)]
    shuffled = random.permutation(80)
    a = table([names[n] for n in shuffled], exact_match=better[shuffled], token_f1=better[shuffled])
    b = table(names, exact_match=right, token_f1=right)
    draws = Draws(0.95, 500, 1)
    for name in ("exact_match", "token_f1"):
        paired = get_metric(name).paired.compare(a, b, "greedy(max_new_tokens=5)", draws)
        assert paired.difference == pytest.approx(better.mean() - right.mean())
        assert paired.interval[0] < paired.difference < paired.interval[1]
    only_better = int((better > right).sum())
    exact = get_metric("exact_match").paired.compare(a, b, "greedy", draws)
    assert exact.p_value == pytest.approx(stats.binomtest(only_better, only_better).pvalue)
    assert 0 < get_metric("token_f1").paired.compare(a, b, "greedy", draws).p_value < 0.01
    with pytest.raises(UnpairedScoresError, match="did not answer the same prompts"):
        get_metric("token_f1").paired.compare(a, b.slice(1), "greedy", draws)


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_comparison_of_answers_names_its_metric(seeds):
    names = [f"{number}" for number in range(20)]
    values = {"a": np.tile([1.0, 1.0], 10), "b": np.tile([1.0, 0.8], 10)}
    metric = MetricValue(
        name="token_f1",
        value=1.0,
        protocol="greedy(max_new_tokens=5)",
        split="test",
        documents=20,
        interval_unit="answer",
        higher_is_better=True,
    )
    contestants = [result(name, 1.0, task="language-model").model_copy(update={"metrics": [metric]}) for name in "ab"]
    scores = {name: [table(names, token_f1=f1)] * seeds for name, f1 in values.items()}

    found = compare(*contestants, scores, Draws(0.95, 500, 1))

    assert found.metric == "token_f1"
    assert "Points of token F1" in comparison_html(found)
    assert "+10.0" in comparison_html(found)
