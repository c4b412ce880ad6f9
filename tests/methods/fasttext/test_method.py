"""fastText as a contestant answers as its own program does."""

from __future__ import annotations

import re
from pathlib import Path

import fasttext
import pytest

from bakeoff.errors import DivergedError, UserError
from bakeoff.methods import base
from bakeoff.methods.fasttext.config import FastTextConfig
from bakeoff.methods.fasttext.method import FastTextMethod, epochs_of
from bakeoff.methods.fasttext.model import FastTextModel, lines_of
from bakeoff.methods.saved import load_text_model, read_classifier
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.sections import Budget
from bakeoff.tasks.classifier import load_classifier
from bakeoff.tasks.suggestions import Suggestions
from tests.baking import bake, plan
from tests.methods.small_data import config, small_table
from tests.test_packages import hide

TABLE = small_table(classes=3)


def baked(folder: Path, epochs: int = 6, **settings):
    contestant = ContestantFolder(folder / "fasttext")
    made = config({"fasttext": {"buckets": 1000, **settings}}, epochs)
    return bake(made, "fasttext", TABLE, contestant), contestant.model


def plain_line(text: str) -> str:
    return " ".join(re.sub(r"([^\w\s])", r" \1 ", text.lower()).split())


@pytest.mark.parametrize(
    ("settings", "own"),
    [
        ({}, {"dim": 10, "wordNgrams": 2, "lr": 0.5}),
        ({"max_ngram": 1, "embedding_size": 4, "min_frequency": 3}, {"dim": 4, "minCount": 3, "lr": 0.5}),
        (
            {"min_subword": 2, "max_subword": 4, "learning_rate": 0.2},
            {"dim": 10, "wordNgrams": 2, "minn": 2, "maxn": 4, "lr": 0.2},
        ),
    ],
)
def test_the_numbers_are_those_of_its_own_program(tmp_path, settings, own):
    file = tmp_path / "train.txt"
    file.write_text(
        "".join(
            f"__label__{TABLE.label_names[label]} {plain_line(text)}\n"
            for text, label in zip(TABLE.train.texts, TABLE.train.labels, strict=True)
        )
    )
    program = fasttext.train_supervised(str(file), bucket=1000, epoch=6, seed=12, thread=1, verbose=0, **own)

    result, model = baked(tmp_path, **settings)

    rows = load_text_model(model, read_classifier(model)).probabilities(TABLE.test.texts)
    for row, text in zip(rows, TABLE.test.texts, strict=True):
        labels, probabilities = program.predict(plain_line(text), k=-1)
        expected = {label.removeprefix("__label__"): value for label, value in zip(labels, probabilities, strict=True)}
        assert dict(zip(TABLE.label_names, row, strict=True)) == pytest.approx(expected, abs=5e-5)
    matrices = program.get_input_matrix().size + program.get_output_matrix().size
    assert result.total_parameters == matrices
    assert (result.training.epochs, result.training.stopped_by) == (6, "epochs")


def test_its_own_program_reads_the_saved_model(tmp_path):
    _, model = baked(tmp_path)

    program = fasttext.load_model(str(model / "model.bin"))

    labels, _ = program.predict(lines_of(TABLE.test.texts))
    own = load_classifier(model).probabilities(TABLE.test.texts).argmax(axis=1)
    assert [int(label[0].removeprefix("__label__")) for label in labels] == own.tolist()


def test_words_that_it_would_take_for_labels_or_line_ends_are_words(tmp_path):
    assert lines_of(["__label__good </s>\nA FINE film!", ""]) == ["_ _ label _ _ good < / s > a fine film !", ""]


@pytest.mark.parametrize(
    ("budget", "epochs"),
    [
        ({"epochs": 3}, 3),
        ({"tokens": 250}, 2),
        ({"tokens": 50}, 1),
        ({"epochs": 3, "tokens": 250}, 2),
        ({"epochs": 3, "seconds": 9}, 3),
        ({"seconds": 9}, 5),
    ],
)
def test_the_budget_is_kept_in_whole_epochs(budget, epochs):
    assert epochs_of(Budget(**budget), 100) == epochs


def test_a_plan_gives_its_sample_a_share_of_the_tokens(monkeypatch):
    monkeypatch.setattr(base, "PLANNED_CHARACTERS", sum(map(len, TABLE.train.texts)) // 4)
    words = sum(len(line.split()) for line in lines_of(TABLE.train.texts))
    trained = []
    fit = FastTextModel.fit

    def fitted(*args, epochs, **settings):
        trained.append(epochs)
        return fit(*args, epochs=epochs, **settings)

    monkeypatch.setattr(FastTextModel, "fit", fitted)
    made = config({"fasttext": {"buckets": 1000}}).model_copy(update={"budget": Budget(tokens=8 * words)})

    plan(made, TABLE)

    assert 6 <= trained[0] <= 10  # 8 of the whole split


def test_words_are_explained(tmp_path):
    _, model = baked(tmp_path, epochs=20)

    explanation = load_classifier(model).explain("the film was dull")

    assert explanation.label == "bad"
    assert explanation.words[0].word == "dull"


def test_a_training_that_diverges_is_told_and_ends_neither_the_bake_off_nor_a_search(tmp_path, monkeypatch):
    with pytest.raises(DivergedError, match="fastText could not be trained: Encountered NaN"):
        baked(tmp_path, learning_rate=1e30)

    monkeypatch.setattr(Suggestions, "settings", lambda *_: {"learning_rate": 1e30})
    result, _ = baked(tmp_path / "search", tune={"trials": 2, "settings": ["learning_rate"]})
    assert [trial.state for trial in result.search.trials] == ["finished", "failed"]


@pytest.mark.parametrize("max_ngram", [1, 2])
def test_a_vocabulary_without_words_is_told(tmp_path, max_ngram):
    with pytest.raises(UserError, match="no word occurs 1,000 times") as caught:
        baked(tmp_path, min_frequency=1000, max_ngram=max_ngram)

    assert caught.value.hint == "Lower its min_frequency."


def test_a_range_of_subwords_must_be_one():
    with pytest.raises(ValueError, match="min_subword must be from 1 to max_subword"):
        FastTextConfig(max_subword=3)
    with pytest.raises(ValueError, match="min_subword needs max_subword"):
        FastTextConfig(min_subword=3)


def test_a_missing_package_is_one_sentence(monkeypatch):
    hide(monkeypatch, "fasttext")

    with pytest.raises(UserError) as caught:
        FastTextMethod().check("mine", FastTextConfig(), TABLE)

    assert caught.value.message == "contestants.mine: method `fasttext` needs fasttext, which is not installed."
    assert caught.value.hint == "Install with: pip install 'bakeoff[fasttext]'"
