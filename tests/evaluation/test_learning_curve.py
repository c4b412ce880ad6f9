"""Learning curves: who leads with how many rows, where lines cross, and what is said where nothing is known."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
import pytest

from bakeoff.evaluation.learning_curve import Sized, learning_curve
from bakeoff.evaluation.metrics import Draws
from bakeoff.evaluation.verdict import decide, ranking
from bakeoff.runs.findings import LearningCurve
from bakeoff.runs.results import ClassScore
from tests.evaluation.test_verdict import DRAWS, classified, result

SIZES = [300, 900, 3000]
TEXTS = 400
CLASSES = [ClassScore(label=label, texts=200, predicted=200, precision=None, recall=None, f1=None) for label in "ab"]


def right(share: float) -> np.ndarray:
    """Right answers to that share of the texts; those of a higher share include those of a lower one."""
    return np.arange(TEXTS) < round(share * TEXTS)


def sized(name: str, shares: list[float]) -> list[Sized]:
    return [
        Sized(rows, result(name, right(share).mean(), documents=TEXTS, classes=CLASSES), [classified(right(share))])
        for rows, share in zip(SIZES, shares, strict=True)
    ]


def curve(lines: dict[str, list[float]], failed: Set[tuple[str, int]] = frozenset()) -> LearningCurve:
    all_sized = {
        name: [each for each in sized(name, shares) if (name, each.rows) not in failed]
        for name, shares in lines.items()
    }
    whole = {name: each[-1] for name, each in all_sized.items()}
    scores = {name: each.scores for name, each in whole.items()}
    verdict = decide([each.result for each in whole.values()], scores, sized=all_sized, **DRAWS)
    assert verdict.learning_curve is not None
    assert set(verdict.learning_curve.sentences) <= set(verdict.sentences)
    return verdict.learning_curve


def test_the_lines_of_two_that_are_told_apart_at_both_ends_cross_on_a_logarithmic_axis() -> None:
    found = curve({"large": [0.5, 0.65, 0.9], "small": [0.7, 0.75, 0.8]})

    (crossing,) = found.crossings
    assert (crossing.below, crossing.above) == ("small", "large")
    assert (crossing.told_below, crossing.told_above) == ([300, 900], [3000])
    assert crossing.rows == round(900 * (3000 / 900) ** 0.5)  # 10 points behind, then 10 ahead
    assert found.sentences[0] == (
        "Below about 1,600 training rows small leads large, above it large: they are told apart at 900 rows and again "
        "at 3,000, in between the lines cross (95% interval 1,400 to 1,900)."
    )


def test_a_lead_that_may_be_chance_is_said_to_be_one() -> None:
    found = curve({"large": [0.695, 0.75, 0.9], "small": [0.7, 0.73, 0.8], "tiny": [0.4, 0.4, 0.4]})
    assert found.crossings[0].told_below == []
    assert found.sentences[0].startswith("small was ahead of large with fewer training rows, but is not told apart")


def test_lines_that_meet_are_not_said_to_cross() -> None:
    found = curve({"large": [0.5, 0.6, 0.805], "small": [0.7, 0.75, 0.8]})
    assert found.sentences[0].startswith("With 900 training rows small leads large; the lines cross at about 2,9")
    assert found.sentences[0].endswith("above they are not told apart.")


def test_lines_that_are_told_apart_in_the_middle_again() -> None:
    found = curve({"large": [0.5, 0.85, 0.805], "small": [0.7, 0.75, 0.8]})
    assert found.sentences[0].startswith(
        "With 300 training rows small leads large, with 900 large leads; the lines cross at about "
    )
    assert found.sentences[0].endswith("With 3,000 they are not told apart.")


def test_nothing_is_said_of_sizes_without_a_result() -> None:
    lines = {"a": [0.6, 0.7, 0.8], "b": [0.3, 0.3, 0.3]}
    without_300 = curve(lines, failed={("b", 300)}).sentences[0]
    assert without_300 == "a leads with 900 and 3,000 training rows."
    alone = curve(lines, failed={("b", 300), ("b", 900)})
    assert not any("leads" in sentence for sentence in alone.sentences)
    assert alone.lines[1].no_forecast == "it has no result with fewer rows"


def test_one_that_always_leads() -> None:
    assert curve({"a": [0.6, 0.7, 0.8], "b": [0.3, 0.3, 0.3]}).sentences[0] == (
        "a leads with every number of training rows (300, 900 and 3,000)."
    )
    tied = curve({"a": [0.6, 0.7, 0.8], "b": [0.6, 0.695, 0.79]})
    assert "though it is not told apart from b at each of them" in tied.sentences[0]


def test_the_forecast_of_the_best_is_in_words_and_that_of_all_in_the_record() -> None:
    found = curve({"a": [0.6, 0.7, 0.8], "b": [0.5, 0.6, 0.7]})
    forecast = found.lines[0].forecast
    assert forecast is not None
    assert forecast.rows == 6000
    assert forecast.low < forecast.value < forecast.high <= 1
    assert forecast.change == pytest.approx(forecast.value - 0.8)
    assert forecast.change_low < forecast.change < forecast.change_high
    assert "With twice the labels (6,000 training rows), a can be expected to reach accuracy" in found.sentences[-1]
    assert found.lines[1].forecast is not None


def test_what_does_not_learn_has_a_level_line_and_no_forecast() -> None:
    learner = sized("learner", [0.5, 0.7, 0.9])
    prompt = Sized(0, result("prompt", 0.75, documents=TEXTS, classes=CLASSES), [classified(right(0.75))])
    prompts = [Sized(rows, prompt.result, prompt.scores) for rows in SIZES]
    whole = {"learner": learner[-1], "prompt": prompts[-1]}
    verdict = decide(
        [each.result for each in whole.values()],
        {name: each.scores for name, each in whole.items()},
        sized={"learner": learner, "prompt": prompts},
        **DRAWS,
    )
    assert verdict.learning_curve is not None
    line = verdict.learning_curve.lines[1]
    assert [point.value for point in line.points] == [0.75] * 3
    assert (line.forecast, line.no_forecast) == (None, "it does not learn from training rows")
    assert verdict.learning_curve.sentences[0].startswith("Below about 1,200 training rows prompt leads learner")


def test_too_few_rows_per_class_are_drawn_but_not_extrapolated() -> None:
    many = [ClassScore(label=str(n), texts=2, predicted=2, precision=None, recall=None, f1=None) for n in range(200)]
    points = [
        Sized(each.rows, each.result.model_copy(update={"classes": many}), each.scores)
        for each in sized("a", [0.2, 0.4, 0.6])
    ]
    found = learning_curve([points[-1].result], {"a": points}, [], Draws(**DRAWS))
    assert found is not None
    assert found.lines[0].no_forecast == "fewer than two sizes have 5 rows per class"
    assert found.sentences == [
        "What more labels would bring a is not known: fewer than two sizes have 5 rows per class."
    ]


def test_one_test_text_is_too_few_for_a_forecast() -> None:
    wrong = result("a", 0.0, documents=1, classes=CLASSES)
    points = [Sized(rows, wrong.model_copy(), [classified(np.array([False]))]) for rows in SIZES]
    found = learning_curve([points[-1].result], {"a": points}, [], Draws(**DRAWS))
    assert found is not None
    assert found.lines[0].no_forecast == "there is only one test text"


def test_a_size_that_failed_is_left_out() -> None:
    points = {"a": sized("a", [0.6, 0.7, 0.8]), "b": sized("b", [0.9, 0.6, 0.7])[1:]}
    results = [each[-1].result for each in points.values()]
    found = learning_curve(ranking(results), points, [], Draws(**DRAWS))
    assert found is not None
    assert [[point.rows for point in line.points] for line in found.lines] == [SIZES, SIZES[1:]]


def test_without_parts_there_is_no_curve() -> None:
    whole = {"a": sized("a", [0.6, 0.7, 0.8])[-1:]}
    assert learning_curve([whole["a"][0].result], whole, [], Draws(**DRAWS)) is None
