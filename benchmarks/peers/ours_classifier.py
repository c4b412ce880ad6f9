"""bakeoff's classifiers, through its public functions."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any
from unittest import mock

import numpy as np

import bakeoff
from bakeoff.config.classification import ClassificationConfig
from bakeoff.config.load import load_config
from bakeoff.data.near_duplicates import NearDuplicates
from bakeoff.methods.base import SavedClassifier
from bakeoff.methods.context import Context
from bakeoff.methods.encoded import TextBatch
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.recurrent.learner import RecurrentLearner
from bakeoff.methods.recurrent.method import RecurrentMethod
from bakeoff.runs.results import ContestantResult, StepLine
from bakeoff.tasks.classifier import Classifier
from bakeoff.training.progress import Progress
from bakeoff.training.steps import take_steps
from peers import tables
from peers.job import PREDICTED, Job, Measured

LAB = "lstm-lab"
AS_THE_PEER = {"max_length": 256, "learning_rate": 1e-3, "gradient_clip": None}
"""Settings in which the preset may differ from `peers/lab_lstm.py`."""


def prepare(job: Job) -> Measured:
    """Read, divide, look for similar texts, tokenize, count and encode. The value is the size of the vocabulary."""
    settings = _lab_settings(job)
    started = time.perf_counter()
    data = tables.split(job)
    learner = RecurrentLearner(data, settings, tables.SEED)
    learner.vocabulary.encode(data.test.texts)
    seconds = time.perf_counter() - started
    return Measured(seconds, len(data.train) + len(data.validation) + len(data.test), learner.vocabulary.size)


def prepare_unchecked(job: Job) -> Measured:
    """Do the same without the search for near-duplicates, which no peer does."""
    with mock.patch("bakeoff.data.leakage.find_near_duplicates", _all_different):
        return prepare(job)


def _all_different(texts: Sequence[str]) -> NearDuplicates:
    none = np.zeros(0, dtype=np.int64)
    return NearDuplicates(np.arange(len(texts)), none, none, np.zeros(0), complete=True)


def epoch(job: Job) -> Measured:
    """Train a share of the first epoch of `lstm-lab`, step by step as in a bake-off, without validation."""
    settings = _lab_settings(job)
    learner = RecurrentLearner(tables.split(job), settings, tables.SEED)
    whole = learner.steps(1)
    steps = whole[: max(job.loss_steps, round(job.share * len(whole)))]
    lines = _take_steps(job, learner, settings, steps)
    losses = [line.loss for line in lines]
    return Measured(
        seconds=lines[-1].seconds / len(steps),
        count=sum(batch.count for step in steps for batch in step) / len(steps),
        value=mean(losses[: job.loss_steps]),
        details={"losses": losses, "steps": len(steps), "steps_per_epoch": len(whole)},
    )


def curve(job: Job) -> Measured:
    """Train the first steps of an epoch without dropout. The value is the loss of the last one."""
    learner, settings, steps = curve_learner(job)
    lines = _take_steps(job, learner, settings, steps)
    return Measured(
        seconds=lines[-1].seconds / len(steps),
        count=sum(batch.count for step in steps for batch in step) / len(steps),
        value=lines[-1].loss,
        details={"losses": [line.loss for line in lines]},
    )


def curve_learner(job: Job) -> tuple[RecurrentLearner, RecurrentConfig, Sequence[Sequence[TextBatch]]]:
    """What `curve` trains, and the batches of its steps: a peer can begin with the same weights and see the same."""
    settings = _lab_settings(job, dropout=0.0)
    learner = RecurrentLearner(tables.split(job), settings, tables.SEED)
    return learner, settings, learner.steps(1)[: job.steps]


def predict(job: Job) -> Measured:
    """Classify reviews with untrained weights, which cost as much time as trained ones."""
    data, settings = tables.split(job), _lab_settings(job)
    learner = RecurrentLearner(data, settings, tables.SEED)
    with tempfile.TemporaryDirectory() as folder:
        learner.save_model(Path(folder), learner.model.state_dict())
        saved = SavedClassifier(settings.method, data.label_names, settings.model_dump(mode="json"))
        classifier = Classifier(data.label_names, RecurrentMethod().load(Path(folder), saved, job.precision))
    reviews = data.test.texts[: job.reviews]
    classifier.predict(reviews[:1])
    started = time.perf_counter()
    found = classifier.predict(reviews)
    return Measured(time.perf_counter() - started, len(found))


def contestant(job: Job) -> Measured:
    """Run a bake-off of one contestant with its default settings, for one epoch if it has epochs.

    The time is that from the texts to the saved model, validation included; the value is the accuracy.
    """
    watch = _Watch()
    with tempfile.TemporaryDirectory() as folder:
        outcome = bakeoff.run(config_of(job, {job.contestant: {}}), folder, progress=watch)
        classifier = bakeoff.load_classifier(folder, contestant=job.contestant)
    data = tables.split(job)
    started = time.perf_counter()
    classifier.predict(data.test.texts)
    predicting = time.perf_counter() - started
    return Measured(
        seconds=watch.began["evaluating"] - watch.began[job.contestant],
        count=len(data.train),
        value=_accuracy(outcome.results[0]),
        details={PREDICTED: len(data.test) / predicting},
    )


def config_of(job: Job, contestants: dict[str, Any]) -> ClassificationConfig:
    config = load_config(
        {
            "task": "classification",
            "data": tables.table_data(job).model_dump(),
            "budget": {"epochs": 1},
            "contestants": contestants,
            "seed": tables.SEED,
        }
    )
    assert isinstance(config, ClassificationConfig)
    return config


def _lab_settings(job: Job, **changes: float) -> RecurrentConfig:
    shape = {"embedding_size": job.embedding_size, "hidden_size": job.hidden_size}
    settings = config_of(job, {LAB: {**AS_THE_PEER, **shape, **changes}}).contestants[LAB]
    assert isinstance(settings, RecurrentConfig)
    return settings


def _take_steps(
    job: Job, learner: RecurrentLearner, settings: RecurrentConfig, steps: Sequence[Sequence[TextBatch]]
) -> list[StepLine]:
    context = Context(LAB, tables.SEED, config_of(job, {LAB: {}}).budget, Progress())
    rules = RecurrentMethod().training_settings(settings, learner, context)
    return list(take_steps(learner, rules, LAB, steps, Progress()))


def _accuracy(result: ContestantResult) -> float:
    return next(metric.value for metric in result.metrics if metric.name == "accuracy")


class _Watch(Progress):
    """Start times of contestants and stages."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}

    def contestant(self, name: str, number: int, total: int) -> None:
        self.began[name] = time.perf_counter()

    def stage(self, text: str, share: float | None = None) -> None:
        self.began[text] = time.perf_counter()
