"""A linear model inside a recurrent one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bakeoff.data.types import LabeledTexts
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import LinearModel
from bakeoff.methods.recurrent import linear_part
from bakeoff.methods.recurrent.evidence import evidence_size
from bakeoff.methods.recurrent.learner import RecurrentLearner
from bakeoff.methods.recurrent.linear_part import EvidenceLayers, fit_linear_part
from bakeoff.methods.recurrent.model import RecurrentModel
from tests.command import bakeoff, refused
from tests.methods.small_data import SMALL_LSTM, config, small_table
from tests.real_runs import write_config_file

TABLE = small_table(classes=3)
LINEAR = LinearConfig(ngrams="words", min_document_frequency=1)


def test_no_training_text_is_judged_by_a_model_that_has_seen_it(monkeypatch):
    """Seen by its n-grams of one text each: every text has a word of its own."""
    own_words = [f"own{row}" for row in range(len(TABLE.train))]
    texts = [f"{text} {word}" for text, word in zip(TABLE.train.texts, own_words, strict=True)]
    seen, evaluated = [], []
    answers = linear_part._answers

    def watched_answers(model, texts):
        seen.append(set(model.ngrams.words.words))
        evaluated.append({texts.words[number] for number in texts.ids})
        return answers(model, texts)

    monkeypatch.setattr(linear_part, "_answers", watched_answers)
    part = fit_linear_part(LabeledTexts(TABLE.train.ids, texts, TABLE.train.labels), LINEAR, seed=1)

    for known, words in zip(seen, evaluated, strict=True):
        own = words & set(own_words)
        assert own
        assert not own & known
        assert own | known >= set(own_words), "and it was fitted on all the others"
    assert set.union(*evaluated) >= set(own_words), "each text was evaluated"
    assert set(part.model.ngrams.words.words) >= set(own_words), "the one that is kept has seen all"
    assert part.training.logits.shape == (len(texts), 3)
    assert part.training.evidence.shape == (len(texts), evidence_size(LINEAR, classes=3))


def test_the_kept_model_is_as_sure_of_itself_as_the_others_should_have_been():
    part = fit_linear_part(TABLE.train, LINEAR, seed=1)
    plain = LinearModel.fit(TABLE.train.texts, TABLE.train.labels, LINEAR)

    scores = [np.log(each.probabilities(TABLE.test.texts)) for each in (plain, part.model)]

    ratios = [(score[:, 0] - score[:, 1]) for score in scores]
    assert ratios[0] / ratios[1] == pytest.approx(np.full(len(TABLE.test), ratios[0][0] / ratios[1][0]))


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


def test_evidence_and_length_are_measured_in_deviations_of_the_training_texts():
    part = fit_linear_part(TABLE.train, LINEAR, seed=1)
    lengths = torch.tensor([len(text.split()) for text in TABLE.train.texts])
    inputs = []
    layers = EvidenceLayers(evidence_size(LINEAR, classes=3), classes=3)
    layers.hidden.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))

    layers.standardize(part.training.evidence, lengths)
    layers(part.training.evidence, lengths)

    (standardized,) = inputs
    assert standardized.mean(dim=0) == pytest.approx(torch.zeros(layers.hidden.in_features), abs=1e-5)
    assert standardized.std(dim=0, correction=0) == pytest.approx(torch.ones(layers.hidden.in_features), abs=1e-5)


def test_what_is_the_same_in_all_training_texts_is_not_blown_up():
    layers = EvidenceLayers(size=1, classes=2)

    layers.standardize(torch.zeros(5, 1), torch.arange(1, 6))

    assert layers.deviation[0] == 1


def test_a_saved_network_still_tells_a_good_beginning_from_a_good_end(tmp_path):
    words_only = LinearConfig(ngrams="words", min_document_frequency=1, max_ngram=1)
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


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_class_with_a_single_training_text_is_refused_before_anything_is_trained(tmp_path, monkeypatch, command):
    labels = ["once"] * 3 + ["often"] * 30  # three rows: one for each side
    rows = [f"film number {number},{label}" for number, label in enumerate(labels)]
    table = tmp_path / "films.csv"
    table.write_text("\n".join(["text,label", *rows]))
    contestants = {"linear": {}, "corrector": {"method": "lstm", "linear_part": {}}}
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
    assert "export another: --contestant plain" in said
