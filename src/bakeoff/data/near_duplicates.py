"""Find near-duplicates: texts with a word changed, a sentence appended, or other line breaks.

Texts are compared as sets of word pairs (Broder's shingles of width 2, 1997) by Jaccard similarity: shared pairs /
pairs in either. Unlike hashing, this misses no similar pair by chance: a set similarity join with prefix filter
(Chaudhuri et al. 2006) orders the word pairs of every text from rare to frequent, and compares two texts only if they
share one of their rarest, as similar texts must. PPJoin (Xiao et al. 2008) gives the number of the rarest to look at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from bakeoff.data.pieces import Ids
from bakeoff.data.scripts import UNSPACED
from bakeoff.data.word_ids import encode_words, offsets_of, positions

THRESHOLD = Fraction(4, 5)
"""Least Jaccard similarity of near-duplicates."""

SHORTEST = 10
"""Words. In a shorter text one changed word matters too much: it must be the same except for case and white space."""

LARGEST_BUCKET = 1000
"""Up to this many texts with the same word pair are all compared; beyond it, each with its neighbors only."""

_NEIGHBORS = 3
_COUNTERS = 8_388_593  # a prime; several times the word pairs of 50,000 film reviews
_PRODUCTS_AT_ONCE = 2_000_000  # each takes about 60 bytes
_PAIRS_AT_ONCE = 5_000
_WORDS_AT_ONCE = 1 << 18
_LARGEST = 2**63 - 1  # number that an array can hold

# In scripts without spaces between words, a character is a word.
_WORD = re.compile(f"[{UNSPACED}]|[^\\W{UNSPACED}]+")
_WORD_OR_MARKS = re.compile(r"\w+|[^\w\s]+")

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NearDuplicates:
    """Groups of near-duplicates: a chain of similar pairs connects any two members."""

    group: Integers  # id of each text's group, shape (texts,); a text without near-duplicates is a group of one
    first: Integers  # similar pairs, enough to connect the groups: indices into the texts, shape (pairs,)
    second: Integers  # larger than `first`, shape (pairs,)
    similarity: Floats  # THRESHOLD to 1, shape (pairs,)
    complete: bool  # False: a phrase occurs in so many texts that these were compared with their neighbors only


@dataclass(frozen=True)
class _Sets:
    """Sets of word pairs; set i is ``members[starts[i] : starts[i] + sizes[i]]``."""

    members: Integers  # codes
    starts: Integers
    sizes: Integers

    def of(self, places: Integers) -> _Sets:
        """Return some of the sets, in this order; the members stay where they are."""
        return _Sets(self.members, self.starts[places], self.sizes[places])

    def first(self, counts: Integers) -> Integers:
        """Return the first members of every set, one set after the other.

        Args:
            counts: How many of each set.
        """
        return self.members[positions(self.starts, offsets_of(counts))]


def find_near_duplicates(texts: Sequence[str]) -> NearDuplicates:
    """Find near-duplicates among distinct texts. (Identical texts would be found, too, but cost time.)"""
    ids, starts = _as_words(texts)
    lengths = np.diff(starts)
    long = np.flatnonzero(lengths >= SHORTEST)
    sets = _word_pairs(ids, starts, long)
    del ids
    by_size = np.argsort(sets.sizes, kind="stable")
    first, second, similarity, complete = _join(sets.of(by_size))
    rows = long[by_size]
    short = _same_but_for_case(texts, np.flatnonzero(lengths < SHORTEST))
    pairs = np.sort(np.concatenate([np.stack([rows[first], rows[second]], axis=1), short]), axis=1)
    similarity = np.concatenate([similarity, np.ones(len(short))])
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    first, second = pairs[order].T
    return NearDuplicates(_groups(first, second, len(texts)), first, second, similarity[order], complete)


def _as_words(texts: Sequence[str]) -> tuple[Ids, Integers]:
    """Return the word ids of all texts, and the start of each text, shape (texts + 1,)."""
    words = encode_words(texts, lambda pieces: [" ".join(_WORD.findall(piece.casefold())) for piece in pieces])
    return words.ids, words.offsets


def _word_pairs(ids: Ids, starts: Integers, rows: Integers) -> _Sets:
    """Return the word pairs of each of `rows` as sorted codes: from rare to frequent, then by code."""
    words = int(ids.max(initial=0)) + 1
    # Any order that is the same for all sets works, so pairs may share a counter and look more frequent than they are.
    counts = np.zeros(_COUNTERS, dtype=np.int32)
    for start in range(0, len(ids) - 1, _WORDS_AT_ONCE):
        some = ids[start : start + _WORDS_AT_ONCE + 1].astype(np.int64)
        counters, times = np.unique((some[:-1] * words + some[1:]) % _COUNTERS, return_counts=True)
        counts[counters] += times  # sorting first takes a tenth of the time of `np.add.at`
    lengths = starts[rows + 1] - starts[rows] - 1
    offsets = offsets_of(lengths)
    members, sizes, end = np.empty(offsets[-1], dtype=np.int64), np.zeros(len(rows), dtype=np.int64), 0
    for first, last in _parts(offsets, _LARGEST // words**2):
        places = positions(starts[rows[first:last]], offsets[first : last + 1] - offsets[first])
        codes = ids[places].astype(np.int64) * words + ids[places + 1]
        row = np.repeat(np.arange(last - first), lengths[first:last])
        # Sorting single numbers takes a fraction of the time of `np.lexsort`.
        codes = np.sort(row * words**2 + codes)
        distinct = np.append(True, codes[1:] != codes[:-1])
        codes, row = codes[distinct], row[distinct]
        codes -= row * words**2
        members[end : end + len(codes)] = codes[_by_count(counts[codes % _COUNTERS], row)]
        sizes[first:last] = np.bincount(row, minlength=last - first)
        end += len(codes)
    return _Sets(members[:end], offsets_of(sizes)[:-1], sizes)


def _parts(offsets: Integers, most_rows: int) -> Iterable[tuple[int, int]]:
    """Divide rows into parts of at most `_WORDS_AT_ONCE` word pairs, or of one row that has more.

    Args:
        offsets: Where the word pairs of each row begin.
    """
    rows = len(offsets) - 1
    full = np.arange(0, offsets[-1], _WORDS_AT_ONCE)
    after, before = np.searchsorted(offsets, full), np.searchsorted(offsets, full, side="right") - 1
    return pairwise(np.unique(np.concatenate([after, before, np.arange(0, rows, most_rows), [rows]])).tolist())


def _by_count(counts: npt.NDArray[np.int32], row: Integers) -> Integers:
    """Return the order of members by count within their row; equal counts stay in their order."""
    bits = len(counts).bit_length()
    keys = row * (int(counts.max(initial=0)) + 1) + counts  # less than 2 ** 43: 2 ** 15 rows, 2 ** 28 words in all
    order: Integers = np.sort((keys << bits) + np.arange(len(counts))) & ((1 << bits) - 1)
    return order


def _join(sets: _Sets) -> tuple[Integers, Integers, Floats, bool]:
    """Find similar pairs, enough to connect all sets that a chain of similar pairs connects.

    Args:
        sets: Smallest first. The members of all sets are in one common order.

    Returns:
        The larger (or later) and the smaller set of each pair, their similarity, and whether all candidates were
        compared.
    """
    if not len(sets.sizes):
        none = np.zeros(0, dtype=np.int64)
        return none, none, np.zeros(0), True
    larger, smaller, complete = _candidates(sets)
    similarity = np.full(len(larger), -1.0)
    # Among many copies of one letter, say, not all pairs need to be compared: first, each set with its likeliest match.
    _, likeliest = np.unique(larger, return_index=True)
    similarity[likeliest] = _similarities(sets, larger[likeliest], smaller[likeliest])
    similar = similarity >= float(THRESHOLD)
    group = _groups(larger[similar], smaller[similar], len(sets.sizes))
    open_ = (similarity < 0) & (group[larger] != group[smaller])
    similarity[open_] = _similarities(sets, larger[open_], smaller[open_])
    similar = similarity >= float(THRESHOLD)
    return larger[similar], smaller[similar], similarity[similar], complete


def _candidates(sets: _Sets) -> tuple[Integers, Integers, bool]:
    """Find pairs that may be similar, best candidates first.

    Returns:
        The larger and the smaller set of each pair, and whether these are all pairs that may be similar.
    """
    sizes = sets.sizes
    lengths = sizes - _least(THRESHOLD, sizes) + 1  # of the prefix; similar sets have a member in common there
    distinct, member = np.unique(sets.first(lengths), return_inverse=True)
    starts = offsets_of(lengths)
    texts_with = np.bincount(member, minlength=len(distinct))
    common = texts_with > LARGEST_BUCKET

    def matrix(members: npt.NDArray[np.bool_]) -> csr_array:
        keep = members[member]
        kept = np.append(0, np.cumsum(keep))[starts]
        return csr_array((np.ones(kept[-1], dtype=np.int32), member[keep], kept), shape=(len(sizes), len(distinct)))

    shared_rarely, shared_often = matrix(~common & (texts_with > 1)), matrix(common)
    pairs = [*_sharing(shared_rarely, sizes, np.diff(shared_often.indptr)), _neighbors(shared_often)]
    larger, smaller, shared = np.concatenate(pairs, axis=1)
    order = np.lexsort((-shared, larger))
    return larger[order], smaller[order], not common.any()


def _sharing(prefixes: csr_array, sizes: Integers, left_out: Integers) -> list[Integers]:
    """Find pairs that share enough of their prefixes to be similar.

    Args:
        left_out: Members of each prefix that are not in `prefixes`, shape (sets,).

    Returns:
        Parts of shape (3, pairs): the larger set, the smaller set, and the number of shared members.
    """
    by_member = prefixes.T.tocsr()
    part = np.cumsum(prefixes @ np.diff(by_member.indptr)) // _PRODUCTS_AT_ONCE
    beyond = _least(THRESHOLD, sizes) - 1  # members after the prefix
    pairs = [np.zeros((3, 0), dtype=np.int64)]
    for number in np.unique(part):
        rows = np.flatnonzero(part == number)
        shared = (prefixes[rows] @ by_member).tocoo()
        larger, smaller = rows[shared.row], shared.col.astype(np.int64)
        at_most = shared.data + np.minimum(left_out[larger], left_out[smaller]) + beyond[larger]
        needed = _least(THRESHOLD / (1 + THRESHOLD), sizes[larger] + sizes[smaller])
        fits = (smaller < larger) & (sizes[smaller] >= _least(THRESHOLD, sizes[larger])) & (at_most >= needed)
        pairs.append(np.stack([larger[fits], smaller[fits], shared.data[fits]]).astype(np.int64))
    return pairs


def _neighbors(prefixes: csr_array) -> Integers:
    """Pair rows that follow each other closely among those with the same member; shape (3, pairs) as in `_sharing`."""
    by_member = prefixes.T.tocsr()
    rows, member = by_member.indices, np.repeat(np.arange(by_member.shape[0]), np.diff(by_member.indptr))
    pairs: set[tuple[int, int]] = set()
    for distance in range(1, _NEIGHBORS + 1):
        same = member[distance:] == member[:-distance]
        pairs.update(zip(rows[distance:][same].tolist(), rows[:-distance][same].tolist(), strict=True))
    larger_smaller = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2).T
    return np.concatenate([larger_smaller, np.zeros((1, len(pairs)), dtype=np.int64)])


def _similarities(sets: _Sets, first: Integers, second: Integers) -> Floats:
    """Return the Jaccard similarity of sets first[i] and second[i], shape (pairs,)."""
    similarities = [np.zeros(0)]
    codes = int(sets.members.max(initial=0)) + 1
    at_once = min(_PAIRS_AT_ONCE, _LARGEST // codes)
    for start in range(0, len(first), at_once):
        one, other = first[start : start + at_once], second[start : start + at_once]
        both = sets.of(np.stack([one, other], axis=1).reshape(-1))
        members = both.first(both.sizes)
        sizes = both.sizes.reshape(-1, 2).sum(axis=1)
        pair = np.repeat(np.arange(len(one)), sizes)
        members = np.sort(pair * codes + members)
        twice = members[1:] == members[:-1]
        shared = np.bincount(pair[1:][twice], minlength=len(one))
        similarities.append(shared / (sizes - shared))
    return np.concatenate(similarities)


def _least(share: Fraction, sizes: Integers) -> Integers:
    """Return `share` of each size, rounded up."""
    return -(-sizes * share.numerator // share.denominator)


def _groups(first: Integers, second: Integers, count: int) -> Integers:
    links = csr_array((np.ones(len(first), dtype=bool), (first, second)), shape=(count, count))
    group: Integers = connected_components(links, directed=False)[1].astype(np.int64)
    return group


def _same_but_for_case(texts: Sequence[str], rows: Integers) -> Integers:
    """Pair each of `rows` with the first one that differs only in case and white space, shape (pairs, 2)."""
    first_of: dict[tuple[str, ...], int] = {}
    pairs = []
    for row in rows.tolist():
        first = first_of.setdefault(tuple(_WORD_OR_MARKS.findall(texts[row].casefold())), row)
        if first != row:
            pairs.append((first, row))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
