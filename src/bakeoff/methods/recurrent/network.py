"""LSTM and GRU classifiers over right-padded batches.

`pack_padded_sequence` takes a slow path step by step on CPUs; a padded call is one oneDNN layer. Padding on the right
cannot reach the states before it, so the states of the real words are the same numbers. For the backward direction
each row is flipped inside its own length, which puts its padding on the right again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F

from bakeoff.methods.encoded import EncodedTexts, Rows, batches_by_length
from bakeoff.methods.linear_part.evidence import evidence_size
from bakeoff.methods.linear_part.fitting import LinearAnswers
from bakeoff.methods.linear_part.layers import EvidenceLayers, answer_zero
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.recurrent.cores import map_on_cores
from bakeoff.methods.recurrent.vocabulary import PADDING, UNKNOWN

_TEXTS_AT_ONCE = 128


class RecurrentClassifier(nn.Module):
    """Word embedding -> recurrent layers -> pooling -> linear layer."""

    def __init__(self, settings: RecurrentConfig, vocabulary_size: int, classes: int) -> None:
        super().__init__()
        self.settings = settings
        width = settings.hidden_size * (2 if settings.bidirectional else 1)
        self.embedding = nn.Embedding(vocabulary_size, settings.embedding_size, padding_idx=PADDING)
        self.layers = recurrent_layers(settings)
        self._layers_dtype = torch.float32
        self.output = nn.Linear(width * (2 if settings.pooling == "max_mean" else 1), classes)
        self.evidence: EvidenceLayers | None = None
        if settings.linear_part:
            self.evidence = EvidenceLayers(evidence_size(settings.linear_part, classes), classes)
            answer_zero(self.output)

    def round_layers(self) -> None:
        """Compute the recurrent layers in bf16 from now on. They are nearly all of the work."""
        self.layers.to(torch.bfloat16)
        self._layers_dtype = torch.bfloat16

    def forward(self, words: torch.Tensor, lengths: torch.Tensor, linear: LinearAnswers | None = None) -> torch.Tensor:
        """Logits, shape (rows, classes).

        Args:
            words: Word numbers, shape (rows, longest), 0 beyond each row's length.
            lengths: Shape (rows,), at least 1.
            linear: What the linear part says of the rows, where the settings ask for one.
        """
        settings = self.settings
        inside, flipped = inside_and_flipped(lengths, words.shape[1])
        if self.training and settings.word_dropout:
            dropped = torch.rand(words.shape, device=words.device) < settings.word_dropout
            words = words.masked_fill(dropped & inside, UNKNOWN)
        states = F.dropout(self.embedding(words), settings.embedding_dropout, self.training)
        states = states.to(self._layers_dtype)
        for number, directions in enumerate(self.layers):
            if number > 0:
                states = F.dropout(states, settings.dropout, self.training)
            states = _run_directions(directions, states, flipped)
        states = states.to(self.output.weight.dtype)
        pooled = _last_states(states, lengths, settings) if settings.pooling == "last" else _max_mean(states, inside)
        logits: torch.Tensor = self.output(F.dropout(pooled, settings.dropout, self.training))
        if self.evidence:
            assert linear is not None
            logits = logits + linear.logits + self.evidence(linear.evidence, lengths)
        return logits


def recurrent_layers(settings: RecurrentConfig) -> nn.ModuleList:
    """One module a layer and direction: torch's own stack would flip whole rows, padding first."""
    cell = nn.LSTM if settings.method == "lstm" else nn.GRU
    directions = 2 if settings.bidirectional else 1
    width = settings.hidden_size * directions
    return nn.ModuleList(
        nn.ModuleList(
            cell(settings.embedding_size if layer == 0 else width, settings.hidden_size, batch_first=True)
            for _ in range(directions)
        )
        for layer in range(settings.layers)
    )


def inside_and_flipped(lengths: torch.Tensor, longest: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Which positions hold words, and the position that each word takes in a row flipped inside its own length.

    Both have the shape (rows, longest).
    """
    position = torch.arange(longest, device=lengths.device)
    inside = position < lengths[:, None]
    return inside, torch.where(inside, lengths[:, None] - 1 - position, position)


def _run_directions(directions: nn.Module, states: torch.Tensor, flipped: torch.Tensor) -> torch.Tensor:
    """States of one layer, forward and then backward ones side by side, shape (rows, longest, width)."""
    forward, *backward = directions.children()
    outputs = [forward(states)[0]]
    for module in backward:
        outputs.append(reorder(module(reorder(states, flipped))[0], flipped))
    return torch.cat(outputs, dim=2) if backward else outputs[0]


def reorder(states: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Take the states of each row in the order of `positions`, shape (rows, longest)."""
    return states.gather(1, positions[:, :, None].expand_as(states))


def _last_states(states: torch.Tensor, lengths: torch.Tensor, settings: RecurrentConfig) -> torch.Tensor:
    """Return the state after the last word that each direction reads: forward the last word, backward the first."""
    rows = torch.arange(states.shape[0], device=states.device)
    forward = states[rows, lengths - 1, : settings.hidden_size]
    backward = states[:, 0, settings.hidden_size :]
    return torch.cat([forward, backward], dim=1)


def _max_mean(states: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Maximum and mean over the real words (Howard and Ruder 2018, without the last state)."""
    maximum = states.masked_fill(~inside[:, :, None], -torch.inf).max(dim=1).values
    shares = inside / inside.sum(dim=1, keepdim=True)
    mean = torch.bmm(shares[:, None, :].to(states.dtype), states)[:, 0]
    return torch.cat([maximum, mean], dim=1)


def class_probabilities(
    model: RecurrentClassifier, texts: EncodedTexts, linear: LinearAnswers | None = None, *, multilabel: bool = False
) -> npt.NDArray[np.float64]:
    """Probabilities of each text, shape (texts, classes), in the order of the texts.

    Args:
        linear: What the linear part says of the texts, where the model has one.
        multilabel: A text can have several labels.
    """
    device = model.output.weight.device
    probabilities = np.zeros((len(texts), model.output.out_features))

    @torch.no_grad()
    def classify(rows: Rows) -> None:
        words, lengths = texts.padded(rows)
        logits = model(words.to(device), lengths.to(device), linear.of(rows, device) if linear else None)
        logits = logits.cpu().double()
        probabilities[rows] = (logits.sigmoid() if multilabel else logits.softmax(dim=1)).numpy()

    share = max(1, -(-len(texts) // torch.get_num_threads()))  # so that a few texts are work for all cores, too
    batches = batches_by_length(texts.lengths, min(share, _TEXTS_AT_ONCE))
    was_training = model.training
    model.eval()
    if device.type == "cpu":
        map_on_cores(classify, batches)
    else:
        for rows in batches:
            classify(rows)
    model.train(was_training)
    return probabilities
