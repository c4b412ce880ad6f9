"""torch's recurrent layers as the operators that ONNX has for them.

Left to itself the exporter takes a recurrent layer apart, step by step, and fixes the number of steps. The operators
`LSTM` and `GRU` read a text of any length, and runtimes have fast kernels for them.
https://onnx.ai/onnx/operators/onnx__LSTM.html, https://onnx.ai/onnx/operators/onnx__GRU.html
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

# Where torch's gates (LSTM: input, forget, cell, output; GRU: reset, update, new) stand in ONNX's order.
_LSTM_GATES = (0, 3, 1, 2)  # input, output, forget, cell
_GRU_GATES = (1, 0, 2)  # update, reset, hidden


class OnnxCell(nn.Module):
    """A placeholder for an `nn.LSTM` or `nn.GRU` of one layer and direction during export; it cannot compute."""

    input_weights: torch.Tensor  # as ONNX has them: with a leading axis of directions, gates in its own order
    state_weights: torch.Tensor
    biases: torch.Tensor

    def __init__(self, layer: nn.LSTM | nn.GRU) -> None:
        """
        Raises:
            NotImplementedError: the layer has several layers, both directions, no biases, or the batch second.
        """
        super().__init__()
        if layer.num_layers > 1 or layer.bidirectional or not layer.batch_first or not layer.bias or layer.proj_size:
            raise NotImplementedError(f"{layer} is not a single batch-first layer of one direction with biases.")
        self._operator = "LSTM" if isinstance(layer, nn.LSTM) else "GRU"
        self._gates = _LSTM_GATES if isinstance(layer, nn.LSTM) else _GRU_GATES
        self.hidden_size = layer.hidden_size
        weights = {name: self._reordered(weight) for name, weight in layer.named_parameters()}
        self.register_buffer("input_weights", weights["weight_ih_l0"])
        self.register_buffer("state_weights", weights["weight_hh_l0"])
        self.register_buffer("biases", torch.cat([weights["bias_ih_l0"], weights["bias_hh_l0"]], dim=1))

    def _reordered(self, weights: torch.Tensor) -> torch.Tensor:
        parts = weights.detach().chunk(len(self._gates))
        return torch.cat([parts[gate] for gate in self._gates])[None]

    def forward(self, states: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the states of all positions, shape (rows, longest, hidden size), and None for the last state."""
        by_position = states.transpose(0, 1)
        longest, rows, _ = by_position.shape
        attributes: dict[str, Any] = {"hidden_size": self.hidden_size}
        if self._operator == "GRU":
            attributes["linear_before_reset"] = 1  # torch resets after the matrix product
        output = torch.onnx.ops.symbolic(
            self._operator,
            (by_position, self.input_weights, self.state_weights, self.biases),
            attributes,
            dtype=states.dtype,
            shape=(longest, 1, rows, self.hidden_size),
        )
        return output[:, 0].transpose(0, 1), None


def with_onnx_cells(network: nn.Module) -> nn.Module:
    """Return a copy of `network` on the CPU whose recurrent layers are ONNX operators."""
    copied = copy.deepcopy(network).cpu()
    for name, module in list(copied.named_modules()):
        if isinstance(module, nn.LSTM | nn.GRU):
            copied.set_submodule(name, OnnxCell(module))
    return copied
