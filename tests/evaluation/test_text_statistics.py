from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.evaluation.text_statistics import repeated, text_averages, text_statistics, word_counts
from bakeoff.runs.findings import Overuse
from bakeoff.runs.results import Sample

texts = st.lists(st.sampled_from(["the", "cat", "sat", "on"]), max_size=30)


@pytest.mark.parametrize(
    ("text", "repeated_4_grams", "distinct_1", "distinct_2"),
    [
        ("a b c d e f", 0, 1, 1),
        ("a b c d a b c d", 1 / 5, 4 / 8, 4 / 7),  # the 4-grams are abcd, bcda, cdab, dabc, abcd
        ("no no no no no no", 2 / 3, 1 / 6, 1 / 5),
        ("one", 0, 1, 1),
        ("", 0, 1, 1),
    ],
)
def test_by_hand(text: str, repeated_4_grams: float, distinct_1: float, distinct_2: float) -> None:
    found = text_statistics(text)
    expected = (repeated_4_grams, distinct_1, distinct_2)
    assert (found.repeated_4_grams, found.distinct_1, found.distinct_2) == pytest.approx(expected)


@given(texts)
def test_saying_it_twice_can_only_look_more_repetitive(words: list[str]) -> None:
    once, twice = text_statistics(" ".join(words)), text_statistics(" ".join(words * 2))
    assert twice.repeated_4_grams >= once.repeated_4_grams - 1e-12
    assert twice.distinct_1 <= once.distinct_1 + 1e-12
    assert twice.distinct_2 <= once.distinct_2 + 1e-12


@given(texts, st.integers(1, 5))
def test_a_repeated_run_stands_earlier_in_the_text(words: list[str], length: int) -> None:
    for start in range(len(words) - length + 1):
        run = words[start : start + length]
        before = any(words[i : i + length] == run for i in range(start))
        assert (start in repeated(words, length)) is before


TRAINING = word_counts(["The film was good. The film was long.", "A good, good story"])  # 12 words


def test_words_are_compared_with_the_fine_tuning_text() -> None:
    found = text_statistics("Good good film, said the wizard", TRAINING)

    assert found.known_words == pytest.approx(4 / 6)  # not: said, wizard
    assert found.overuse == Overuse(word="good", share=2 / 6, expected=3 / 12)


@pytest.mark.parametrize("text", ["", "...", "a wizard"])
def test_where_no_word_comes_twice_none_is_overused(text: str) -> None:
    assert text_statistics(text, TRAINING).overuse is None


def test_without_a_fine_tuning_text_nothing_is_compared() -> None:
    found = text_statistics("good good good")
    assert (found.known_words, found.overuse) == (None, None)


def test_averages_are_means_over_the_texts_of_a_contestant() -> None:
    texts = ["no no no no", "a b c d"]
    samples = [Sample(prompt="", text=text, statistics=text_statistics(text, TRAINING)) for text in texts]

    (found,) = text_averages({"lora": samples, "silent": [], "old": [Sample(prompt="")]})

    assert (found.name, found.texts) == ("lora", 2)
    assert found.distinct_1 == pytest.approx((1 / 4 + 1) / 2)
    assert found.known_words == pytest.approx((0 + 1 / 4) / 2)
