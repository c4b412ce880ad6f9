"""Texts as numbers of their words, against Python's own way of splitting."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data import numbered_words
from bakeoff.data.numbered_words import number_words

texts_of_short_words = st.lists(st.text(alphabet="ab-é \t\u3000", max_size=12), max_size=11)
rewrites = pytest.mark.parametrize(
    "rewrite",
    [
        pytest.param(lambda piece: piece.replace("-", ""), id="a piece is a word or none"),
        pytest.param(lambda piece: piece.replace("-", " - "), id="a piece is any number of words"),
    ],
)


@rewrites
@pytest.mark.parametrize("texts_at_once", [1, 3, 100])
@given(texts=texts_of_short_words)
def test_the_words_are_those_of_a_plain_loop(rewrite: Callable[[str], str], texts_at_once: int, texts: list[str]):
    expected = [[word for piece in text.split() for word in rewrite(piece).split()] for text in texts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbered_words, "_TEXTS_AT_ONCE", texts_at_once)
        found = number_words(texts, lambda pieces: list(map(rewrite, pieces)))

    ends = zip(found.offsets[:-1], found.offsets[1:], strict=True)
    assert [[found.words[number] for number in found.numbers[start:end]] for start, end in ends] == expected
    assert found.words == list(dict.fromkeys(word for words in expected for word in words)), "in the order of meeting"
