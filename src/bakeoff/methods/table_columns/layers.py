"""The layers of a network that read columns beside the text."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

_UNITS = 32
_DROPOUT = 0.1


class ColumnLayers(nn.Module):
    """Two layers from encoded columns to logits, which are added to those of the text.

    That is what the output layer of a head computes if it gets the states of the hidden layer beside those of the text.
    The output begins at zero, so that training begins with the text alone.
    """

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, _UNITS)
        self.output = nn.Linear(_UNITS, classes)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (rows, classes), in fp32.

        Args:
            values: Of `ColumnEncoder`, shape (rows, size), in fp32.
        """
        hidden = F.dropout(F.gelu(self.hidden(values.to(self.hidden.weight.dtype))), _DROPOUT, self.training)
        logits: torch.Tensor = self.output(hidden).float()
        return logits
