"""The layers of a network that read how the evidence of its linear part is spread over a text."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

_EVIDENCE_UNITS = 32
_EVIDENCE_DROPOUT = 0.1


class EvidenceLayers(nn.Module):
    """Two layers from the spread of a linear model's evidence over a text to logits, initialized to answer zero."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size + 1))
        self.register_buffer("deviation", torch.ones(size + 1))
        self.hidden = nn.Linear(size + 1, _EVIDENCE_UNITS)
        self.output = nn.Linear(_EVIDENCE_UNITS, classes)
        answer_zero(self.output)

    def standardize(self, evidence: torch.Tensor, lengths: torch.Tensor) -> None:
        """Scale every input by its standard deviation over the training texts. The arguments are those of `forward`."""
        inputs = _with_length(evidence, lengths)
        self.mean = inputs.mean(dim=0)
        deviation = inputs.std(dim=0, correction=0)
        self.deviation = torch.where(deviation > 0, deviation, 1.0)

    def forward(self, evidence: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (rows, classes), in fp32.

        Args:
            evidence: Shape (rows, size), in fp32.
            lengths: Words or tokens of each text, at least 1, shape (rows,).
        """
        standardized = (_with_length(evidence, lengths) - self.mean) / self.deviation
        inputs = standardized.to(self.hidden.weight.dtype)
        hidden = F.dropout(F.gelu(self.hidden(inputs)), _EVIDENCE_DROPOUT, self.training)
        logits: torch.Tensor = self.output(hidden).float()
        return logits


def _with_length(evidence: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    return torch.cat([evidence, lengths[:, None].to(evidence.dtype).log()], dim=1)


def answer_zero(layer: nn.Linear) -> None:
    """Initialize a layer to logits of zero, so that the linear model answers alone at first."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
