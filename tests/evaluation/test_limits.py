"""Each sentence of what was not shown has its condition."""

from __future__ import annotations

from typing import Any

import pytest

from bakeoff.evaluation.limits import limits
from bakeoff.runs.data_report import DataReport, GroupSplit, TimeSplit
from bakeoff.runs.results import ContestantResult
from tests.evaluation.test_verdict import result


def said(*results: ContestantResult) -> str:
    return " ".join(limits(results[0], results[1:], []))


def language(name: str, documents: int = 40, **training: Any) -> ContestantResult:
    contestant = result(name, 20.0, task="language-model", documents=documents)
    return contestant.model_copy(update={"training": contestant.training.model_copy(update=training)})


def test_seed_split_and_data_are_named_every_time():
    assert said(result("a", 0.9), result("b", 0.8)).startswith(
        "Not shown: the effect of another seed, another split or other data. Each contestant was trained once, with "
        "seed 12; the intervals cover only the choice of the 100 test texts."
    )
    assert "with seed 12 and 13;" in said(result("a", 0.9), result("b", 0.8, seed=13))


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


def report(**settings: Any) -> DataReport:
    return DataReport(source="a.csv", fingerprint="", splits=[], **settings)


def test_what_a_split_by_time_or_by_groups_measures():
    results = result("a", 0.9), [result("b", 0.8)], []
    spans = {"train": "2020-01-01", "validation": "2023-06-01", "test": "2024-03-01"}

    by_time = " ".join(limits(*results, report(split_rule=TimeSplit(time="date", first=spans, last=spans))))
    assert "The test texts are the latest ones (from 2024-03-01, column 'date'): the metrics say how well" in by_time
    groups = GroupSplit(group="author", groups={"train": 40, "validation": 6, "test": 12})
    by_group = " ".join(limits(*results, report(split_rule=groups, split_seed=1)))
    assert "No 'author' is in two splits: the test texts have 12 values of it" in by_group
    assert limits(*results, report(split_seed=1)) == limits(*results)


def test_unequal_precision():
    both = said(language("a", precision="bf16"), language("b", precision="fp32"))
    assert "a computed in bf16, b in higher precision" in both
    assert "bf16" not in said(language("a", precision="bf16"), language("b", precision="bf16"))


def test_unequal_amounts_of_training():
    unequal = said(language("a", steps=5, tokens=2000), language("b", steps=5, tokens=1000), language("c", steps=0))
    assert "a saw 2,000 training tokens, b 1,000" in unequal
    words = language("b", steps=5, tokens=1_000).model_copy(update={"token_unit": "words"})
    assert "same amount of text" not in said(language("a", steps=5, tokens=2_000), words)
    assert "same amount" not in said(language("a", steps=5, tokens=1000), language("b", steps=4, tokens=1040))
