"""Each sentence of what was not shown has its condition."""

from __future__ import annotations

from typing import Any

import pytest

from bakeoff.evaluation.limits import Concern, cautions
from bakeoff.runs.data_report import DataReport, GroupSplit, TimeSplit
from bakeoff.runs.results import ClassScore, Comparison, ContestantResult, EpochLine
from tests.evaluation.test_verdict import result


def said(*results: ContestantResult) -> str:
    return " ".join(caution.sentence for caution in cautions(results[0], results[1:], []))


def language(name: str, documents: int = 40, **training: Any) -> ContestantResult:
    contestant = result(name, 20.0, task="language-model", documents=documents)
    return contestant.model_copy(update={"training": contestant.training.model_copy(update=training)})


def test_seed_split_and_data_are_named_every_time():
    assert said(result("a", 0.9), result("b", 0.8)) == (
        "Each contestant was trained once, with seed 12: another seed, another split or other data may change the "
        "result. The intervals cover only the choice of the 100 test texts."
    )
    assert "with seed 12 and 13:" in said(result("a", 0.9), result("b", 0.8, seed=13))


@pytest.mark.parametrize(("texts", "few"), [(60, True), (100, False)])
def test_few_texts(texts, few):
    text = said(result("a", 0.9, documents=texts), result("b", 0.8, documents=texts))
    assert ("60 test texts are few: each one is worth 1.7 points" in text) is few


@pytest.mark.parametrize(("documents", "words"), [(2, "pieces were resampled"), (8, "8 documents are few"), (15, None)])
def test_few_documents(documents, words):
    text = said(language("a", documents), language("b", documents))
    assert ("pieces were" in text, "are few" in text) == (
        words == "pieces were resampled",
        words == "8 documents are few",
    )


def test_few_documents_are_said_of_the_intervals_that_the_run_has():
    contestants = [language(name, 8) for name in "ab"]
    for contestant in contestants:
        contestant.metrics[0] = contestant.metrics[0].model_copy(update={"confidence": 0.9})
    text = said(*contestants)
    assert "8 documents are few: 90% intervals from so few may hold the truth a little less often than that." in text


def report(**settings: Any) -> DataReport:
    return DataReport(source="a.csv", fingerprint="", splits=[], **settings)


def test_what_a_split_by_time_or_by_groups_measures():
    results = result("a", 0.9), [result("b", 0.8)], []
    spans = {"train": "2020-01-01", "validation": "2023-06-01", "test": "2024-03-01"}

    def with_data(data: DataReport) -> str:
        return " ".join(caution.sentence for caution in cautions(*results, data))

    by_time = with_data(report(split_rule=TimeSplit(time="date", first=spans, last=spans)))
    assert "The test texts are the latest ones (from 2024-03-01, column 'date'): the metrics say how well" in by_time
    groups = GroupSplit(group="author", groups={"train": 40, "validation": 6, "test": 12})
    by_group = with_data(report(split_rule=groups, split_seed=1))
    assert "No 'author' is in two splits: the test texts have 12 values of it" in by_group
    assert cautions(*results, report(split_seed=1)) == cautions(*results)


def test_unequal_precision():
    both = said(language("a", precision="bf16"), language("b", precision="fp32"))
    assert "a computed in bf16, b in higher precision" in both
    assert "bf16" not in said(language("a", precision="bf16"), language("b", precision="bf16"))


def test_contestants_that_read_the_training_texts_equally_often_have_the_same_training():
    """Their tokens say nothing: each one counts those of its own tokenizer, and a search those of all its trials."""
    same = said(language("a", steps=5, epochs=3, tokens=2000), language("b", steps=99, epochs=2.9, tokens=1000))
    assert "equally often" not in same
    unequal = said(language("a", epochs=1.5), language("b", epochs=3), language("c", epochs=0))
    assert "They did not go over the training texts equally often: b 3.0 times and a 1.5 times." in unequal


def epoch(number: int, loss: float, *, best: bool) -> EpochLine:
    return EpochLine(epoch=number, step=number, validation_loss=loss, best=best)


PAIR = Comparison(
    better="a", worse="b", metric="accuracy", difference=0.01, low=-0.05, high=0.07, distinguishable=False
)
FALLING = [epoch(1, 0.9, best=True), epoch(2, 0.6, best=True)]


def with_class(texts: int) -> ContestantResult:
    score = ClassScore(label="rare", texts=texts, predicted=0, precision=None, recall=None, f1=None)
    return result("a", 0.9, documents=60, classes=[score])


def test_the_most_important_caution_comes_first() -> None:
    """Everything at once, then without the first, and so on: what remains keeps its order."""
    unlike = {"precision": "bf16", "epochs": 2}
    best = with_class(4)
    best = best.model_copy(update={"training": best.training.model_copy(update=unlike)})
    other = result("b", 0.89, documents=60)
    other = other.model_copy(
        update={"training": other.training.model_copy(update=unlike | {"epochs": 1, "precision": "fp32"})}
    )
    spans = {"train": "2020", "validation": "2023", "test": "2024"}
    leaky = report(across_splits=2, split_rule=TimeSplit(time="date", first=spans, last=spans))

    found = cautions(best, [other], [PAIR], leaky, {"b": FALLING}, {"c": "c: its loss became infinite."})

    assert [caution.concern for caution in found] == [
        Concern.LEAK,
        Concern.UNDECIDED,
        Concern.FEW_TEXTS,
        Concern.FAILED,
        Concern.UNFINISHED,
        Concern.RARE_CLASS,
        Concern.UNEQUAL_TRAINING,
        Concern.SPLIT_RULE,
        Concern.SEEDS,
        Concern.UNEQUAL_PRECISION,
    ]
    assert found[0].sentence.startswith("2 texts are in more than one split")


def test_a_leak_of_near_duplicates_is_one_too() -> None:
    first, *_ = cautions(result("a", 0.9), [], [], report(near_across_splits=1))
    assert first.sentence.startswith("1 group of nearly identical texts is in more than one split")


def test_how_many_texts_it_would_take() -> None:
    """The interval of the difference, 6 points to each side, must shrink to 1 / 1.43 of a difference of 1 point."""
    (caution,) = (
        each for each in cautions(result("a", 0.9), [result("b", 0.89)], [PAIR]) if each.concern == Concern.UNDECIDED
    )
    assert caution.sentence == (
        "100 test texts are too few to tell a from b; if their difference is what it seems, it takes about 7,400."
    )


def test_an_ensemble_of_both_precisions_is_not_said_to_compute_in_the_higher_one() -> None:
    results = [language("a", precision="bf16"), language("b", precision="fp64, bf16"), language("c", precision="fp64")]
    assert "The arithmetic differs: a computed in bf16, c in higher precision;" in said(*results)
    assert "arithmetic" not in said(*results[:2])


def undecided(*pairs: Comparison) -> str:
    found = cautions(result("a", 0.9), [result("b", 0.89)], pairs)
    return next(each.sentence for each in found if each.concern == Concern.UNDECIDED)


def test_a_correction_of_the_p_value_asks_for_more_texts() -> None:
    """An interval that excludes 0 is not enough where four differences were tested: 2.50 errors instead of 1.96."""
    pair = PAIR.model_copy(
        update={"difference": 0.065, "low": 0.005, "high": 0.125, "p_value": 0.03, "corrected_p_value": 0.12}
    )
    found = undecided(pair, *[pair.model_copy(update={"p_value": 0.5, "corrected_p_value": 1.0})] * 3)
    assert found.endswith("it takes about 250.")  # 100 * ((2.50 + 0.84) / 1.96 * 60 / 65) ** 2


def test_a_corrected_p_value_of_1_hides_no_correction() -> None:
    """Ten differences were tested: 2.81 errors instead of 1.96, although the p-value rose from 0.7 to 1 alone."""
    pair = PAIR.model_copy(update={"p_value": 0.7, "corrected_p_value": 1.0})
    assert undecided(*[pair] * 10).endswith("it takes about 13,000.")  # 100 * ((2.81 + 0.84) / 1.96 * 6) ** 2
    told = pair.model_copy(update={"p_value": 0.001, "distinguishable": True})
    assert undecided(*[pair, told]).endswith("it takes about 7,400.")  # Holm no longer counts what is told apart


def test_more_texts_do_not_narrow_what_seeds_contribute() -> None:
    assert undecided(PAIR.model_copy(update={"by_seed": [0.02, 0.0]})) == (
        "100 test texts and 2 seeds are too few to tell a from b."
    )


def test_opposite_results_on_very_few_texts_are_not_the_same() -> None:
    """One is right on all of 5 texts and the other on none: the interval is a point, and McNemar's p is 0.06."""
    pair = PAIR.model_copy(update={"difference": 1.0, "low": 1.0, "high": 1.0, "p_value": 0.0625})
    assert undecided(pair) == "100 test texts are too few to tell a from b."
    same = PAIR.model_copy(update={"difference": 0.0, "low": 0.0, "high": 0.0, "p_value": 1.0})
    assert undecided(same) == "Nothing tells a from b: their accuracy on 100 test texts is the same."


def test_few_answers_are_not_said_to_have_pieces() -> None:
    few = [language(name, 3) for name in "ab"]
    for contestant in few:
        contestant.metrics[0] = contestant.metrics[0].model_copy(update={"name": "exact_match"})
    assert "3 answers are too few for an interval that can be trusted." in said(*few)


@pytest.mark.parametrize(
    ("lines", "falls"),
    [
        (FALLING, True),
        ([epoch(1, 0.9, best=True), epoch(2, 0.89, best=True)], False),  # by 1 percent
        ([epoch(1, 0.9, best=True), epoch(2, 0.6, best=True), epoch(3, 0.7, best=False)], False),
        ([epoch(1, 0.9, best=True)], False),
    ],
)
def test_a_budget_that_ended_too_early(lines: list[EpochLine], falls: bool) -> None:
    found = cautions(result("a", 0.9), [result("b", 0.8)], [], None, {"b": lines})
    assert any("b was still improving when the budget ended" in caution.sentence for caution in found) is falls


@pytest.mark.parametrize(("texts", "rare"), [(9, True), (10, False)])
def test_a_rare_class(texts: int, rare: bool) -> None:
    found = cautions(with_class(texts), [], [])
    assert any("has only 9 texts of class 'rare': too few" in caution.sentence for caution in found) is rare
