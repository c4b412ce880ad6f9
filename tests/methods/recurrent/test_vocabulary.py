"""Words, their numbers, and texts as numbers."""

from __future__ import annotations

import string
import sys
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from bakeoff.data.word_ids import TokenizedTexts
from bakeoff.data.words import marks, tokenize
from bakeoff.methods.recurrent.config import Vocabulary
from bakeoff.methods.recurrent.vocabulary import FIRST_WORD, UNKNOWN, WordVocabulary

LAB = Vocabulary(min_frequency=5, stop_words="remove", punctuation="strip")


def words_of(texts: TokenizedTexts) -> list[list[str]]:
    return [
        [texts.words[number] for number in texts.ids[start:end]]
        for start, end in zip(texts.offsets, texts.offsets[1:], strict=False)
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("strip", ["its", "a", "cafébr", "isnt", "it"]),
        ("separate", ["it", "'", "s", "a", "café", ",", "isn", "’", "t", "it", "?"]),
    ],
)
def test_the_two_rules_of_punctuation(rule, expected):
    assert words_of(tokenize(["It's a CAFÉ,<br /> isn’t it?"], rule)) == [expected]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("so 👨‍👩‍👧!", ["so", "👨‍👩‍👧", "!"]),  # joined
        ("good👍🏽👍🏽", ["good", "👍🏽", "👍🏽"]),  # with a skin tone
        ("❤️love❤️", ["❤️", "love", "❤️"]),  # with a variation selector
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿,", ["🏴󠁧󠁢󠁥󠁮󠁧󠁿", ","]),  # with tags
        ("😀😀", ["😀", "😀"]),
        ("न‍म क्‍ष", ["न‍म", "क्‍ष"]),  # a joiner between letters
        ("หนังดีมาก!", ["หนังดีมาก", "!"]),
        ("été.", ["été", "."]),
    ],
)
def test_what_unicode_attaches_to_a_character_stays_with_it(text, words):
    assert words_of(tokenize([text], "separate")) == [words]
    assert set(words_of(tokenize([text], "strip"))[0]).isdisjoint(
        word for word in words if unicodedata.category(word[0])[0] in "PS"
    )


@pytest.mark.parametrize(
    ("one", "other"), [("STRASSE", "straße"), ("ΟΔΟΣ", "οδος"), ("İstanbul", "i̇stanbul"), ("ÉTÉ", "été")]
)
def test_case_is_folded_by_unicode(one, other):
    assert words_of(tokenize([one], "separate")) == words_of(tokenize([other], "separate"))


def test_every_mark_of_unicode_is_known():
    everything = map(chr, range(sys.maxunicode + 1))

    assert list(marks()) == [character for character in everything if unicodedata.category(character)[0] in "PS"]


@given(st.lists(st.text(alphabet=string.printable, max_size=60), max_size=6))
def test_strip_is_the_lab_s_clean_up(texts):
    deletion = str.maketrans("", "", string.punctuation)

    assert words_of(tokenize(texts, "strip")) == [text.lower().translate(deletion).split() for text in texts]


@given(st.lists(st.text(max_size=60), max_size=6), st.sampled_from(["strip", "separate"]))
def test_a_text_s_words_do_not_depend_on_the_texts_beside_it(texts, rule):
    assert words_of(tokenize(texts, rule)) == [words_of(tokenize([text], rule))[0] for text in texts]


def test_what_lies_behind_the_last_text_in_memory_does_not_matter():
    """Arrow's split reads on behind a text that ends with white space, where 64 bytes are full (apache/arrow#37757)."""
    words = "x" * 61  # and " ! ", which the mark is rewritten to
    for size in range(1000):
        left_in_memory = [b" " * (size % 200) for _ in range(20)]
        del left_in_memory
        texts = tokenize([f"{words}!"], "separate")
        assert [texts.words[number] for number in texts.ids] == [words, "!"]


@given(st.lists(st.text(alphabet="abcd .,", max_size=80), min_size=1, max_size=8), st.integers(1, 4))
def test_vocabulary_holds_the_frequent_words_the_most_frequent_first(texts, min_frequency):
    training = tokenize(texts, "strip")
    counts = Counter(word for text in words_of(training) for word in text)

    built = WordVocabulary.build(training, Vocabulary(min_frequency=min_frequency, punctuation="strip"))

    assert set(built.words) == {word for word, count in counts.items() if count >= min_frequency}
    assert built.words == sorted(built.words, key=lambda word: (-counts[word], word))


def test_the_lab_s_vocabulary_and_encoding():
    training = tokenize(["The plot, the PLOT, the plot!"] * 2 + ["not rare"] * 4 + ["plot twist twist"], "strip")

    vocabulary = WordVocabulary.build(training, LAB)

    assert "not" in ENGLISH_STOP_WORDS  # the rule's price
    assert vocabulary.words == ["plot"]
    # Stop words and rare words keep their places as unknown words.
    assert vocabulary.encode(["The plot: not a twist."]).ids.tolist() == [UNKNOWN, FIRST_WORD, *[UNKNOWN] * 3]


def test_max_size_keeps_the_most_frequent_words():
    training = tokenize(["a a a b b c"], "strip")

    assert WordVocabulary.build(training, Vocabulary(min_frequency=1, max_size=2)).words == ["a", "b"]


@given(st.lists(st.text(alphabet="ab zé.?", max_size=20), max_size=8))
def test_encoding_reads_back_as_the_known_words(texts):
    vocabulary = WordVocabulary(["a", "b", "ab"], "strip")

    encoded = vocabulary.encode(texts)

    for row, words in enumerate(words_of(tokenize(texts, "strip"))):
        numbers = encoded.ids[encoded.offsets[row] : encoded.offsets[row + 1]].tolist()
        expected = [{"a": 2, "b": 3, "ab": 4}.get(word, UNKNOWN) for word in words]
        assert numbers == (expected or [UNKNOWN])  # a model always has something to read


def test_saved_and_loaded(tmp_path):
    vocabulary = WordVocabulary(["naïve", '"', "\u2028"], "separate")
    vocabulary.save(tmp_path / "vocabulary.json")

    loaded = WordVocabulary.load(tmp_path / "vocabulary.json")

    assert loaded.words == vocabulary.words
    assert loaded.encode(['naïve "x']).ids.tolist() == [2, 3, UNKNOWN]
