"""BPE starts from characters and merges the most frequent adjacent pair; a word-level vocabulary is larger and meets
unknown words.

**Measured:** the merges that the library `tokenizers` learns from a toy text; at every step all adjacent pairs are
counted again by hand. Then, on the packaged part of WikiText-2: BPE from characters at several sizes, BPE from bytes
(GPT-2's way) and the vocabulary of all words between white space in the training text: entries, parameters of an
embedding of width 256, tokens for a word, and how many of the test text's tokens are unknown. How large BPE's
vocabulary gets is a choice; that of the words is not.

**Rule:** the statement holds if every merge is of a most frequent pair and the vocabulary begins with the characters,
the words' vocabulary is larger than the largest of BPE, and its share of unknown tokens is larger than that of every
BPE, by intervals of both shares that do not overlap. It depends if the merges are so and only one of the others is.
Otherwise it does not hold.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.ticker import NullLocator
from tokenizers import Tokenizer

from bakeoff.evaluation.intervals import wilson
from experiments.shared import COLORS, CONFIDENCE, Result, SizeName, Table, Verdict, new_figure, si
from experiments.texts import first_characters, train_byte_bpe, train_character_bpe, wikitext

TOY = "low low low low low lower lower newest newest newest newest newest newest widest widest widest"
MERGES = 8
EMBEDDING_WIDTH = 256


@dataclass(frozen=True)
class Size:
    characters: int  # of training and of test text, each
    vocabularies: tuple[int, ...]


SIZES: dict[SizeName, Size] = {
    "tiny": Size(20_000, (200, 300)),
    "quick": Size(500_000, (1000, 2000, 4000)),
    "full": Size(2_000_000, (1000, 2000, 4000, 8000)),
}


@dataclass(frozen=True)
class Step:
    """A merge, how often its pair occurred, and how often the most frequent pair did, counted by hand."""

    pair: tuple[str, str]
    count: int
    most: int


@dataclass(frozen=True)
class Vocabulary:
    """How one way of cutting fares on the test text."""

    name: str
    entries: int
    tokens: int
    unknown: int
    words: int

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.unknown, self.tokens, CONFIDENCE)


def merges_of(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    """Return the merges in the order in which they were learned."""
    return [(first, second) for first, second in json.loads(tokenizer.to_str())["model"]["merges"]]


def replay(text: str, merges: Sequence[tuple[str, str]]) -> list[Step]:
    """Apply merges to a text that starts as characters, and count all adjacent pairs before each of them."""
    words = [list(word) for word in text.split()]
    steps = []
    for pair in merges:
        counts = Counter(each for word in words for each in pairwise(word))
        steps.append(Step(pair, counts[pair], max(counts.values())))
        words = [_merged(word, pair) for word in words]
    return steps


def _merged(word: list[str], pair: tuple[str, str]) -> list[str]:
    result: list[str] = []
    for piece in word:
        # A piece that was just merged is longer than the first of the pair, so it cannot be taken for it.
        if result and (result[-1], piece) == pair:
            result[-1] += piece
        else:
            result.append(piece)
    return result


def decide(
    steps: Sequence[Step], starts_from_characters: bool, words: Vocabulary, bpe: Sequence[Vocabulary]
) -> tuple[Verdict, str]:
    """Apply the rule."""
    wrong = sum(step.count != step.most for step in steps)
    largest = max(each.entries for each in bpe)
    share = words.unknown / words.tokens
    said = (
        f"{len(steps) - wrong} of {len(steps)} merges were of a most frequent pair. {words.entries:,} words against "
        f"{largest:,} entries of the largest BPE; {share:.1%} of the test text's words are unknown, and at most "
        f"{max(each.unknown / each.tokens for each in bpe):.3%} of BPE's tokens."
    )
    if wrong or not starts_from_characters:
        return "does not hold", said
    larger = words.entries > largest
    unknown = all(words.interval[0] > each.interval[1] for each in bpe)
    return ("holds" if larger and unknown else "depends" if larger or unknown else "does not hold"), said


def run(name: SizeName) -> Result:
    size = SIZES[name]
    letters = set(TOY) - {" "}
    toy = train_character_bpe([TOY], len(letters) + 1 + MERGES)
    steps = replay(TOY, merges_of(toy))
    entries = sorted(toy.get_vocab(), key=toy.get_vocab().__getitem__)
    starts = set(entries[1 : 1 + len(letters)]) == letters  # after the entry for unknown ones

    training, test = (first_characters(texts, size.characters) for texts in wikitext())
    known = {word for text in training for word in text.split()}
    test_words = [word for text in test for word in text.split()]
    words = Vocabulary("words", len(known), len(test_words), sum(w not in known for w in test_words), len(test_words))
    found = []
    for entries_wanted in size.vocabularies:
        tokenizer = train_character_bpe(training, entries_wanted)
        ids = [number for encoding in tokenizer.encode_batch(test) for number in encoding.ids]
        unknown = ids.count(tokenizer.get_vocab()["[UNK]"])
        label = f"BPE {entries_wanted:,}, from characters"
        found.append(Vocabulary(label, tokenizer.get_vocab_size(), len(ids), unknown, len(test_words)))
    tokenizer = train_byte_bpe(training, size.vocabularies[-1])
    tokens = sum(len(encoding.ids) for encoding in tokenizer.encode_batch(test))
    label = f"BPE {size.vocabularies[-1]:,}, from bytes"
    found.append(Vocabulary(label, tokenizer.get_vocab_size(), tokens, 0, len(test_words)))
    verdict, reason = decide(steps, starts, words, found)

    rows = [
        [
            each.name,
            f"{each.entries:,}",
            si(each.entries * EMBEDDING_WIDTH),
            f"{each.tokens / each.words:.2f}",
            f"{each.unknown / each.tokens:.3%}",
            f"{each.interval[0]:.3%} to {each.interval[1]:.3%}",
        ]
        for each in (*found, words)
    ]
    merged = [
        [f"{number}", f"`{step.pair[0]}` + `{step.pair[1]}`", f"{step.count}", f"{step.most}"]
        for number, step in enumerate(steps, start=1)
    ]
    figure, axes = new_figure()
    for color, each in zip(COLORS, (*found, words), strict=False):
        axes[0].semilogx([each.entries], [100 * each.unknown / each.tokens], "o", color=color, label=each.name)
    sizes = sorted({each.entries for each in (*found, words)})
    axes[0].set_xticks(sizes, [f"{entries:,}" for entries in sizes])
    axes[0].xaxis.set_minor_locator(NullLocator())
    axes[0].set_xlabel("entries of the vocabulary")
    axes[0].set_ylabel("unknown tokens (%)")
    axes[0].legend(frameon=False, fontsize=7)
    return Result(
        verdict,
        reason,
        [
            Table(f"Merges of the toy text `{TOY}`", ["step", "pair", "its count", "highest count"], merged),
            Table(
                "WikiText-2, packaged part",
                ["vocabulary", "entries", "parameters", "tokens for a word", "unknown", "95% interval"],
                rows,
            ),
        ],
        figure,
        "Unknown tokens by size of the vocabulary: none to speak of with BPE, several percent with words.",
    )
