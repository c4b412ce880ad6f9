"""Word ids against Python's own `str.split`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data import pieces, word_ids
from bakeoff.data.pieces import PieceTable
from bakeoff.data.word_ids import TokenizedTexts, encode_words

texts_of_short_words = st.lists(st.text(alphabet="ab-é \t\u3000\x1c", max_size=12), max_size=11)
rewrites = pytest.mark.parametrize(
    "rewrite",
    [
        pytest.param(lambda piece: piece.replace("-", ""), id="a piece is a word or none"),
        pytest.param(lambda piece: piece.replace("-", " - "), id="a piece is any number of words"),
    ],
)


needs_compiler = pytest.mark.skipif(not pieces.available(), reason="there is no C compiler")


@rewrites
@pytest.mark.parametrize("in_c", [pytest.param(True, marks=needs_compiler, id="C"), pytest.param(False, id="Arrow")])
@pytest.mark.parametrize("characters_at_once", [1, 20, 1000])
@given(texts=texts_of_short_words)
def test_the_words_are_those_of_a_plain_loop(
    rewrite: Callable[[str], str], characters_at_once: int, in_c: bool, texts: list[str]
):
    expected = [[word for piece in text.split() for word in rewrite(piece).split()] for text in texts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_ids, "_CHARACTERS_AT_ONCE", characters_at_once)
        patch.setattr(pieces, "available", lambda: in_c)
        tokenized = encode_words(texts, lambda pieces: list(map(rewrite, pieces)))

    assert words_of(tokenized) == expected
    assert tokenized.words == list(dict.fromkeys(word for words in expected for word in words)), (
        "in order of first occurrence"
    )


@given(texts=texts_of_short_words, chance=st.randoms())
def test_some_of_the_texts_are_those_texts(texts, chance):
    rows = chance.choices(range(len(texts)), k=5) if texts else []
    tokenized = encode_words(texts, list)

    chosen = tokenized.of(np.array(rows, dtype=np.int64))

    assert words_of(chosen) == [texts[row].split() for row in rows]


def test_pieces_of_texts_may_overlap():
    tokenized = encode_words(["a b", "c d"], list)

    assert words_of(tokenized.pieces(np.array([0, 1, 3]), np.array([2, 4, 3]))) == [["a", "b"], ["b", "c", "d"], []]


@needs_compiler
def test_texts_without_white_space_end_where_they_end():
    """A scan to the next white space, in whichever text that is, would take minutes for these."""
    texts = [f"語{number}" for number in range(300_000)]

    ids, counts = PieceTable().add(texts)

    assert ids.tolist() == list(range(300_000))
    assert set(counts.tolist()) == {1}


@needs_compiler
def test_a_table_numbers_many_pieces_of_any_length():
    """More than one block of memory holds, some of which begin alike, in several languages."""
    random = np.random.default_rng(0)
    texts = [
        " ".join("".join(random.choice(list("abéж語"), random.integers(1, 20))) for _ in range(random.integers(40)))
        for _ in range(2000)
    ]
    table = PieceTable()

    added = [table.add(texts[:700]), table.add(texts[700:])]

    found = table.pieces().to_pylist()
    expected = [piece for text in texts for piece in text.split()]
    assert len(found) > 10_000
    assert found == list(dict.fromkeys(expected))
    assert [found[id] for ids, _ in added for id in ids] == expected
    assert [count for _, counts in added for count in counts] == [len(text.split()) for text in texts]


def words_of(texts: TokenizedTexts) -> list[list[str]]:
    ends = zip(texts.offsets[:-1], texts.offsets[1:], strict=True)
    return [[texts.words[id] for id in texts.ids[start:end]] for start, end in ends]
