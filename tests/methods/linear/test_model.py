"""TF-IDF and logistic regression against scikit-learn's own pipeline."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bakeoff.errors import UserError
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import LinearModel
from bakeoff.methods.linear.tfidf import Tfidf
from bakeoff.methods.majority.model import MajorityModel
from tests.methods.small_data import small_table


def words_and_marks(text):
    return re.findall(r"\w+|[^\w\s]", text.lower())


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
@pytest.mark.parametrize("classes", [2, 3])
def test_without_naive_bayes_it_is_scikit_learns_pipeline(classes, class_weights):
    table = small_table(rows=121, classes=classes)
    settings = LinearConfig(
        ngrams="words", max_ngram=2, naive_bayes=False, inverse_regularization=3.0, class_weights=class_weights
    )
    peer = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, tokenizer=words_and_marks, token_pattern=None),
        LogisticRegression(C=3.0, max_iter=1000, class_weight=None if class_weights == "none" else "balanced"),
    ).fit(table.train.texts, table.train.labels)
    texts = [*table.test.texts, "", "unheard of"]

    model = LinearModel.fit(table.train.texts, table.train.labels, settings)

    assert model.probabilities(texts) == pytest.approx(peer.predict_proba(texts), abs=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_naive_bayes_weights_are_those_of_the_paper(classes):
    """NBSVM as Wang and Manning (2012) write it down, from scikit-learn's parts and liblinear's other solver."""
    table = small_table(classes=classes)
    labels = np.array(table.train.labels)
    options = {"ngram_range": (1, 2), "min_df": 2, "tokenizer": words_and_marks, "token_pattern": None}
    present = CountVectorizer(binary=True, **options).fit_transform(table.train.texts).toarray()
    tfidf = TfidfVectorizer(sublinear_tf=True, **options).fit(table.train.texts)
    scores = []
    for number in range(classes):
        own = 1 + present[labels == number].sum(axis=0)
        others = 1 + present[labels != number].sum(axis=0)
        ratio = np.log((own / own.sum()) / (others / others.sum()))
        regression = LogisticRegression(C=3.0, solver="liblinear", tol=1e-8, max_iter=10_000)
        regression.fit(tfidf.transform(table.train.texts).toarray() * ratio, labels == number)
        scores.append(regression.decision_function(tfidf.transform(table.test.texts).toarray() * ratio))

    settings = LinearConfig(ngrams="words", max_ngram=2, inverse_regularization=3.0)
    model = LinearModel.fit(table.train.texts, table.train.labels, settings)

    found = np.log(model.probabilities(table.test.texts))
    wanted = scores[1] if classes == 2 else scores[1] - scores[0]  # the difference of the log-probabilities
    assert found[:, 1] - found[:, 0] == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize("ngrams", ["words", "characters", "both"])
@pytest.mark.parametrize("naive_bayes", [True, False])
def test_a_saved_model_answers_as_before_and_needs_no_pickle(tmp_path, naive_bayes, ngrams):
    table = small_table(classes=3)
    settings = LinearConfig(ngrams=ngrams, naive_bayes=naive_bayes)
    model = LinearModel.fit(table.train.texts, table.train.labels, settings)
    model.save(tmp_path)

    loaded = LinearModel.load(tmp_path)

    assert loaded.ngrams.kind == model.ngrams.kind == ngrams
    assert np.array_equal(loaded.probabilities(table.test.texts), model.probabilities(table.test.texts))
    assert {file.suffix for file in tmp_path.iterdir()} == {".json", ".safetensors"}


@pytest.mark.parametrize("ngrams", ["words", "both"])
@pytest.mark.parametrize("naive_bayes", [True, False])
def test_the_same_texts_give_the_same_model(naive_bayes, ngrams):
    """So `repeats` need not train it with another seed."""
    table = small_table(classes=3)
    settings = LinearConfig(ngrams=ngrams, naive_bayes=naive_bayes)
    one, other = (LinearModel.fit(table.train.texts, table.train.labels, settings) for _ in range(2))

    assert np.array_equal(one.weights, other.weights)
    assert np.array_equal(one.intercepts, other.intercepts)


def test_majority_answers_with_the_shares_of_the_training_split(tmp_path):
    MajorityModel.fit([0, 1, 1, 1], 3).save(tmp_path)

    found = MajorityModel.load(tmp_path).probabilities(["fine", "dull"])

    assert found.tolist() == [[0.25, 0.75, 0.0]] * 2


def test_texts_without_any_frequent_word_are_explained():
    with pytest.raises(UserError, match="Lower min_document_frequency"):
        LinearModel.fit(["one", "two", "three"], [0, 1, 0], LinearConfig(ngrams="words"))


@pytest.mark.parametrize("ngrams", ["characters", "both"])
def test_the_answer_to_a_text_does_not_depend_on_the_texts_beside_it(ngrams):
    table = small_table(classes=3)
    model = LinearModel.fit(table.train.texts, table.train.labels, LinearConfig(ngrams=ngrams))

    together = model.probabilities(table.test.texts)

    assert np.array_equal(np.concatenate([model.probabilities([text]) for text in table.test.texts]), together)


def test_an_unspaced_script_is_learned_from_its_characters():
    """No word of a test text stands in the training split."""
    chance = np.random.default_rng(1)

    def texts(count):
        fillers = ["".join(chance.choice(list("的了我在有他这为之大来以个中上们到说"), 9)) for _ in range(2 * count)]
        return [fillers[2 * n] + ("好吃" if n % 2 else "难吃") + fillers[2 * n + 1] for n in range(count)]

    test, labels = texts(40), [0, 1] * 20

    model = LinearModel.fit(texts(120), [0, 1] * 60, LinearConfig())

    assert model.ngrams.kind == "characters"
    right = model.probabilities(test).argmax(axis=1) == labels
    assert right.mean() > 0.9, "and chance is 0.5"


def test_tfidf_is_scikit_learns_to_the_last_bit():
    random = np.random.default_rng(3)
    counts = csr_matrix(random.poisson(0.4, size=(60, 500)).astype(np.float64) * (random.random((60, 1)) < 0.9))
    peer = TfidfTransformer(sublinear_tf=True).fit(counts)

    found, expected = Tfidf(peer.idf_).transform(counts), peer.transform(counts)

    assert type(found) is type(expected)
    assert (np.diff(counts.indptr) == 0).any()  # texts without a known word are among them
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part), strict=True)
