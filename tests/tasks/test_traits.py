"""Groups of test texts by length, script, topic and the columns of the table."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest

from bakeoff.data.types import LabeledTexts, SplitTable
from bakeoff.tasks import traits as module
from bakeoff.tasks.traits import script, text_traits
from bakeoff.training.progress import Progress


def traits(texts: list[str], **columns: list[object]) -> dict[str, list[str | None]]:
    test = LabeledTexts([str(row) for row in range(len(texts))], texts, [0] * len(texts))
    found = text_traits(SplitTable(["a"], test, test, test, test_columns=columns), 12, Progress())
    assert found.documents == test.ids
    assert all(len(values) == len(texts) for values in found.traits.values())
    return found.traits


def test_quarters_of_lengths_and_equal_lengths_stay_together() -> None:
    lengths = [3] * 5 + list(range(10, 25))
    found = traits(["x" * length for length in lengths])["length"]
    assert list(Counter(found).values()) == [5, 5, 5, 5]
    assert found[0] == "3 characters"
    assert set(traits(["same"] * 8)["length"]) == {"4 characters"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("A fine film", "Latin"),
        ("Хороший фильм, really", "Cyrillic"),
        ("送餐很快", "Chinese characters"),
        ("فيلم جميل", "Arabic"),
        ("ハラハラ", "kana"),
        ("12 %", None),
    ],
)
def test_scripts(text: str, named: str | None) -> None:
    assert script(text) == named


def test_a_long_text_is_read_no_further_than_its_script_takes() -> None:
    text = iter("a" * 1000)
    assert script(text) == "Latin"  # type: ignore[arg-type]
    assert len(list(text)) == 800


def test_columns_of_words_numbers_and_dates() -> None:
    count = 40
    found = traits(
        [f"text {row}" for row in range(count)],
        country=["DE", "FR", None, "DE"] * 10,
        stars=[row % 5 for row in range(count)],
        price=[row / 2 for row in range(count)],
        written=["7.5", "8", "", "9.25"] * 10,
        day=[date(2024, 1, 1) + timedelta(days=row) for row in range(count)],
        number=list(range(count)),
        names=[f"name {row}" for row in range(count - 1)] + ["name 1"],
        tags=[["a"]] * count,
        same=["x"] * count,
    )
    assert set(found["column country"]) == {"DE", "FR", "missing"}
    assert set(found["column stars"]) == set("01234")
    assert list(Counter(found["column price"])) == ["0 to 4.5", "5 to 9.5", "10 to 14.5", "15 to 19.5"]
    assert found["column day"][0] == "2024-01-01 to 2024-01-10"
    assert set(found["column written"]) == {"7.5", "8", "9.25", "missing"}
    assert not {"column number", "column tags", "column same"} & set(found)


TOPICS = [["engine", "car", "tires", "brakes", "motor", "gears"], ["soup", "salad", "bread", "salt", "cook", "kitchen"]]


def topics_of(texts: list[str]) -> list[str | None]:
    return traits(texts)["topic"]


def texts_of_topics(count: int) -> list[str]:
    """Texts of two topics, one after the other."""
    random = np.random.default_rng(0)
    return [" ".join(random.choice(TOPICS[row % 2], size=3, replace=False)) for row in range(count)]


def test_topics_are_found_and_named_without_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_encoded", lambda texts, progress: None)
    texts = texts_of_topics(200)
    found = topics_of(texts)
    assert not set(found[::2]) & set(found[1::2])  # four topics for 200 texts: two of either kind
    assert found == topics_of(texts)
    assert set(str(found[0]).split(", ")) < set(TOPICS[0])
    assert set(str(found[1]).split(", ")) < set(TOPICS[1])
    assert "topic" not in traits(texts[:199])


def test_topics_of_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.repeat(np.eye(4), 50, axis=0)
    monkeypatch.setattr(module, "_encoded", lambda texts, progress: vectors)
    found = topics_of(texts_of_topics(200))
    assert [len(set(found[start : start + 50])) for start in range(0, 200, 50)] == [1] * 4
    assert len(set(found)) == 4


def test_an_encoder_that_would_take_long_or_does_not_know_the_language_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bakeoff.pretrained.packaged_models.check_installed", lambda name: None)
    monkeypatch.setattr("bakeoff.methods.embedding.encoder.load_encoder", lambda *_, **__: pytest.fail("loaded"))
    assert module._encoded(["送餐很快"] * 3, Progress()) is None
