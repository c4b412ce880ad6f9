"""Pretraining of an LSTM or GRU on unlabeled texts, before it is trained as a classifier (Dai and Le 2015)."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from safetensors.torch import load_file, save_file

from bakeoff import machine
from bakeoff.data.types import SplitTable
from bakeoff.data.words import tokenize
from bakeoff.errors import UserError
from bakeoff.methods.base import FitContext, PlanContext
from bakeoff.methods.encoded import Rows, batches_by_length, shuffled_batches
from bakeoff.methods.gradient import Preparation
from bakeoff.methods.recurrent.config import Pretraining, RecurrentConfig
from bakeoff.methods.recurrent.pretraining_texts import PretrainingTexts, pretraining_texts
from bakeoff.methods.recurrent.vocabulary import FIRST_WORD, WordVocabulary
from bakeoff.methods.recurrent.word_predictor import WordPredictor, sampled_softmax_loss, softmax_loss
from bakeoff.runs.folder import ContestantFolder, StageFolder
from bakeoff.runs.record import Record
from bakeoff.runs.results import EpochLine, StepLine, TrainingCost
from bakeoff.runs.writing import folder_bytes, recover_folder
from bakeoff.sections import Budget
from bakeoff.training import distributed
from bakeoff.training.checkpoint import trained_seconds
from bakeoff.training.learner import LossSum, TrainingSettings, Validation
from bakeoff.training.loop import train
from bakeoff.training.measuring import measure_training
from bakeoff.training.precision import choose_device
from bakeoff.training.progress import Progress

NEGATIVES = 512
"""Words sampled in every step; each prediction is distinguished from these."""

_SMOOTHING = 0.75  # exponent of the sampling frequencies: rare words are sampled more often than they occur
_HELD_OUT_SHARE = 0.02  # of the pieces; their loss chooses the best epoch
_HELD_OUT_WORDS = 20_000  # at most, because their loss takes the full softmax, which is slow
_PIECES_AT_ONCE = 32


@dataclass(frozen=True)
class Pretrained:
    """A pretrained vocabulary and weights, from which a classifier starts."""

    vocabulary: WordVocabulary
    weights: dict[str, torch.Tensor]  # of the embedding and the layers, named as in `RecurrentClassifier`

    @classmethod
    def load(cls, folder: Path) -> Pretrained:
        weights = load_file(folder / "model.safetensors")
        return cls(WordVocabulary.load(folder / "vocabulary.json"), weights)


class PretrainingSummary(Record):
    """The record of a finished pretraining, next to its weights."""

    source: str = Field(description="Where the unlabeled texts came from.")
    texts: int = Field(description="Unlabeled texts that were used.")
    training_texts: int = Field(description="Texts of the training split, used as well.")
    held_out: int = Field(description="Unlabeled texts left out because they occur in the validation or test split.")
    words: int = Field(description="Words of all texts used.")
    loss: float = Field(description="The best loss of held-out words, in nats per word.")
    cost: TrainingCost


def pretrain(
    config: RecurrentConfig, training: TrainingSettings, data: SplitTable, context: FitContext
) -> tuple[Pretrained, PretrainingSummary]:
    """Pretrain a contestant, continue an interrupted pretraining, or load a finished one.

    Args:
        training: Settings of the classifier's training; pretraining has its own epochs and learning rate.

    Raises:
        UserError: the texts cannot be read or are too few, or training fails.
    """
    assert config.pretrain is not None
    folder, progress = _stage(context.folder), context.progress
    if not distributed.broadcast(folder.summary(PretrainingSummary) is not None):
        progress.stage("encoding texts for pretraining")
        texts = pretraining_texts(config.pretrain, data)
        learner = PretrainingLearner(texts, data, config, context.seed)
        progress.message(
            f"Pretraining on {len(texts.texts):,} unlabeled and {len(data.train):,} training texts, "
            f"{learner.words:,} words with {learner.vocabulary.size:,} in the vocabulary."
        )
        settings = pretraining_settings(config.pretrain, training)
        cost = train(learner, settings, folder, _PretrainingProgress(progress))
        if folder.writes:
            _, epochs = folder.training_log()
            folder.write_summary(
                PretrainingSummary(
                    source=texts.source,
                    texts=len(texts.texts),
                    training_texts=len(data.train),
                    held_out=texts.held_out,
                    words=learner.words,
                    loss=min(line.validation_loss for line in epochs),
                    cost=cost,
                )
            )
        distributed.wait()
    recover_folder(folder.model)
    summary = folder.summary(PretrainingSummary)
    assert summary is not None
    return Pretrained.load(folder.model), summary


def plan_pretraining(
    config: RecurrentConfig, training: TrainingSettings, data: SplitTable, context: PlanContext
) -> Preparation:
    """Forecast the cost of `pretrain` from a few of its steps."""
    assert config.pretrain is not None
    context.progress.stage("encoding texts for pretraining")
    started = time.perf_counter()
    learner = PretrainingLearner(pretraining_texts(config.pretrain, data), data, config, context.seed)
    preparing = time.perf_counter() - started
    settings = pretraining_settings(config.pretrain, training)
    measured = measure_training(learner, settings, context.name, context.progress)
    started = time.perf_counter()
    with torch.no_grad():
        learner.validate()
    validating = (time.perf_counter() - started) * measured.evaluations
    with tempfile.TemporaryDirectory() as temporary:
        learner.save_model(Path(temporary), dict(learner.model.state_dict()))
        kept_bytes = folder_bytes(Path(temporary))
    steps, tokens = measured.course.steps, measured.course.tokens
    return Preparation(
        parts={"pretrained": learner.pretrained},
        cost=TrainingCost(
            steps=steps, tokens=tokens, seconds=measured.seconds, peak_memory_bytes=machine.peak_memory_bytes()
        ),
        seconds=preparing + validating,
        disk_bytes=kept_bytes,
        notes=[f"Pretraining: {steps:,} steps over {tokens:,} words, in {measured.seconds:.0f} s."],
    )


def pretraining_settings(pretrain: Pretraining, training: TrainingSettings) -> TrainingSettings:
    """Return the settings of the classifier's training with the epochs and learning rate of pretraining."""
    return replace(training, budget=Budget(epochs=pretrain.epochs), learning_rate=pretrain.learning_rate)


def pretrained_seconds(contestant: ContestantFolder) -> float:
    """Return the seconds that earlier sessions of a resumed run pretrained; 0 for a new run."""
    folder = _stage(contestant)
    summary = folder.summary(PretrainingSummary)
    return summary.cost.seconds if summary else trained_seconds(folder.checkpoint)


def _stage(contestant: ContestantFolder) -> StageFolder:
    return contestant.stage("pretraining")


def pretraining_notes(summary: PretrainingSummary) -> list[str]:
    """Return notes for readers of the result."""
    file, cost = Path(summary.source).name, summary.cost
    notes = [
        f"It was pretrained on {summary.texts:,} texts of {file} and the {summary.training_texts:,} of the training "
        f"split: {summary.words:,} words, {cost.epochs} {'epoch' if cost.epochs == 1 else 'epochs'}, loss on held-out "
        f"words {summary.loss:.3f} nats. This took {cost.seconds:.0f} s, which count as training time but not against "
        "the budget."
    ]
    if summary.held_out:
        notes.append(
            f"{summary.held_out:,} of the texts of {file} were left out of pretraining because they occur in the "
            "validation or test split."
        )
    return notes


@dataclass(frozen=True)
class PieceBatch:
    """Pieces of texts."""

    rows: Rows
    lengths: npt.NDArray[np.int64]  # words in each of them
    predictions: npt.NDArray[np.int64]  # words to predict in each of them, in all directions together

    @property
    def count(self) -> int:
        return int(self.predictions.sum())

    @property
    def tokens(self) -> int:
        return int(self.lengths.sum())

    def split(self, parts: int) -> list[PieceBatch]:
        pieces = np.array_split(np.arange(len(self.rows)), min(parts, len(self.rows)))
        return [PieceBatch(self.rows[piece], self.lengths[piece], self.predictions[piece]) for piece in pieces]


class PretrainingLearner:
    """A word predictor with its texts, cut into pieces of at most `max_length` words.

    The vocabulary covers the training split and the unlabeled texts. Some pieces are held out to choose the best epoch;
    the validation split stays unseen.
    """

    def __init__(self, texts: PretrainingTexts, data: SplitTable, config: RecurrentConfig, seed: int) -> None:
        tokenized = tokenize([*data.train.texts, *texts.texts], config.vocabulary.punctuation)
        self.vocabulary = WordVocabulary.build(tokenized, config.vocabulary)
        encoded = self.vocabulary.encode_tokenized(tokenized)
        self.words = len(encoded.ids)
        self._pieces = encoded.pieces(config.max_length)
        self._predictions = _predictions(self._pieces.ids, self._pieces.offsets, 2 if config.bidirectional else 1)
        order = np.random.default_rng(seed).permutation(np.flatnonzero(self._predictions))
        if len(order) < 2:
            raise UserError(
                f"{texts.source} and the training split hold too few words to pretrain on.",
                "Give more text, or lower vocabulary.min_frequency.",
            )
        held_out = order[: max(1, int(_HELD_OUT_SHARE * len(order)))]
        fitting = max(1, int(np.searchsorted(self._pieces.lengths[held_out].cumsum(), _HELD_OUT_WORDS)))
        self._held_out: Rows = held_out[:fitting]
        self._rows: Rows = np.sort(order[fitting:])
        counts = torch.from_numpy(np.bincount(encoded.ids, minlength=self.vocabulary.size)).double()
        counts[:FIRST_WORD] = 0  # padding and unknown words are not predicted
        self._sampling = counts**_SMOOTHING / (counts**_SMOOTHING).sum()
        device = choose_device()
        self._log_probabilities = self._sampling.log().float().to(device)
        self._config = config
        self._seed = seed
        torch.manual_seed(seed)
        self.model = WordPredictor(config, counts / counts.sum()).to(device)

    @property
    def pretrained(self) -> Pretrained:
        """Return the current weights, for a plan."""
        return Pretrained(self.vocabulary, _kept(self.model.state_dict()))

    def steps(self, epoch: int) -> Sequence[Sequence[PieceBatch]]:
        lengths = self._pieces.lengths[self._rows]
        batches = shuffled_batches(lengths, self._config.batch_size, self._seed, epoch)
        return [[PieceBatch(self._rows[some], lengths[some], self._predictions[self._rows[some]])] for some in batches]

    def loss(self, batch: PieceBatch) -> LossSum:
        """Return the loss of the sampled softmax, whose scale differs from that of the full softmax."""
        vectors, targets = self._predict(batch.rows)
        negatives = torch.multinomial(self._sampling, NEGATIVES, replacement=True).to(targets.device)
        return LossSum(
            sampled_softmax_loss(
                vectors, targets, self.model.embedding.weight, self.model.bias, negatives, self._log_probabilities
            )
        )

    def validate(self) -> Validation:
        total, count = 0.0, 0
        for some in batches_by_length(self._pieces.lengths[self._held_out], _PIECES_AT_ONCE):
            vectors, targets = self._predict(self._held_out[some])
            total += softmax_loss(self.model, vectors, targets)
            count += len(targets)
        return Validation(total / count)

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        save_file(_kept(weights), folder / "model.safetensors")
        self.vocabulary.save(folder / "vocabulary.json")

    def _predict(self, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        words, lengths = self._pieces.padded(rows)
        device = self.model.bias.device
        vectors, targets = self.model(words.to(device), lengths.to(device))
        return vectors, targets


def _kept(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights that the classifier shares."""
    return {
        name: weight.detach().cpu().contiguous()
        for name, weight in weights.items()
        if name.startswith(("embedding.", "layers."))
    }


def _predictions(ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], directions: int) -> npt.NDArray[np.int64]:
    """Count the words to predict in each piece: known ones except the first, and backwards except the last."""
    known = np.concatenate([[0], np.cumsum(ids >= FIRST_WORD)])
    begins, ends = offsets[:-1], offsets[1:]
    forward: npt.NDArray[np.int64] = known[ends] - known[begins + 1]
    return forward + known[ends - 1] - known[begins] if directions == 2 else forward


class _PretrainingProgress(Progress):
    """Reports the progress of pretraining apart from that of the classifier's training."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def message(self, text: str) -> None:
        self._progress.message(text)

    def stage(self, text: str, share: float | None = None) -> None:
        self._progress.stage(f"pretraining: {text}", share)

    def step(self, line: StepLine, share: float) -> None:
        self.stage(f"step {line.step}, loss {line.loss:.3f}", share)

    def epoch(self, line: EpochLine) -> None:
        self.message(
            f"Pretraining, epoch {line.epoch}: loss on held-out words {line.validation_loss:.3f} nats "
            f"after {line.seconds:.0f} s."
        )
