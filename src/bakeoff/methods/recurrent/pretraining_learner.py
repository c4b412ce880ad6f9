"""The learner of pretraining: a word predictor with its texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from bakeoff.data.types import SplitTable
from bakeoff.data.words import tokenize
from bakeoff.errors import UserError
from bakeoff.methods.encoded import Rows, batches_by_length, shuffled_batches
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.recurrent.pretraining_texts import PretrainingTexts
from bakeoff.methods.recurrent.vocabulary import FIRST_WORD, WordVocabulary
from bakeoff.methods.recurrent.word_predictor import WordPredictor, sampled_softmax_loss, softmax_loss
from bakeoff.training.learner import LossSum, Validation
from bakeoff.training.precision import choose_device

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
