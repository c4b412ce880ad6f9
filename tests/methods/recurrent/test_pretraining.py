"""Pretraining on unlabeled texts, and the classifier that goes on from it."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from bakeoff.config.classification import ClassificationConfig
from bakeoff.data.raw_tables import read_raw_table
from bakeoff.errors import UserError
from bakeoff.methods.context import Context
from bakeoff.methods.gradient import settings_of
from bakeoff.methods.recurrent.learner import RecurrentLearner
from bakeoff.methods.recurrent.pretraining import pretraining_settings
from bakeoff.methods.recurrent.pretraining_learner import PretrainingLearner
from bakeoff.methods.recurrent.pretraining_texts import PretrainingTexts
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.training.loop import train
from bakeoff.training.memory import divided
from bakeoff.training.progress import Progress
from tests.baking import bake, plan
from tests.methods.small_data import FILLERS, SMALL_LSTM, config, small_table

TABLE = small_table()


@pytest.fixture
def pretraining(tmp_path) -> ClassificationConfig:
    """A bake-off of one small LSTM, pretrained on 100 texts, one of which stands in the test split."""
    chance = random.Random(1)
    texts = [" ".join(chance.choices([*FILLERS, "matinee", "usher"], k=12)) for _ in range(99)]
    (tmp_path / "more.txt").write_text("\n".join([*texts, TABLE.test.texts[0]]))
    settings = {**SMALL_LSTM, "pretrain": {"text": str(tmp_path / "more.txt"), "epochs": 2}}
    return config({"lstm": settings}, epochs=3)


def small_learner(unlabeled: list[str], table=TABLE, **settings) -> PretrainingLearner:
    texts = PretrainingTexts("more.txt", unlabeled, held_out=0)
    return PretrainingLearner(texts, table, config({"lstm": {**SMALL_LSTM, **settings}}).contestants["lstm"], seed=1)


def losses(folder: ContestantFolder) -> list[float]:
    steps, epochs = folder.training_log()
    return [line.loss for line in steps] + [line.validation_loss for line in epochs]


def test_held_out_words_of_real_text_become_likelier_than_their_frequencies_make_them(tmp_path):
    """A model that is not trained yet knows the frequencies of the words, and nothing else."""
    learner = small_learner(read_raw_table("sentence-polarity").columns["text"][:1500])
    checked = config({"lstm": {**SMALL_LSTM, "pretrain": {"text": "more.txt", "epochs": 2, "learning_rate": 1e-2}}})
    settings = checked.contestants["lstm"]
    context = Context("lstm", seed=1, budget=checked.budget, progress=Progress())
    rules = pretraining_settings(settings.pretrain, settings_of(settings, context, settings.learning_rate))
    pieces, held_out = learner._pieces, learner._held_out
    known = pieces.ids[pieces.ids >= 2]
    frequencies = np.bincount(known) / len(known)
    words = np.concatenate([pieces.ids[pieces.offsets[row] : pieces.offsets[row + 1]] for row in held_out])
    with torch.no_grad():
        before = learner.validate().loss

    train(learner, rules, ContestantFolder(tmp_path / "lstm"), Progress())

    assert before == pytest.approx(-np.log(frequencies[words[words >= 2]]).mean(), abs=0.2)
    _, epochs = ContestantFolder(tmp_path / "lstm").training_log()
    assert epochs[-1].validation_loss < before - 0.05


def test_words_of_the_unlabeled_texts_are_in_the_vocabulary_and_the_classifier_starts_from_the_weights():
    learner = small_learner(["usher usher the", "matinee"])
    assert "usher" in learner.vocabulary.words
    assert "matinee" not in learner.vocabulary.words  # once only

    classifier = RecurrentLearner(TABLE, config({"lstm": SMALL_LSTM}).contestants["lstm"], 1, learner.pretrained)

    weights = classifier.model.state_dict()
    shared = {name for name in weights if not name.startswith("output")}
    assert set(learner.pretrained.weights) == shared
    for name in shared:
        assert torch.equal(weights[name], learner.model.state_dict()[name])


@pytest.mark.parametrize("settings", [{"max_length": 7}, {"bidirectional": False}])
def test_batches_know_how_many_words_they_predict_and_their_halves_have_the_same_loss(settings, monkeypatch):
    """With the same samples for all, and without dropout."""
    learner = small_learner(
        [f"{text} unseen{number}" for number, text in enumerate(TABLE.train.texts[:30])], **settings
    )
    learner.model.eval()
    samples = torch.randint(2, learner.vocabulary.size, (8,))
    monkeypatch.setattr(torch, "multinomial", lambda *_, **__: samples)
    with torch.no_grad():
        for (batch,) in learner.steps(1):
            parts = list(divided(batch, 1))
            assert sum(part.count for part in parts) == batch.count == len(learner._predict(batch.rows)[1])
            assert sum(part.tokens for part in parts) == batch.tokens
            found = sum(learner.loss(part).total.item() for part in parts)
            assert found == pytest.approx(learner.loss(batch).total.item(), rel=1e-4)


def test_held_out_pieces_are_not_trained_on():
    learner = small_learner(TABLE.train.texts)
    trained = {row for (batch,) in learner.steps(2) for row in batch.rows.tolist()}

    assert trained.isdisjoint(learner._held_out.tolist())
    assert len(trained) + len(learner._held_out) == 2 * len(TABLE.train)


def test_texts_without_two_known_words_are_refused():
    table = replace(TABLE, train=replace(TABLE.train, texts=["one", "two"], labels=[0, 1], ids=["1", "2"]))

    with pytest.raises(UserError, match="too few words to pretrain on"):
        small_learner(["three", "four"], table)


def test_a_training_cut_short_in_either_stage_ends_with_the_same_figures(pretraining, tmp_path):
    stages: list[str] = []

    class Cut(Progress):
        def stage(self, text, share=None):
            stages.append(text)
            if text.startswith("pretraining: step 20,"):  # in the second epoch of fourteen steps
                raise RuntimeError("first power cut")

        def step(self, line, share):
            if line.step == 12:  # in the second epoch of eight steps
                raise RuntimeError("second power cut")

    whole, cut = ContestantFolder(tmp_path / "whole"), ContestantFolder(tmp_path / "cut")
    expected = bake(pretraining, "lstm", TABLE, whole)
    with pytest.raises(RuntimeError, match="first power cut"):
        bake(pretraining, "lstm", TABLE, cut, Cut())
    first = cut.stage("pretraining").training_log()[0]
    assert [line.step for line in first] == list(range(1, 21))
    with pytest.raises(RuntimeError, match="second power cut"):
        bake(pretraining, "lstm", TABLE, cut, type("Later", (Cut,), {"stage": Progress.stage})())
    stages.clear()
    (tmp_path / "more.txt").unlink()  # not needed any more
    resumed = bake(pretraining, "lstm", TABLE, cut, type("Last", (Cut,), {"step": Progress.step})())

    assert not [text for text in stages if "pretraining" in text]
    assert resumed.metrics == expected.metrics
    assert losses(cut) == losses(whole)
    assert losses(cut.stage("pretraining")) == losses(whole.stage("pretraining"))
    for each in ("steps", "tokens", "epochs"):
        assert getattr(resumed.training, each) == getattr(expected.training, each)


def test_cost_and_notes_tell_of_pretraining_and_a_plan_foretells_it(pretraining, tmp_path):
    folder = ContestantFolder(tmp_path / "lstm")

    result = bake(pretraining, "lstm", TABLE, folder)
    planned = plan(pretraining, TABLE)["lstm"]

    before = folder.stage("pretraining").training_log()[0][-1]
    own = folder.training_log()[0][-1]
    cost = result.training
    assert (cost.steps, cost.tokens) == (before.step + own.step, before.tokens + own.tokens)
    assert cost.seconds == pytest.approx(before.seconds + own.seconds)
    assert cost.total_seconds > cost.seconds
    assert cost.epochs == 3
    said = " ".join(result.notes)
    assert "pretrained on 99 texts of more.txt and the 120 of the training split" in said
    assert "1 of the texts of more.txt were left out of pretraining" in said
    assert (planned.steps, planned.tokens, planned.epochs) == (cost.steps, cost.tokens, cost.epochs)
    assert planned.total_parameters == result.total_parameters
    assert any(note.startswith("Pretraining: ") for note in planned.notes)


@pytest.mark.parametrize(("searched", "times"), [("dropout", 1), ("weight_decay", 2)])
def test_trials_of_a_search_share_it_if_it_has_the_same_settings(pretraining, tmp_path, searched, times):
    told: list[str] = []

    class Listening(Progress):
        def message(self, text):
            told.append(text)

    settings = pretraining.contestants["lstm"].model_dump() | {"tune": {"trials": 2, "settings": [searched]}}
    made = config({"lstm": settings}, epochs=1)

    result = bake(made, "lstm", TABLE, ContestantFolder(tmp_path / "lstm"), Listening())

    first, second = (trial.training.steps for trial in result.search.trials)
    assert sum(text.startswith("Pretraining on") for text in told) == times
    assert (first > second) == (times == 1), "the first one counts it"
