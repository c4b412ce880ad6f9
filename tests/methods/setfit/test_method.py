"""A tuned encoder from config to result: what it learns, what is saved, when it is proposed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from bakeoff.errors import NotEnoughMemoryError, UserError
from bakeoff.methods.embedding.pooling import Pooling, read_pooling
from bakeoff.methods.proposals import TableFacts
from bakeoff.methods.registry import get_classification_method
from bakeoff.methods.setfit.learner import SetFitLearner
from bakeoff.methods.setfit.model import load_model
from bakeoff.pretrained import sources
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.tasks.classifier import load_classifier
from bakeoff.training import distributed
from bakeoff.training.checkpoint import TrainingState
from bakeoff.training.memory import MicroBatches
from tests.baking import bake
from tests.methods.small_data import config, small_table
from tests.methods.small_transformers import KINDS, model_folder

TABLE = small_table(rows=32)

pytestmark = pytest.mark.usefixtures("one_thread")


def config_of(model, epochs=12, **settings):
    return config({"setfit": {"model": str(model), "precision": "fp32", "learning_rate": 3e-3, **settings}}, epochs)


def learner_of(model, **settings) -> SetFitLearner:
    return SetFitLearner(TABLE, config_of(model, **settings).contestants["setfit"], seed=1)


def test_quantized_weights_are_refused(tmp_path, monkeypatch):
    """Of a contestant that brings them along: training would change only the weights that are no integers."""
    model, tokenizer, _ = sources.load_weights(str(model_folder(tmp_path / "m", "llama")), labels=())
    next(layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)).weight.SCB = torch.ones(1)
    monkeypatch.setattr("bakeoff.methods.setfit.learner.load_weights", lambda *_, **__: (model, tokenizer, "int8"))

    with pytest.raises(UserError, match="`setfit` cannot train some-model: its weights are quantized"):
        learner_of("some-model")


def test_it_learns_what_one_word_says_and_explains_it(tmp_path):
    folder = ContestantFolder(tmp_path / "baked")

    result = bake(config_of(model_folder(tmp_path / "m", "bert")), "setfit", TABLE, folder)

    lines, epochs = folder.training_log()
    assert lines[-1].loss < 0.5 * lines[0].loss
    assert max(epoch.validation_accuracy for epoch in epochs) > 0.8
    assert result.notes[0] == "Every epoch had 240 pairs of texts."  # in two batches of 16
    assert "of the work was padding" in result.notes[1]
    assert load_classifier(folder.model).explain("the fine film").words[0].word == "fine"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["mean", "last", "first"])
def test_what_is_trained_is_what_is_loaded(tmp_path, kind, pooling):
    """The learner pads, pools and computes in its own way; the loaded model in the way of a frozen encoder."""
    learner = learner_of(model_folder(tmp_path / "m", kind), pooling=pooling)
    learner.model.eval()
    (tmp_path / "saved").mkdir()
    learner.save_model(tmp_path / "saved", {})

    loaded = load_model(tmp_path / "saved", "fp32").encoder.embed(TABLE.train.texts)

    assert loaded == pytest.approx(learner.embed(learner.train), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("normalize", [False, True])
def test_sentence_transformers_loads_the_saved_folder(tmp_path, normalize):
    learner = learner_of(model_folder(tmp_path / "m", "bert"))
    learner.pooling = Pooling("mean", normalize, 32)
    (tmp_path / "saved").mkdir()
    learner.save_model(tmp_path / "saved", {})

    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(tmp_path / "saved"), device="cpu")

    assert theirs.max_seq_length == 32
    assert theirs.encode(TABLE.test.texts) == pytest.approx(
        load_model(tmp_path / "saved", "fp32").encoder.embed(TABLE.test.texts), rel=1e-4, abs=1e-5
    )
    assert read_pooling(tmp_path / "saved") == learner.pooling
    assert not json.loads((tmp_path / "saved/1_Pooling/config.json").read_text())["pooling_mode_cls_token"]


def test_every_weight_that_makes_the_vectors_gets_a_gradient(tmp_path):
    learner = learner_of(model_folder(tmp_path / "m", "bert"))
    ((batch,), *_) = learner.steps(1)

    learner.loss(batch).total.backward()

    without = [name for name, weight in learner.model.named_parameters() if weight.grad is None]
    assert all(name.startswith("pooler.") for name in without)
    assert batch.tokens == sum(batch.lengths)


def test_a_network_that_has_diverged_is_said_to_have(tmp_path):
    """A step may be an epoch, after which no other loss is computed before the regression is fitted."""
    learner = learner_of(model_folder(tmp_path / "m", "bert"))
    with torch.no_grad():
        next(learner.model.parameters()).fill_(math.nan)

    assert math.isnan(learner.validate().loss)  # which ends this training alone


def test_a_step_is_never_divided(tmp_path, monkeypatch):
    """Halves of a batch would have a class each, and none of the pairs of different classes."""
    learner = learner_of(model_folder(tmp_path / "m", "bert"))
    (step, *_) = learner.steps(1)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a")
    monkeypatch.setenv("WORLD_SIZE", "2")
    shares = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        shares.append(distributed.share_of_step(step))

    assert shares == [step, []]


def test_too_little_memory_for_a_step_ends_the_training(tmp_path):
    learner = learner_of(model_folder(tmp_path / "m", "bert"))
    (step, *_) = learner.steps(1)
    state = TrainingState()
    batches = MicroBatches(state, lambda text: None)

    def refuse(parts):
        raise MemoryError

    batches.look_ahead(learner, [step], 10**15)
    with pytest.raises(NotEnoughMemoryError, match="batch_size"):
        batches.compute(step, refuse)
    assert state.micro_batch_tokens is None


def test_texts_of_one_batch_do_not_change_each_other_s_vectors(tmp_path):
    learner = learner_of(model_folder(tmp_path / "m", "bert"))
    learner.model.eval()
    rows = np.arange(16)

    with torch.no_grad():
        together = learner._vectors(learner.train, rows)
        alone = torch.cat([learner._vectors(learner.train, rows[row : row + 1]) for row in rows])

    assert together.numpy() == pytest.approx(alone.numpy(), abs=1e-5)


def test_it_is_proposed_for_few_rows_of_english():
    def proposed(smallest: int, english: bool) -> list[str]:
        facts = TableFacts(
            training_rows=1000,
            training_words=10_000,
            smallest_class=smallest,
            long_text=20,
            is_english=english,
            has_gpu=False,
        )
        return [proposal.name for proposal in get_classification_method("setfit").propose(facts)]

    assert proposed(20, True) == ["setfit"]
    assert proposed(20, False) == []
    assert proposed(500, True) == []
