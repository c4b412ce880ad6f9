"""Attribution: compared with scikit-learn and with deletion, and invariants that hold for any text."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bakeoff.config.classification import ClassificationConfig
from bakeoff.data.config import TableData
from bakeoff.data.graphemes import graphemes
from bakeoff.data.tables import prepare_table
from bakeoff.data.types import LabeledTexts, SplitTable
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import LinearModel
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.tasks.attribution import (
    HIGHLIGHTED_WORDS,
    MOST_QUESTIONS,
    Explanation,
    contributions,
    explain,
    strongest_words,
    without,
    word_spans,
)
from bakeoff.tasks.base import Contestant
from bakeoff.tasks.classification import ClassificationTask
from bakeoff.tasks.classifier import Classifier, load_classifier
from bakeoff.training.progress import Progress
from tests.methods.small_data import SMALL_LSTM, TELLING, config, small_table

# Words, repeated and not, with punctuation, spaces and letters whose lower case has another length.
TEXTS = st.lists(
    st.sampled_from(["no", "No", "İt’s", "well-made", "映画", "हिन्दी", "...", "\n", "<b>", "3"]), max_size=30
).map(" ".join)


class WordCounter:
    """A model whose log-odds of label 1 count the occurrences of a word, so every contribution is known."""

    def __init__(self, word: str, weight: float) -> None:
        self.word, self.weight = word, weight
        self.questions = 0

    def probabilities(self, texts):
        self.questions += len(texts)
        odds = np.array([self.weight * text.split().count(self.word) for text in texts])
        second = 1 / (1 + np.exp(-odds))
        return np.stack([1 - second, second], axis=1)


def contribution_of(explanation: Explanation) -> dict[str, float]:
    return {word.word: word.contribution for word in explanation.words}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('It\'s a well-made film, "fine"...', ["It's", "a", "well-made", "film", "fine"]),
        ("<br />The end--", ["br", "The", "end"]),
        ("यह हिन्दी है", ["यह", "हिन्दी", "है"]),
        ("a\x1b[31m b", ["a", "31m", "b"]),
        (" ?! \n", []),
        ("味道很好,不-贵", ["味", "道", "很", "好", "不", "贵"]),
        ("iPhone的屏幕3天坏了", ["iPhone", "的", "屏", "幕", "3", "天", "坏", "了"]),
        ("おいしいラーメン", ["おいし", "いラー", "メン"]),
        ("อาหารอร่อย ดี", ["อาห", "ารอ", "ร่อย", "ดี"]),
        ("ก็ดี ที่นี่", ["ก็ดี", "ที่นี่"]),  # a vowel and a tone stand above each consonant
        ("❤️love👨‍👩‍👧!", ["love"]),
        ("cafe\u0301s", ["cafe\u0301s"]),
    ],
)
def test_word_spans_are_places_in_the_original_text(text, words):
    assert [text[start:end] for start, end in word_spans(text)] == words


@given(st.text(alphabet=st.sampled_from("aé-' 味のラกี่็ရှိ❤\ufe0f👨👩\u200d🏽🇩🇪\u0301한ᄀ,"), max_size=30))
@settings(deadline=None)
def test_no_span_begins_or_ends_inside_a_character(text):
    ends = {0, *np.cumsum([len(character) for character in graphemes(text)]).tolist()}

    spans = word_spans(text)

    assert {end for span in spans for end in span} <= ends
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@given(TEXTS)
@settings(deadline=None)  # the pattern of words takes a moment to build
def test_spans_hold_their_word_and_do_not_overlap(text):
    explanation = explain(WordCounter("no", 1.0), ["a", "b"], text)

    places = sorted(span for word in explanation.words for span in word.spans)
    assert places == word_spans(text)
    for word in explanation.words:
        assert {text[start:end].lower() for start, end in word.spans} == {word.word.lower()}
    assert without(text, places).split() == without(text, word_spans(text)).split()
    assert (explanation.check is None) == (len(explanation.words) < 2)


def test_all_occurrences_are_removed_together():
    explanation = explain(WordCounter("good", 0.7), ["a", "b"], "good film , good plot , bad end")

    assert explanation.label == "b"
    assert explanation.words[0].word == "good"
    assert explanation.words[0].spans == [(0, 4), (12, 16)]
    assert contribution_of(explanation) == pytest.approx({"good": 1.4, "film": 0, "plot": 0, "bad": 0, "end": 0})
    assert explanation.check.removed == 2
    assert explanation.check.without_top == 0.5
    assert 0.5 <= explanation.check.without_random <= explanation.probability


def test_a_word_that_opposes_the_label_has_a_negative_contribution():
    explanation = explain(WordCounter("bad", -0.7), ["a", "b"], "bad bad film")

    assert (explanation.label, contribution_of(explanation)["bad"]) == ("a", pytest.approx(1.4))
    odds_of_b, _ = contributions(WordCounter("bad", -0.7), "bad bad film", label=1)
    assert odds_of_b[0].contribution == pytest.approx(-1.4)


def test_the_cost_of_a_long_text_is_bounded():
    model = WordCounter("word700", 2.0)
    text = " ".join(f"word{number}" for number in range(1000))

    explanation = explain(model, ["a", "b"], text)

    assert explanation.words_at_once == 4
    assert model.questions < MOST_QUESTIONS + 30
    assert explanation.words[0].word == "word700 word701 word702 word703"
    assert text[slice(*explanation.words[0].spans[0])] == explanation.words[0].word


def test_only_words_of_the_shown_part_are_removed():
    model = WordCounter("late", 1.0)
    text = "early " * 60 + "late"

    words, _ = contributions(model, text, label=1, within=300)

    assert [word.word for word in words] == ["early"]
    assert max(end for _, end in words[0].spans) <= 300
    assert strongest_words(model, text, label=1, shown=300) == []
    assert [word.contribution for word in strongest_words(model, text, 1, len(text))] == [pytest.approx(1.0)]


@pytest.fixture(scope="module")
def sentences() -> tuple[LabeledTexts, LabeledTexts]:
    table, _ = prepare_table(TableData(table="sentence-polarity", rows=2000), 12)
    return table.train, table.test


@pytest.fixture(scope="module")
def linear(sentences) -> Classifier:
    train, _ = sentences
    return Classifier(["negative", "positive"], LinearModel.fit(train.texts, train.labels, LinearConfig()))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> dict[str, Classifier]:
    """Contestants of every kind, trained on texts with one telling word each."""
    folder = tmp_path_factory.mktemp("explained")
    checked = config({"majority": {}, "linear": {}, "lstm": SMALL_LSTM, "gru": SMALL_LSTM})
    return {name: train(checked, name, small_table(), folder) for name in checked.contestants}


def train(config: ClassificationConfig, name: str, data: SplitTable, folder: Path) -> Classifier:
    home = ContestantFolder(folder / name)
    ClassificationTask().bake(config, Contestant(name, config.seed, home, name, {}), data, Progress())
    return load_classifier(home.model)


class ScikitLearn:
    """A third-party classifier with known log-odds: its decision function."""

    def __init__(self, train: LabeledTexts) -> None:
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
        self.pipeline = make_pipeline(words, LogisticRegression(C=10)).fit(train.texts, train.labels)

    def probabilities(self, texts):
        return self.pipeline.predict_proba(texts)


def test_contributions_are_differences_of_scikit_learn_s_decision_function(sentences):
    train, test = sentences
    model = ScikitLearn(train)
    for text in test.texts[:20]:
        plain = " ".join(text[start:end] for start, end in word_spans(text))
        explanation = explain(model, ["negative", "positive"], plain)
        for word in explanation.words:
            remaining = " ".join(other for other in plain.split() if other.lower() != word.word.lower())
            before, after = model.pipeline.decision_function([plain, remaining])
            difference = before - after if explanation.label == "positive" else after - before
            assert word.contribution == pytest.approx(difference, abs=1e-9), (plain, word)


@pytest.mark.parametrize("name", ["linear", "lstm", "gru"])
def test_the_telling_word_is_found_whatever_the_method(trained, name):
    explanations = [trained[name].explain(text) for text in small_table().test.texts]
    strongest = [max(explanation.words, key=lambda word: word.contribution).word for explanation in explanations]

    hits = [word in TELLING[explanation.label] for word, explanation in zip(strongest, explanations, strict=True)]
    assert np.mean(hits) >= 0.8


def test_no_word_moves_a_model_that_ignores_the_text(trained):
    explanation = trained["majority"].explain("a fine film")

    assert set(contribution_of(explanation).values()) == {0.0}
    assert explanation.check.without_top == explanation.check.without_random == explanation.probability


@pytest.mark.parametrize("text", ["", " \n", "?!", "fine", "日本語", "dull " * 3000])
@pytest.mark.parametrize("name", ["linear", "lstm"])
def test_unusual_texts_are_explained_too(trained, name, text):
    explanation = trained[name].explain(text)

    assert len(explanation.words) == len({text[start:end] for start, end in word_spans(text)})
    assert all(np.isfinite(word.contribution) for word in explanation.words)


def test_highlighted_words_are_the_strongest_ones_of_the_explanation(linear, sentences):
    for text in sentences[1].texts[:5]:
        explanation = linear.explain(text)

        words = strongest_words(linear, text, linear.labels.index(explanation.label), len(text))

        assert words
        assert words == [word for word in explanation.words[:HIGHLIGHTED_WORDS] if abs(word.contribution) >= 0.01]


@pytest.mark.parametrize("name", ["linear", "lstm"])
def test_removing_the_top_words_moves_the_decision_more_than_removing_random_ones(sentences, linear, lstm, name):
    """ERASER's comprehensiveness (DeYoung et al. 2020), averaged over real sentences."""
    _, test = sentences
    classifier = {"linear": linear, "lstm": lstm}[name]
    drops = []
    for text in test.texts[:30]:
        explanation = classifier.explain(text)
        if explanation.check:
            drops.append(
                (
                    explanation.probability - explanation.check.without_top,
                    explanation.probability - explanation.check.without_random,
                )
            )
    top, random = np.mean(drops, axis=0)

    assert len(drops) > 20
    assert top > 0.05
    assert top > 3 * max(random, 0.0)


@pytest.fixture(scope="module")
def lstm(sentences, tmp_path_factory) -> Classifier:
    """An LSTM trained on 1,600 real sentences for a few seconds."""
    table, _ = prepare_table(TableData(table="sentence-polarity", rows=2000), 12)
    small = {"embedding_size": 32, "hidden_size": 16, "word_dropout": 0, "embedding_dropout": 0, "dropout": 0.2}
    checked = config({"lstm": {**small, "learning_rate": 1e-2, "batch_size": 32}}, epochs=3)
    return train(checked, "lstm", table, tmp_path_factory.mktemp("sentences"))
