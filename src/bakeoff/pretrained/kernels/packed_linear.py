"""Linear layers of a frozen model with their weights in oneDNN's own order, which products read without strides.

They compute as `linear` does, without ordering the weights for every product. torch's compiler uses the same operations
for frozen models.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from bakeoff.pretrained.kernels.linear import available

_ROWS = 1024
"""The weights are ordered for products with about so many rows."""


class PackedLinear(torch.nn.Module):
    """A linear layer that can only be evaluated. Its weights are not parameters any more."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        """
        Args:
            weight: Shape (outputs, inputs), fp32 or bf16, on the CPU.
        """
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), _ROWS)
        self.bias = None if bias is None else bias.detach()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self.weight, self.bias, "none", [], "")
        return result


def pack_linear_layers(model: Any) -> None:
    """Replace all linear layers of a frozen model on the CPU, where torch has these operations; others stay."""
    if not available():
        return
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if child is not None and next(iter(child.parameters()), torch.empty(0)).device.type == "cpu":
                if type(child) is torch.nn.Linear:
                    setattr(module, name, PackedLinear(child.weight, child.bias))
                elif type(child) is Conv1D:  # GPT-2's, which store their weights transposed
                    setattr(module, name, PackedLinear(child.weight.t(), child.bias))
