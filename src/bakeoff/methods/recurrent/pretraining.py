"""Pretraining of an LSTM or GRU on unlabeled texts, before it is trained as a classifier (Dai and Le 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from bakeoff.config.classification import ClassificationConfig
from bakeoff.data.pretraining_texts import PretrainingTexts, pretraining_texts
from bakeoff.data.types import SplitTable
from bakeoff.data.words import tokenize
from bakeoff.errors import UserError
from bakeoff.methods.encoded import Rows, batches_by_length, shuffled_batches
from bakeoff.methods.recurrent.config import Pretraining, RecurrentConfig
from bakeoff.methods.recurrent.vocabulary import FIRST_WORD, WordVocabulary
from bakeoff.methods.recurrent.word_predictor import WordPredictor, sampled_softmax_loss, softmax_loss
from bakeoff.runs.folder import ContestantFolder, recover_folder
from bakeoff.runs.pretraining import PretrainingFolder, PretrainingSummary
from bakeoff.runs.results import EpochLine, StepLine, TrainingCost
from bakeoff.sections import Budget
from bakeoff.training import distributed
from bakeoff.training.checkpoint import trained_seconds
from bakeoff.training.learner import LossSum, TrainingSettings, Validation
from bakeoff.training.loop import train
from bakeoff.training.precision import choose_device
from bakeoff.training.progress import Progress

NEGATIVES = 512
"""Words that are sampled in every step; each prediction is told from these."""

_SMOOTHING = 0.75  # exponent of the frequencies by which words are sampled: rare ones come more often than in texts
_HELD_OUT_SHARE = 0.02  # of the pieces, by whose loss the best epoch is chosen
_HELD_OUT_WORDS = 20_000  # at most; their loss is that of the whole softmax, which is slow
_PIECES_AT_ONCE = 32


@dataclass(frozen=True)
class Pretrained:
    """What a classifier starts from."""

    vocabulary: WordVocabulary
    weights: dict[str, torch.Tensor]  # of the embedding and the layers, named as in `RecurrentClassifier`

    @classmethod
    def load(cls, folder: Path) -> Pretrained:
        weights = load_file(folder / "model.safetensors")
        return cls(WordVocabulary.load(folder / "vocabulary.json"), weights)


def pretrain(
    config: ClassificationConfig,
    settings: RecurrentConfig,
    training: TrainingSettings,
    data: SplitTable,
    contestant: ContestantFolder,
    progress: Progress,
) -> tuple[Pretrained, PretrainingSummary]:
    """Pretrain a contestant, or go on with it, or load what came of it in an earlier session of the run.

    Args:
        training: Of the classifier; pretraining has its own epochs and learning rate.

    Raises:
        UserError: the texts cannot be read or are too few, or whatever ends a training.
    """
    assert settings.pretrain is not None
    folder = PretrainingFolder(contestant)
    if not distributed.broadcast(folder.summary() is not None):
        progress.stage("encoding texts for pretraining")
        texts = pretraining_texts(settings.pretrain, config.data.text, data)
        task = PretrainingTask(texts, data, settings, config.seed)
        progress.message(
            f"Pretraining on {len(texts.texts):,} unlabeled and {len(data.train):,} training texts, "
            f"{task.words:,} words with {task.vocabulary.size:,} in the vocabulary."
        )
        cost = train(task, pretraining_settings(settings.pretrain, training), folder, _PretrainingNews(progress))
        if folder.writes:
            _, epochs = folder.training_log()
            folder.write_summary(
                PretrainingSummary(
                    source=texts.source,
                    texts=len(texts.texts),
                    training_texts=len(data.train),
                    held_out=texts.held_out,
                    words=task.words,
                    loss=min(line.validation_loss for line in epochs),
                    cost=cost,
                )
            )
        distributed.wait()
    recover_folder(folder.model)
    summary = folder.summary()
    assert summary is not None
    return Pretrained.load(folder.model), summary


def pretraining_settings(pretrain: Pretraining, training: TrainingSettings) -> TrainingSettings:
    """Those of the classifier's training, but with the epochs and learning rate of pretraining."""
    return replace(training, budget=Budget(epochs=pretrain.epochs), learning_rate=pretrain.learning_rate)


def pretrained_seconds(contestant: ContestantFolder) -> float:
    """Time of pretraining in the earlier sessions of a run that goes on; 0 for a new one."""
    folder = PretrainingFolder(contestant)
    summary = folder.summary()
    return summary.cost.seconds if summary else trained_seconds(folder.checkpoint)


def pretraining_notes(found: PretrainingSummary) -> list[str]:
    """What a reader of the result must know."""
    file, cost = Path(found.source).name, found.cost
    notes = [
        f"Before, it was pretrained on {found.texts:,} texts of {file} and the {found.training_texts:,} of the "
        f"training split: {found.words:,} words, {cost.epochs} {'epoch' if cost.epochs == 1 else 'epochs'}, loss of "
        f"held-out words {found.loss:.3f} nats. This took {cost.seconds:.0f} s, which count in its training time, not "
        "against the budget."
    ]
    if found.held_out:
        notes.append(
            "Left out of pretraining, because they stand in the validation or test split: "
            f"{found.held_out:,} of the texts of {file}."
        )
    return notes


def cost_together(before: TrainingCost, own: TrainingCost) -> TrainingCost:
    """The cost of pretraining and of the classifier's own training; the epochs are those of the latter."""
    return own.model_copy(
        update={
            "steps": before.steps + own.steps,
            "tokens": before.tokens + own.tokens,
            "seconds": before.seconds + own.seconds,
            "peak_memory_bytes": max(before.peak_memory_bytes, own.peak_memory_bytes),
        }
    )


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


class PretrainingTask:
    """The word predictor with its texts, cut into pieces of at most `max_length` words.

    The vocabulary is that of the training split and the unlabeled texts together. Some pieces are held out to choose
    the best epoch by; the validation split remains unseen.
    """

    def __init__(self, texts: PretrainingTexts, data: SplitTable, settings: RecurrentConfig, seed: int) -> None:
        tokenized = tokenize([*data.train.texts, *texts.texts], settings.vocabulary.punctuation)
        self.vocabulary = WordVocabulary.build(tokenized, settings.vocabulary)
        encoded = self.vocabulary.encode_tokenized(tokenized)
        self.words = len(encoded.numbers)
        self._pieces = encoded.pieces(settings.max_length)
        self._predictions = _predictions(self._pieces.numbers, self._pieces.offsets, 2 if settings.bidirectional else 1)
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
        counts = torch.from_numpy(np.bincount(encoded.numbers, minlength=self.vocabulary.size)).double()
        counts[:FIRST_WORD] = 0  # neither padding nor unknown words are predicted
        self._sampling = counts**_SMOOTHING / (counts**_SMOOTHING).sum()
        device = choose_device()
        self._log_probabilities = self._sampling.log().float().to(device)
        self._settings = settings
        self._seed = seed
        torch.manual_seed(seed)
        self.model = WordPredictor(settings, counts / counts.sum()).to(device)

    @property
    def pretrained(self) -> Pretrained:
        """As it is at the moment, for a plan."""
        return Pretrained(self.vocabulary, _kept(self.model.state_dict()))

    def steps(self, epoch: int) -> Sequence[Sequence[PieceBatch]]:
        lengths = self._pieces.lengths[self._rows]
        batches = shuffled_batches(lengths, self._settings.batch_size, self._seed, epoch)
        return [[PieceBatch(self._rows[some], lengths[some], self._predictions[self._rows[some]])] for some in batches]

    def loss(self, batch: PieceBatch) -> LossSum:
        """The sampled softmax's. It is on another scale than that of the whole softmax."""
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
    """What the classifier has as well."""
    return {
        name: weight.detach().cpu().contiguous()
        for name, weight in weights.items()
        if name.startswith(("embedding.", "layers."))
    }


def _predictions(
    numbers: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], directions: int
) -> npt.NDArray[np.int64]:
    """Words to predict in each piece: the known ones without the first, and backwards without the last."""
    known = np.concatenate([[0], np.cumsum(numbers >= FIRST_WORD)])
    begins, ends = offsets[:-1], offsets[1:]
    found: npt.NDArray[np.int64] = known[ends] - known[begins + 1]
    return found + known[ends - 1] - known[begins] if directions == 2 else found


class _PretrainingNews(Progress):
    """News of pretraining under its own name, apart from those of the classifier's training."""

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
            f"Pretraining, epoch {line.epoch}: loss of held-out words {line.validation_loss:.3f} nats "
            f"after {line.seconds:.0f} s."
        )
