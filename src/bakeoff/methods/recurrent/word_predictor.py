"""Language models out of a classifier's embedding and recurrent layers: what they are pretrained as.

Each direction predicts the word that it reads next (Dai and Le 2015; both directions as in Howard and Ruder 2018), from
its state alone. The vectors of the words are also those of the softmax (Press and Wolf 2017).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.recurrent.network import inside_and_flipped, recurrent_layers, reorder
from bakeoff.methods.recurrent.vocabulary import FIRST_WORD, PADDING

DROPOUT = 0.2
"""On the word vectors, between layers, and before the prediction."""

_INITIAL_DEVIATION = 0.1  # of the word vectors: logits are products of two, and begin near 0
_LOWEST_FREQUENCY = 1e-12  # for a finite bias of padding and unknown words, which are not predicted
_LOGITS_AT_ONCE = 2**24  # 64 MB


class WordPredictor(nn.Module):
    """The embedding and layers of a `RecurrentClassifier`, under the same names, with an output that predicts words.

    The settings must have one layer or one direction: a layer over both directions would see the word to predict.
    """

    def __init__(self, settings: RecurrentConfig, frequencies: torch.Tensor) -> None:
        """`frequencies`: of each word, adding up to 1, shape (vocabulary,); 0 for padding and unknown words.

        The model begins near these: only what the context tells is left to learn.
        """
        super().__init__()
        self.embedding = nn.Embedding(len(frequencies), settings.embedding_size, padding_idx=PADDING)
        nn.init.normal_(self.embedding.weight, std=_INITIAL_DEVIATION)
        with torch.no_grad():
            self.embedding.weight[PADDING] = 0
        self.layers = recurrent_layers(settings)
        directions = 2 if settings.bidirectional else 1
        self.projections = nn.ModuleList(
            nn.Linear(settings.hidden_size, settings.embedding_size) for _ in range(directions)
        )
        self.bias = nn.Parameter(frequencies.clamp_min(_LOWEST_FREQUENCY).log().float())

    def forward(self, words: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Predict every known word but the first that each direction reads; no position of padding.

        Args:
            words: Word numbers, shape (rows, longest), 0 beyond each row's length.
            lengths: Shape (rows,), at least 1.

        Returns:
            Predicted vectors, shape (predictions, embedding_size), and the numbers of the words that stand there, shape
            (predictions,): first all predictions of the forward direction, then those of the backward one.
        """
        _, flipped = inside_and_flipped(lengths, words.shape[1])
        embedded = self._dropout(self.embedding(words))
        vectors, targets = [], []
        for direction, projection in enumerate(self.projections):
            read = words if direction == 0 else words.gather(1, flipped)
            states = embedded if direction == 0 else reorder(embedded, flipped)
            for number, layer in enumerate(self.layers):
                assert isinstance(layer, nn.ModuleList)
                states = layer[direction](self._dropout(states) if number > 0 else states)[0]
            predicted = read[:, 1:] >= FIRST_WORD  # neither padding nor unknown
            vectors.append(projection(self._dropout(states[:, :-1][predicted])))
            targets.append(read[:, 1:][predicted])
        return torch.cat(vectors), torch.cat(targets)

    def _dropout(self, values: torch.Tensor) -> torch.Tensor:
        return F.dropout(values, DROPOUT, self.training)


def sampled_softmax_loss(
    vectors: torch.Tensor,
    targets: torch.Tensor,
    embedding: torch.Tensor,
    bias: torch.Tensor,
    negatives: torch.Tensor,
    log_probabilities: torch.Tensor,
) -> torch.Tensor:
    """Return the summed negative log-likelihood of the targets among themselves and some sampled words.

    Every logit is lowered by the logarithm of the probability with which its word is drawn, so that frequent words,
    which are drawn often, are not pushed down for it (Bengio and Senecal 2008; Jean et al. 2015). A sample that is the
    target itself does not count against it.

    Args:
        vectors: Shape (predictions, embedding_size).
        targets: Word numbers, shape (predictions,).
        embedding: Shape (vocabulary, embedding_size).
        bias: Shape (vocabulary,).
        negatives: Numbers of the sampled words, the same for all predictions, shape (samples,).
        log_probabilities: Of drawing each word, shape (vocabulary,).
    """
    offset = bias - log_probabilities
    target_logits = (vectors * F.embedding(targets, embedding)).sum(dim=1) + offset[targets]
    logits = vectors @ F.embedding(negatives, embedding).T + offset[negatives]
    logits = logits.masked_fill(targets[:, None] == negatives, torch.finfo(logits.dtype).min)
    total = torch.logaddexp(target_logits, logits.logsumexp(dim=1))
    return (total - target_logits).sum()


def softmax_loss(model: WordPredictor, vectors: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the summed negative log-likelihood of the targets among all words, in nats, without gradients."""
    embedding, bias = model.embedding.weight[FIRST_WORD:], model.bias[FIRST_WORD:]
    at_once = max(1, _LOGITS_AT_ONCE // len(bias))
    total = 0.0
    for some, their_targets in zip(vectors.split(at_once), targets.split(at_once), strict=True):
        logits = F.linear(some, embedding, bias)
        total += float(F.cross_entropy(logits, their_targets - FIRST_WORD, reduction="sum"))
    return total
