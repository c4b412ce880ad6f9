"""Texts end where they were asked to, however they come in pieces."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bakeoff
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.streaming import until_stop
from bakeoff.serve.errors import ApiError
from bakeoff.serve.limits import Limits
from bakeoff.serve.shapes import CompletionRequest
from bakeoff.serve.writing import Writing
from tests.lm.tokenizers import save_model, word_tokenizer

letters = st.text("ab", max_size=12)


@given(pieces=st.lists(letters, max_size=6), stops=st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_a_text_ends_before_the_first_stop_that_is_complete(pieces: list[str], stops: list[str]) -> None:
    text = "".join(pieces)
    endings = [end for end in range(len(text) + 1) if any(text[:end].endswith(stop) for stop in stops)]
    expected, found = text, []
    if endings:
        stop = max((stop for stop in stops if text[: endings[0]].endswith(stop)), key=len)
        expected = text[: endings[0] - len(stop)]

    shown = list(until_stop(pieces, stops, found))

    assert "".join(shown) == expected
    assert bool(found) == bool(endings)
    assert all(shown)


def test_text_is_held_back_only_while_it_may_become_a_stop() -> None:
    seen = []
    for shown in until_stop(iter(["one\n", "two\n", "\nthree"]), ["\n\n"], []):
        seen.append(shown)

    assert seen == ["one", "\ntwo"]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return bakeoff.load_language_model("stories260k")


def write(model: LanguageModel, seconds: float = 60, limits: Limits | None = None, **asked: object) -> Writing:
    request = CompletionRequest.model_validate({"model": "any", "prompt": "Once upon a time", **asked})
    return Writing(model, request, limits or Limits(), time.monotonic() + seconds)


def test_the_text_is_that_of_the_library(model: LanguageModel) -> None:
    writing = write(model, max_tokens=30)

    assert "".join(iter(writing.next_piece, None)) == model.generate("Once upon a time", max_new_tokens=30)
    assert writing.finish_reason == "length"
    assert (writing.usage.prompt_tokens, writing.usage.completion_tokens) == (5, 30)


def test_a_draw_is_that_of_the_library(model: LanguageModel) -> None:
    settings = {"temperature": 0.9, "top_p": 0.8, "seed": 5}

    writing = write(model, max_tokens=30, **settings)

    expected = model.generate("Once upon a time", max_new_tokens=30, **settings)
    assert "".join(iter(writing.next_piece, None)) == expected


def test_a_model_that_ends_its_text_has_stopped(model: LanguageModel) -> None:
    writing = write(model, prompt="Once upon a time, there was a girl. The end", max_tokens=400)
    text = "".join(iter(writing.next_piece, None))

    assert writing.finish_reason == ("stop" if writing.tokens < 400 else "length")
    assert text == model.generate("Once upon a time, there was a girl. The end", max_new_tokens=400)


def test_stop_strings(model: LanguageModel) -> None:
    writing = write(model, max_tokens=60, stop=["Lily", "never there"])

    assert "".join(iter(writing.next_piece, None)) == ", there was a little girl named "
    assert writing.finish_reason == "stop"


def test_time_ends_a_text(model: LanguageModel) -> None:
    writing = write(model, seconds=0.5, max_tokens=60)
    writing.next_piece()
    before = writing.tokens
    time.sleep(0.5)

    assert list(iter(writing.next_piece, None)) == []
    assert (writing.finish_reason, writing.tokens) == ("length", before)


def test_no_time_at_all(model: LanguageModel) -> None:
    writing = write(model, seconds=0.0, max_tokens=60)

    assert list(iter(writing.next_piece, None)) == []
    assert (writing.finish_reason, writing.tokens) == ("length", 0)


def test_nobody_waits_any_more(model: LanguageModel) -> None:
    writing = write(model, max_tokens=60)
    writing.next_piece()
    writing.stop()
    before = writing.tokens
    list(iter(writing.next_piece, None))

    assert writing.tokens - before <= 1


@pytest.mark.parametrize("temperature", [1e-300, 1e-6, 0.0])
def test_the_coldest_draws_are_greedy(model: LanguageModel, temperature: float) -> None:
    writing = write(model, max_tokens=10, temperature=temperature)

    assert "".join(iter(writing.next_piece, None)) == model.generate("Once upon a time", max_new_tokens=10)


def test_a_prompt_that_is_too_long(model: LanguageModel) -> None:
    with pytest.raises(ApiError, match=r"The prompt has 60\d tokens; 511 are allowed"):
        write(model, prompt="Once " * 601)
    with pytest.raises(ApiError, match="3 are allowed"):
        write(model, limits=Limits(prompt_tokens=3))


def test_an_empty_prompt_for_a_model_without_a_beginning_token(tmp_path: Path) -> None:
    plain = bakeoff.load_language_model(save_model(tmp_path, word_tokenizer()))

    with pytest.raises(ApiError, match="An empty prompt needs a beginning-of-text"):
        write(plain, prompt="")
