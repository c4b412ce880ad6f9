"""New tokens as text, passed on as soon as its characters are complete."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
_CONTEXT = 8
"""Tokens before the new ones that are decoded with them."""


def text_pieces(tokenizer: Any, prompt_ids: list[int], new_ids: Iterator[int]) -> Iterator[str]:
    """Yield the text of new tokens after a prompt.

    A token is not a piece of text by itself: a character may be spread over several tokens, and whether a word begins
    with a space may depend on the token before it. So the last few tokens are decoded again with each new one, and the
    added text is passed on unless it ends in an incomplete character. One that is still incomplete at the end of the
    text is left out.
    """
    ids = list(prompt_ids)
    passed_on = len(ids)
    # What is decoded must begin with a whole character: tokenizers like Llama's decode a row of bytes that does not as
    # nothing but replacement characters.
    starts = deque([_start(tokenizer, ids), passed_on])
    for token in new_ids:
        ids.append(token)
        piece = _added(tokenizer, ids, starts[0], passed_on)
        if piece and not piece.endswith(_INCOMPLETE):
            yield piece
            passed_on = len(ids)
            starts.append(passed_on)
            while starts[1] <= passed_on - _CONTEXT:
                starts.popleft()
    rest = _added(tokenizer, ids, starts[0], passed_on)
    if rest.endswith(_INCOMPLETE) and not _writes_replacement(tokenizer, ids):
        rest = rest.rstrip(_INCOMPLETE)
    if rest:
        yield rest


def until_stop(pieces: Iterable[str], stops: Sequence[str], found: list[str]) -> Iterator[str]:
    """Yield the pieces of a text up to the first complete stop string, which is appended to `found`.

    Text that may be the beginning of a stop string is held back until the next piece decides. The result does not
    depend on how the text is split into pieces.
    """
    held = ""
    for piece in pieces:
        held += piece
        places = [(held.find(stop) + len(stop), held.find(stop), stop) for stop in stops if stop in held]
        if places:
            _, begin, stop = min(places)
            found.append(stop)
            if begin:
                yield held[:begin]
            return
        kept = max((_shared(held, stop) for stop in stops), default=0)
        ready, held = held[: len(held) - kept], held[len(held) - kept :]
        if ready:
            yield ready
    if held:
        yield held


def _shared(text: str, stop: str) -> int:
    """Return how many characters at the end of `text` are the beginning of `stop`."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)


def answer_pieces(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the pieces of an answer without the white space before it."""
    begun = False
    for piece in pieces:
        shown = piece if begun else piece.lstrip()
        begun = begun or bool(shown)
        if shown:
            yield shown


def _start(tokenizer: Any, ids: list[int]) -> int:
    """Return a position a few tokens before the end of a prompt at which a character begins."""
    start = max(0, len(ids) - _CONTEXT)
    while start and _decode(tokenizer, ids[start:]).startswith(_INCOMPLETE):
        start -= 1
    return start


def _added(tokenizer: Any, ids: list[int], start: int, passed_on: int) -> str:
    return _decode(tokenizer, ids[start:])[len(_decode(tokenizer, ids[start:passed_on])) :]


def _decode(tokenizer: Any, ids: list[int]) -> str:
    # Cleaning up would remove spaces that have been passed on before the punctuation after them came.
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text


def _writes_replacement(tokenizer: Any, ids: list[int]) -> bool:
    """Return whether the last tokens are those of a replacement character that the model itself has written."""
    before = tokenizer("a", add_special_tokens=False)["input_ids"]
    tokens = tokenizer(f"a{_INCOMPLETE}", add_special_tokens=False)["input_ids"][len(before) :]
    return bool(tokens) and ids[-len(tokens) :] == tokens
