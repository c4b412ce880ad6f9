"""Which words moved a decision: against scikit-learn, against deletion, and what must hold for any text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bakeoff.data.config import TableData
from bakeoff.data.tables import prepare_table
from bakeoff.data.types import LabeledTexts
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import LinearModel
from bakeoff.runs.folder import ContestantFolder
from bakeoff.tasks.attribution import MOST_QUESTIONS, Explanation, contributions, explain, without, word_spans
from bakeoff.tasks.classification import bake
from bakeoff.tasks.classifier import Classifier, load_classifier
from bakeoff.tasks.marks import MARKED_WORDS, strongest_marks
from bakeoff.training.progress import Progress
from tests.methods.small_data import SMALL_LSTM, TELLING, config, small_table

# Words, repeated and not, between marks, spaces and letters that change their length when their case is changed.
TEXTS = st.lists(
    st.sampled_from(["no", "No", "İt’s", "well-made", "映画", "हिन्दी", "...", "\n", "<b>", "3"]), max_size=30
).map(" ".join)


class WordCounter:
    """Says label 1 by how often a word stands in the text: every contribution is known."""

    def __init__(self, word: str, weight: float) -> None:
        self.word, self.weight = word, weight
        self.questions = 0

    def probabilities(self, texts):
        self.questions += len(texts)
        odds = np.array([self.weight * text.split().count(self.word) for text in texts])
        second = 1 / (1 + np.exp(-odds))
        return np.stack([1 - second, second], axis=1)


def contribution_of(found: Explanation) -> dict[str, float]:
    return {word.word: word.contribution for word in found.words}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('It\'s a well-made film, "fine"...', ["It's", "a", "well-made", "film", "fine"]),
        ("<br />The end--", ["br", "The", "end"]),
        ("यह हिन्दी है", ["यह", "हिन्दी", "है"]),
        ("a\x1b[31m b", ["a", "31m", "b"]),
        (" ?! \n", []),
    ],
)
def test_words_are_places_in_the_text_as_it_is(text, words):
    assert [text[start:end] for start, end in word_spans(text)] == words


@given(TEXTS)
@settings(deadline=None)  # the pattern of words takes a moment to build
def test_the_places_of_the_words_hold_the_words_and_no_two_overlap(text):
    found = explain(WordCounter("no", 1.0), ["a", "b"], text)

    places = sorted(span for word in found.words for span in word.spans)
    assert places == word_spans(text)
    for word in found.words:
        assert {text[start:end].lower() for start, end in word.spans} == {word.word.lower()}
    assert without(text, places).split() == without(text, word_spans(text)).split()
    assert (found.check is None) == (len(found.words) < 2)


def test_a_word_is_left_out_everywhere_and_gets_what_it_is_worth():
    found = explain(WordCounter("good", 0.7), ["a", "b"], "good film , good plot , bad end")

    assert found.label == "b"
    assert found.words[0].word == "good"
    assert found.words[0].spans == [(0, 4), (12, 16)]
    assert contribution_of(found) == pytest.approx({"good": 1.4, "film": 0, "plot": 0, "bad": 0, "end": 0})
    assert found.check.removed == 2
    assert found.check.without_top == 0.5
    assert 0.5 <= found.check.without_random <= found.probability


def test_a_word_against_the_decision_counts_below_zero():
    found = explain(WordCounter("bad", -0.7), ["a", "b"], "bad bad film")

    assert (found.label, contribution_of(found)["bad"]) == ("a", pytest.approx(1.4))
    odds_of_b, _ = contributions(WordCounter("bad", -0.7), "bad bad film", label=1)
    assert odds_of_b[0].contribution == pytest.approx(-1.4)


def test_a_long_text_takes_no_more_questions_than_allowed():
    model = WordCounter("word700", 2.0)
    text = " ".join(f"word{number}" for number in range(1000))

    found = explain(model, ["a", "b"], text)

    assert found.words_at_once == 4
    assert model.questions < MOST_QUESTIONS + 30
    assert found.words[0].word == "word700 word701 word702 word703"
    assert text[slice(*found.words[0].spans[0])] == found.words[0].word


def test_only_the_shown_part_is_examined_and_the_whole_text_read():
    model = WordCounter("late", 1.0)
    text = "early " * 60 + "late"

    words, _ = contributions(model, text, label=1, within=300)

    assert [word.word for word in words] == ["early"]
    assert max(end for _, end in words[0].spans) <= 300
    assert strongest_marks(model, text, label=1, shown=300) == []
    assert [mark.contribution for mark in strongest_marks(model, text, 1, len(text))] == [pytest.approx(1.0)]


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
    """Contestants of every kind that have learned the one telling word of each text."""
    folder = tmp_path_factory.mktemp("explained")
    checked = config({"majority": {}, "linear": {}, "lstm": SMALL_LSTM, "gru": SMALL_LSTM})
    for name in checked.contestants:
        bake(checked, name, small_table(), ContestantFolder(folder / name), Progress())
    return {name: load_classifier(folder / name / "model") for name in checked.contestants}


class ScikitLearn:
    """Somebody else's classifier, whose log-odds are known: its decision function."""

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
        found = explain(model, ["negative", "positive"], plain)
        for word in found.words:
            left = " ".join(each for each in plain.split() if each.lower() != word.word.lower())
            before, after = model.pipeline.decision_function([plain, left])
            difference = before - after if found.label == "positive" else after - before
            assert word.contribution == pytest.approx(difference, abs=1e-9), (plain, word)


@pytest.mark.parametrize("name", ["linear", "lstm", "gru"])
def test_the_telling_word_is_found_whatever_the_method(trained, name):
    found = [trained[name].explain(text) for text in small_table().test.texts]
    strongest = [max(each.words, key=lambda word: word.contribution).word for each in found]

    hits = [word in TELLING[each.label] for word, each in zip(strongest, found, strict=True)]
    assert np.mean(hits) >= 0.8


def test_nothing_moves_a_model_that_does_not_read(trained):
    found = trained["majority"].explain("a fine film")

    assert set(contribution_of(found).values()) == {0.0}
    assert found.check.without_top == found.check.without_random == found.probability


@pytest.mark.parametrize("text", ["", " \n", "?!", "fine", "日本語", "dull " * 3000])
@pytest.mark.parametrize("name", ["linear", "lstm"])
def test_odd_texts_are_explained_too(trained, name, text):
    found = trained[name].explain(text)

    assert len(found.words) == len({text[start:end] for start, end in word_spans(text)})
    assert all(np.isfinite(word.contribution) for word in found.words)


def test_marks_are_the_strongest_words_in_the_order_of_the_text(linear, sentences):
    for text in sentences[1].texts[:5]:
        found = linear.explain(text)
        strongest = {word.word.lower(): word.contribution for word in found.words[:MARKED_WORDS]}

        marks = strongest_marks(linear, text, linear.labels.index(found.label), len(text))

        assert marks
        assert [mark.start for mark in marks] == sorted(mark.start for mark in marks)
        for mark in marks:
            assert strongest[text[mark.start : mark.end].lower()] == pytest.approx(mark.contribution)


@pytest.mark.parametrize("name", ["linear", "lstm"])
def test_removing_the_top_words_moves_the_decision_more_than_removing_random_ones(sentences, linear, lstm, name):
    """ERASER's comprehensiveness (DeYoung et al. 2020), averaged over real sentences."""
    _, test = sentences
    classifier = {"linear": linear, "lstm": lstm}[name]
    drops = []
    for text in test.texts[:30]:
        found = classifier.explain(text)
        if found.check:
            drops.append((found.probability - found.check.without_top, found.probability - found.check.without_random))
    top, random = np.mean(drops, axis=0)

    assert len(drops) > 20
    assert top > 0.05
    assert top > 3 * max(random, 0.0)


@pytest.fixture(scope="module")
def lstm(sentences, tmp_path_factory) -> Classifier:
    """An LSTM that learned something of real sentences: 1,600 of them, a few seconds."""
    table, _ = prepare_table(TableData(table="sentence-polarity", rows=2000), 12)
    small = {"embedding_size": 32, "hidden_size": 16, "word_dropout": 0, "embedding_dropout": 0, "dropout": 0.2}
    checked = config({"lstm": {**small, "learning_rate": 1e-2, "batch_size": 32}}, epochs=3)
    folder = ContestantFolder(tmp_path_factory.mktemp("sentences") / "lstm")
    bake(checked, "lstm", table, folder, Progress())
    return load_classifier(folder.model)
