"""Special tokens spelled out in a text, such as `</s>` or `<|endoftext|>`: counted and said.

By default they are read as those tokens, as transformers and lm-evaluation-harness do: corpora such as TinyStories use
`<|endoftext|>` to separate their texts, and published perplexities count it as one token. In texts *about* markup or
models they are plain characters, which `split_special_tokens` makes of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from bakeoff.data.types import Corpus

# Nearly every special token is written in angle or square brackets: <s>, <|im_start|>, [INST].
_LOOKS_SPECIAL = re.compile(r"<[^<>\s]{1,60}>|\[[^\[\]\s]{1,60}\]")


def may_hold_special_tokens(corpus: Corpus) -> bool:
    """Return whether a text holds anything that looks like a special token of some model."""
    return any(_LOOKS_SPECIAL.search(document.text) for document in corpus.documents)


def special_tokens_in(tokenizer: Any, texts: Iterable[str]) -> Counter[str]:
    """Count the special tokens of a tokenizer that are spelled out in texts, the most frequent first."""
    special = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special and token.content]
    if not special:
        return Counter()
    # The longest first: "<s>" must not hide "<s>x".
    pattern = re.compile("|".join(map(re.escape, sorted(special, key=len, reverse=True))))
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(pattern.findall(text))
    return Counter(dict(counts.most_common()))


def special_token_notes(tokenizer: Any, corpora: Iterable[Corpus], setting: str) -> list[str]:
    """Return a sentence about the special tokens that are spelled out in a text, or none.

    Args:
        corpora: All of them read with the same `split_special_tokens`.
        setting: What a user sets to split them into characters: `data.split_special_tokens: true`; "" for nothing.
    """
    counts: Counter[str] = Counter()
    split = bool(tokenizer.split_special_tokens)
    for corpus in corpora:
        split = split or corpus.split_special_tokens
        counts += special_tokens_in(tokenizer, (document.text for document in corpus.documents))
    if not counts:
        return []
    total = counts.total()
    named = ", ".join(f"{count:,} x {token}" for token, count in counts.most_common(5)) + ", ..." * (len(counts) > 5)
    said = "1 special token of the model is" if total == 1 else f"{total:,} special tokens of the model are"
    said += f" spelled out in the text ({named})"
    if split:
        return [f"{said} and split into characters."]
    way_out = f" To split them into characters: {setting}." if setting else ""
    return [f"{said} and read as such, not as characters.{way_out}"]
