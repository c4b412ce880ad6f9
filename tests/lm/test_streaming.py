"""A streamed text is the whole text, whatever its characters, tokens and stop strings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.lm.streaming import text_pieces, until_stop
from tests.lm.tokenizers import byte_level_tokenizer, byte_tokenizer

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
TOKENIZERS = {"bytes": byte_tokenizer(), "byte-level": byte_level_tokenizer()}
LONG = "東京は日本の首都である。👩🏽‍🚀 süß a " * 4  # many characters of three and more bytes in a row

texts = st.text(st.sampled_from("ab .\n東京ß👩🏽‍é\u0301ไทย"), max_size=30)


@pytest.fixture(params=TOKENIZERS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return TOKENIZERS[request.param]


def whole(tokenizer: Any, prompt: list[int], new: list[int]) -> str:
    """Return what the new tokens add to the prompt's text, decoded at once."""
    before = tokenizer.decode(prompt, skip_special_tokens=True)
    return tokenizer.decode([*prompt, *new], skip_special_tokens=True)[len(before) :]


def ids(tokenizer: Any, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("prompt", ["", "a", LONG])
def test_long_runs_of_characters_that_are_several_tokens(tokenizer, prompt):
    pieces = list(text_pieces(tokenizer, ids(tokenizer, prompt), iter(ids(tokenizer, LONG))))

    assert "".join(pieces) == LONG
    assert not any(REPLACEMENT in piece for piece in pieces)
    assert len(pieces) > len(LONG) / 2  # they come one after the other, not all at the end


@pytest.mark.parametrize("name", TOKENIZERS)
@given(prompt=texts, text=texts)
def test_the_joined_stream_is_the_whole(name: str, prompt: str, text: str) -> None:
    tokenizer = TOKENIZERS[name]
    before, new = ids(tokenizer, prompt), ids(tokenizer, text)

    pieces = list(text_pieces(tokenizer, before, iter(new)))

    assert "".join(pieces) == whole(tokenizer, before, new)
    assert not any(REPLACEMENT in piece for piece in pieces)


@pytest.mark.parametrize("name", TOKENIZERS)
@given(prompt=texts, text=texts, cut=st.integers(0, 100))
def test_a_text_that_ends_inside_a_character_ends_before_it(name: str, prompt: str, text: str, cut: int) -> None:
    tokenizer = TOKENIZERS[name]
    before, new = ids(tokenizer, prompt), ids(tokenizer, text)[:cut]
    complete = max(end for end in range(len(new) + 1) if REPLACEMENT not in whole(tokenizer, before, new[:end]))

    assert "".join(text_pieces(tokenizer, before, iter(new))) == whole(tokenizer, before, new[:complete])


def test_a_character_that_the_model_writes_itself(tokenizer):
    new = ids(tokenizer, f"a{REPLACEMENT}b{REPLACEMENT}")

    assert "".join(text_pieces(tokenizer, ids(tokenizer, "a"), iter(new))) == f"a{REPLACEMENT}b{REPLACEMENT}"


def test_special_tokens_are_not_text(tokenizer):
    end = tokenizer.eos_token_id
    new = [*ids(tokenizer, "a東"), end, *ids(tokenizer, "京b")]

    assert "".join(text_pieces(tokenizer, [end, *ids(tokenizer, "a")], iter(new))) == "a東京b"


# --- stop strings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", ["b.a", "東京", "\n\n", "👩🏽‍🚀", " ab"])
def test_a_stop_string_over_several_tokens_is_never_sent_in_part(tokenizer, stop):
    text = f"a is b. Tokyo 東 and 京\n, ab 👩 {stop} and more"
    sent, found = "", []

    def new() -> Iterator[int]:
        for number, token in enumerate(ids(tokenizer, text)):
            taken.append(number)
            yield token

    taken: list[int] = []
    for piece in until_stop(text_pieces(tokenizer, ids(tokenizer, "a"), new()), [stop, "never"], found):
        sent += piece
        assert sent == text[: len(sent)]
        assert len(sent) <= text.index(stop)

    assert (sent, found) == (text[: text.index(stop)], [stop])
    assert len(taken) < len(ids(tokenizer, text))  # nothing is computed after it
