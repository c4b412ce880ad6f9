"""The comparison of classifiers still runs, and everybody still computes the same thing. No times are evaluated."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import classifier
from bakeoff.data.words import tokenize
from bakeoff.methods.recurrent.model import RecurrentModel
from bakeoff.methods.recurrent.vocabulary import WordVocabulary
from bakeoff.tasks.classifier import Classifier
from comparison import classifier_parts as parts
from peers import lab_lstm, ours_classifier, tables
from peers.job import PREDICTED, Job

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]

TINY = dataclasses.replace(parts.QUICK, large_steps=1, small_steps=2, reviews=20, rows=150)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three hundred packaged sentences, as every peer reads them."""
    job = Job("tables.prepare", table="sentence-polarity", table_rows=300, folder=str(tmp_path_factory.mktemp("data")))
    return str(tables.prepare(job).details["table"])


@pytest.fixture
def in_this_process(in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "QUICK", TINY)


def run(data: str, folder: Path, *only: str) -> Any:
    chosen = [word for name in only for word in ("--only", name)]
    classifier.main(["--quick", "--data", data, "--json", str(folder / "figures.json"), *chosen])
    return json.loads((folder / "figures.json").read_text())


@pytest.mark.usefixtures("in_this_process")
def test_every_part_is_measured_and_every_target_judged(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    found = run(file, tmp_path)

    assert list(found["parts"]) == list(parts.PARTS)
    outcomes = {f"{part}: {name}": each for part, rows in found["parts"].items() for name, each in rows.items()}
    missing = {name: each["failure"] for name, each in outcomes.items() if each["failure"]}
    assert set(missing.items()) <= {("alternatives: fastText", "not installed: fasttext")}
    assert all(each["reached"] is not None for each in found["targets"])
    reached = {each["target"]["what"]: each["reached"] for each in found["targets"]}
    assert reached["Curve, 100 / 256: loss of step 1"]
    assert reached["Curve, 1 / 100: loss of step 2"]
    assert reached["Encoder: loss of step 1, same batches, no dropout"]
    printed = capsys.readouterr().out
    assert (
        f"|  | s / training | reviews / s | peak memory | test accuracy | {PREDICTED} | each s / training |" in printed
    )
    assert "### Targets, reviews" in printed
    assert "fasttext-community" in printed or missing


def test_the_packed_network_has_our_loss_and_gradients(file: str):
    """The same weights, the same batch of reviews of different lengths: every gradient, to 1e-5."""
    job = Job("", table=file, embedding_size=100, hidden_size=256)
    learner, _, _ = ours_classifier.curve_learner(job)
    theirs = lab_lstm.LabLSTM(job, learner.vocabulary.size, 2).eval()
    lab_lstm.take_weights(theirs, learner.model)
    train = tables.split(job).train
    words, lengths = learner.vocabulary.encode(train.texts).padded(np.arange(96))
    assert len(set(lengths.tolist())) > 10
    labels = torch.tensor(train.labels[:96])

    losses = [F.cross_entropy(model(words, lengths), labels) for model in (learner.model.train(), theirs)]
    gradients = [
        torch.autograd.grad(loss, list(model.parameters()))
        for loss, model in zip(losses, (learner.model, theirs), strict=True)
    ]

    torch.testing.assert_close(losses[0], losses[1], atol=1e-6, rtol=1e-5)
    for ours, peer in zip(*gradients, strict=True):
        assert peer.abs().max() > 0
        torch.testing.assert_close(ours, peer, atol=1e-5 * float(peer.abs().max()), rtol=1e-5)


def test_the_packed_network_scores_texts_as_ours_does(file: str):
    """From text to probabilities, with the same weights and the lab's own vocabulary."""
    job = Job("", table=file, embedding_size=8, hidden_size=6)
    train, _, test = lab_lstm.read_sides(job)
    numbers = lab_lstm.build_vocabulary(train)
    learner, settings, _ = ours_classifier.curve_learner(job)
    theirs = lab_lstm.LabLSTM(job, len(numbers) + lab_lstm.FIRST_WORD, 2)
    ours = type(learner.model)(settings, len(numbers) + lab_lstm.FIRST_WORD, 2)
    lab_lstm.take_weights(ours, theirs)
    model = RecurrentModel(WordVocabulary(list(numbers), "strip"), ours, settings)
    reviews = [text for text in test.review.tolist() if text.isascii()]
    assert len(reviews) > 30

    expected = lab_lstm.probabilities(theirs, reviews, numbers)

    assert Classifier(["negative", "positive"], model).probabilities(reviews) == pytest.approx(
        expected.numpy(), abs=1e-6
    )


def test_both_build_the_same_vocabulary_of_the_same_texts(file: str):
    """Of ASCII texts: beyond them the lab's rule knows no punctuation."""
    job = Job("", table=file)
    train, *_ = lab_lstm.read_sides(job)
    train = train[[text.isascii() for text in train.review]]
    settings = ours_classifier.curve_learner(job)[1]
    ours = WordVocabulary.build(tokenize(train.review.tolist(), "strip"), settings.vocabulary)

    assert set(ours.words) == set(lab_lstm.build_vocabulary(train))


def test_a_step_trains_and_what_it_learns_is_the_same(file: str):
    job = Job("", table=file, embedding_size=8, hidden_size=6, steps=3)

    ours, peer = ours_classifier.curve(job), lab_lstm.curve(job)

    assert len(set(ours.details["losses"])) == 3
    assert ours.details["losses"] == pytest.approx(peer.details["losses"], rel=1e-5)


def test_a_share_of_an_epoch_is_its_first_steps(file: str):
    job = Job("", table=file, embedding_size=8, hidden_size=6)

    whole = ours_classifier.epoch(job)
    half = ours_classifier.epoch(dataclasses.replace(job, share=0.5))

    assert whole.details["steps"] == whole.details["steps_per_epoch"] == 3
    assert whole.count == 210 / 3
    assert half.details["losses"] == whole.details["losses"][:2]


def test_a_table_that_cannot_be_read_is_one_sentence(tmp_path: Path):
    with pytest.raises(SystemExit, match=r"Not measured: .*does not exist"):
        classifier.main(["--quick", "--data", str(tmp_path / "nothing.parquet")])
