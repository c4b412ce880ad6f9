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
    """Replace all linear layers of a frozen model on the CPU, where oneDNN can order their weights; others stay."""
    if not available():
        return
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) not in (torch.nn.Linear, Conv1D) or not _can_order(child.weight):
                continue
            weight = child.weight if type(child) is torch.nn.Linear else child.weight.t()  # GPT-2's are transposed
            setattr(module, name, PackedLinear(weight, child.bias))


def _can_order(weight: torch.Tensor) -> bool:
    if weight.device.type != "cpu":
        return False
    # In bf16 oneDNN refuses processors with AVX2 alone.
    return weight.dtype != torch.bfloat16 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
