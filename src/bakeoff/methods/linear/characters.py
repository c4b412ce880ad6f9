"""N-grams of characters within words, counted once for each distinct word instead of once for each occurrence.

The n-grams are those of scikit-learn's `char_wb`: each word stands between two spaces, and no n-gram reaches beyond
them. A space alone is no n-gram. The counts of the texts are a product of two sparse matrices: how often each word
stands in each text, and how often each n-gram stands in each word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from bakeoff.data.word_ids import TokenizedTexts
from bakeoff.methods.linear.ngrams import NONE, Integers, codes_of, positions_of

_SPACE = ord(" ")


@dataclass(frozen=True)
class CharacterNgrams:
    """The character n-grams that are features.

    The columns of a count matrix are the characters other than the space, in the order of `characters`, then the pairs
    in the order of ``codes[0]``, then the triples in that of ``codes[1]``, and so on. An n-gram's code is the index of
    its first n - 1 characters among the (n - 1)-grams times ``len(characters)`` plus the index of its last character.
    """

    characters: str  # the space, then the others, ascending
    codes: list[Integers]  # for pairs, triples, ...; ascending

    @property
    def size(self) -> int:
        return len(self.characters) - 1 + sum(map(len, self.codes))

    def count(self, texts: TokenizedTexts) -> csr_matrix:
        """Count each n-gram in each text, shape (texts, size)."""
        points, words = _spelled(texts.words)
        alphabet = np.array([ord(character) for character in self.characters[1:]], dtype=np.int64)
        single = found = _indices(points, alphabet)
        columns, size = [found - 1], len(alphabet)  # the space, of index 0, becomes NONE
        for length, known in enumerate(self.codes, start=2):
            found = positions_of(codes_of(found, single, words, length, len(self.characters)), known)
            columns.append(np.where(found == NONE, NONE, found + size))
            size += len(known)
        return _count_matrix(_word_counts(texts), columns, words, size)


def learn_character_ngrams(
    texts: TokenizedTexts, max_characters: int, min_document_frequency: int
) -> tuple[CharacterNgrams, csr_matrix]:
    """Find every n-gram of 1 to `max_characters` characters that stands in enough texts, and count it.

    Returns:
        The vocabulary, and what its `count` says of the same texts.
    """
    counts = _word_counts(texts)
    points, words = _spelled(texts.words)
    alphabet, found = _frequent(np.where(points == _SPACE, NONE, points), words, counts, min_document_frequency)
    columns, size = [found], len(alphabet)
    single = found = np.where(points == _SPACE, 0, np.where(found == NONE, NONE, found + 1))
    codes = []
    for length in range(2, max_characters + 1):
        longer = codes_of(found, single, words, length, 1 + len(alphabet))
        known, found = _frequent(longer, words, counts, min_document_frequency)
        codes.append(known)
        columns.append(np.where(found == NONE, NONE, found + size))
        size += len(known)
    vocabulary = CharacterNgrams(" " + "".join(map(chr, alphabet)), codes)
    return vocabulary, _count_matrix(counts, columns, words, size)


def _spelled(words: Sequence[str]) -> tuple[Integers, Integers]:
    """Return the code points of all words, each between two spaces, and for each the index of its word."""
    points = np.frombuffer("".join(f" {word} " for word in words).encode("utf-32-le"), dtype=np.uint32)
    lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
    return points.astype(np.int64), np.repeat(np.arange(len(words)), lengths + 2)


def _indices(points: Integers, alphabet: Integers) -> Integers:
    """Return the index of each code point in `CharacterNgrams.characters`, or NONE."""
    places = positions_of(points, alphabet)
    return np.where(points == _SPACE, 0, np.where(places == NONE, NONE, places + 1))


def _word_counts(texts: TokenizedTexts) -> csr_matrix:
    """Count each word in each text, shape (texts, distinct words)."""
    shape = (len(texts.offsets) - 1, len(texts.words))
    counts = csr_matrix((np.ones(len(texts.ids), dtype=np.float32), texts.ids.copy(), texts.offsets), shape=shape)
    counts.sum_duplicates()
    return counts


def _frequent(
    codes: Integers, words: Integers, counts: csr_matrix, min_document_frequency: int
) -> tuple[Integers, Integers]:
    """Return the codes that stand in enough texts, ascending, and for each position the index of its code, or NONE.

    Args:
        words: The word of each position.
        counts: Of each word in each text.
    """
    texts_of_word = np.bincount(counts.indices, minlength=counts.shape[1])
    places = np.flatnonzero(codes >= 0)
    distinct, number = np.unique(codes[places], return_inverse=True)
    texts = texts_of_word[words[places]]
    # Most n-grams need no look at the texts: one of their words stands in enough, or all together in too few.
    at_most = np.bincount(number, weights=texts, minlength=len(distinct))
    at_least = np.zeros(len(distinct), dtype=np.int64)
    np.maximum.at(at_least, number, texts)
    kept = at_least >= min_document_frequency
    unsure = ~kept & (at_most >= min_document_frequency)
    if unsure.any():
        columns = np.where(unsure, np.cumsum(unsure) - 1, NONE)[number]
        some = _count_matrix(counts, [columns], words[places], int(unsure.sum()))
        kept[unsure] = np.bincount(some.indices, minlength=some.shape[1]) >= min_document_frequency
    found = np.full(len(codes), NONE, dtype=np.int64)
    found[places] = np.where(kept, np.cumsum(kept) - 1, NONE)[number]
    return distinct[kept], found


def _count_matrix(counts: csr_matrix, columns: Sequence[Integers], words: Integers, size: int) -> csr_matrix:
    """Count the n-grams in each text, shape (texts, size), in float32, which is exact for counts.

    Args:
        counts: Of each word in each text.
        columns: For the n-grams of each length, the column of the one that begins at each position, or NONE.
        words: The word of each position.
    """
    rows = np.concatenate([words[each >= 0] for each in columns])
    used = np.concatenate([each[each >= 0] for each in columns])
    spelled = csr_matrix((np.ones(len(used), dtype=np.float32), (rows, used)), shape=(counts.shape[1], size))
    product: csr_matrix = counts @ spelled
    product.sort_indices()  # otherwise sums over a row would depend on the order in which words first occur
    return product
