"""A linear model inside a recurrent one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bakeoff.methods.linear_part.config import LinearPartConfig
from bakeoff.methods.linear_part.fitting import fit_linear_part
from bakeoff.methods.recurrent.learner import RecurrentLearner
from bakeoff.methods.recurrent.model import RecurrentModel
from tests.command import bakeoff, refused
from tests.methods.small_data import SMALL_LSTM, config, small_table
from tests.real_runs import write_config_file

TABLE = small_table(classes=3)
LINEAR = LinearPartConfig(ngrams="words", min_document_frequency=1)


def test_an_untrained_network_leaves_the_linear_models_answers_as_they_are():
    settings = config({"lstm": {**SMALL_LSTM, "linear_part": LINEAR.model_dump()}}).contestants["lstm"]
    part = fit_linear_part(TABLE.train, LINEAR, seed=1)
    learner = RecurrentLearner(TABLE, settings, seed=1, linear_part=part)
    (batch,) = learner.steps(1)[0]

    found = learner.loss(batch).total.item()

    expected = torch.nn.functional.cross_entropy(
        part.training.logits[batch.rows], torch.tensor(TABLE.train.labels)[batch.rows], reduction="sum"
    )
    assert found == pytest.approx(expected.item())
    assert learner.validate().accuracy == np.mean(
        part.model.probabilities(TABLE.validation.texts).argmax(axis=1) == TABLE.validation.labels
    )


def test_a_saved_network_still_tells_a_good_beginning_from_a_good_end(tmp_path):
    words_only = LinearPartConfig(ngrams="words", min_document_frequency=1, max_ngram=1)
    settings = config({"lstm": {**SMALL_LSTM, "linear_part": words_only.model_dump()}}).contestants["lstm"]
    learner = RecurrentLearner(TABLE, settings, seed=1, linear_part=fit_linear_part(TABLE.train, words_only, seed=1))
    torch.nn.init.normal_(learner.model.evidence.output.weight)
    begins_well = "fine fine the film and its plot were seen by many in a cinema last week dull dull"
    ends_well = " ".join(reversed(begins_well.split()))

    learner.save_model(tmp_path, dict(learner.model.named_parameters()))
    loaded = RecurrentModel.load(tmp_path, settings, len(TABLE.label_names), "fp32")

    assert loaded.network.evidence.deviation.equal(learner.model.evidence.deviation)
    one, other = loaded.probabilities([begins_well, ends_well])
    assert np.abs(one - other).max() > 1e-3
    one, other = loaded.linear.probabilities([begins_well, ends_well])
    assert one == pytest.approx(other), "to the linear model they are the same words"


@pytest.mark.parametrize(("command", "method"), [("run", "lstm"), ("plan", "lstm"), ("run", "transformer")])
def test_a_class_with_a_single_training_text_is_refused_before_anything_is_trained(
    tmp_path, monkeypatch, command, method
):
    labels = ["once"] * 3 + ["often"] * 30  # three rows: one for each side
    rows = [f"film number {number},{label}" for number, label in enumerate(labels)]
    table = tmp_path / "films.csv"
    table.write_text("\n".join(["text,label", *rows]))
    contestants = {"linear": {}, "corrector": {"method": method, "linear_part": {}}}
    path = write_config_file(
        tmp_path / "films.yaml", {"task": "classification", "data": {"table": str(table)}, "contestants": contestants}
    )
    monkeypatch.chdir(tmp_path)

    said = refused(command, path)

    assert "contestants.corrector.linear_part needs two training texts of every class" in said
    assert "'once' has one" in said
    assert not (tmp_path / "runs").exists()


def test_it_is_trained_planned_and_asked_like_any_other_and_not_exported(tmp_path):
    values = {
        "task": "classification",
        "data": {"table": "sentence-polarity", "rows": 300},
        "budget": {"epochs": 1},
        "contestants": {
            "linear": {},
            "corrector": {"method": "lstm", "linear_part": {}, **SMALL_LSTM},
            "plain": {"method": "lstm", **SMALL_LSTM},
        },
        "evaluation": {"resamples": 100},
    }
    path, run = write_config_file(tmp_path / "small.yaml", values), tmp_path / "run"

    planned = bakeoff("plan", path)
    typed = bakeoff("run", path, "-o", run)
    answer = bakeoff("predict", run, "a moving film", "--contestant", "corrector")

    assert planned.code == typed.code == answer.code == 0, planned.err + typed.err + answer.err
    assert "linear part" in (run / "report.md").read_text()
    said = refused("export", run, "--contestant", "corrector", "-o", tmp_path / "onnx")
    assert "has a linear part" in said
    assert "What can be exported here: plain: onnx." in said
