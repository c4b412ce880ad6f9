"""The recurrent network and its texts, as the training loop sees them."""

from __future__ import annotations

import dataclasses

import pytest
from sklearn.utils.class_weight import compute_sample_weight

from bakeoff.methods.recurrent.learner import RecurrentLearner
from bakeoff.training.memory import divided
from tests.methods.small_data import SMALL_LSTM, config, small_table

TABLE = small_table()


def test_halves_of_a_batch_have_its_loss():
    """What training does where memory runs short; without dropout, whose random numbers depend on the shape."""
    settings = config({"lstm": {**SMALL_LSTM, "embedding_dropout": 0, "dropout": 0, "word_dropout": 0}}).contestants
    learner = RecurrentLearner(TABLE, settings["lstm"], seed=1)
    for (batch,) in learner.steps(1):
        parts = list(divided(batch, 1))

        assert len(parts) == batch.count
        assert sum(part.tokens for part in parts) == batch.tokens
        losses = [learner.loss(part) for part in parts]
        whole = learner.loss(batch)
        assert sum(loss.total.item() for loss in losses) == pytest.approx(whole.total.item(), rel=1e-5)
        assert sum(loss.correct for loss in losses) == whole.correct


def test_balanced_weights_are_scikit_learn_s_and_the_loss_is_the_weighted_one():
    """Three texts of four are of one class, so the other class weighs three times as much."""
    table = small_table()
    kept = [row for row in range(len(table.train)) if table.train.labels[row] == 0 or row % 3 == 0]
    table = dataclasses.replace(table, train=table.train.of(kept))
    still = {**SMALL_LSTM, "embedding_dropout": 0, "dropout": 0, "word_dropout": 0}
    plain = RecurrentLearner(table, config({"lstm": still}).contestants["lstm"], seed=1)
    weighted = RecurrentLearner(
        table, config({"lstm": {**still, "class_weights": "balanced"}}).contestants["lstm"], seed=1
    )
    weights = compute_sample_weight("balanced", table.train.labels)
    whole = {}
    for kind, learner in {"plain": plain, "weighted": weighted}.items():
        batches = [batch.split(batch.count) for (batch,) in learner.steps(1)]
        whole[kind] = {int(text.rows[0]): learner.loss(text).total.item() for batch in batches for text in batch}
    for row, loss in whole["plain"].items():
        assert whole["weighted"][row] == pytest.approx(loss * weights[row], rel=1e-4)
    assert weighted.validate() == plain.validate()
