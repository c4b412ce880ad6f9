"""A causal transformer small enough to be trained in seconds, with a choice of how it learns positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

Positions = Literal["none", "added", "multiplied", "rotary"]
WIDTH, HEADS, LAYERS, CONTEXT = 64, 4, 2, 64
START = 0.02
"""Standard deviation of the token embeddings at the start. Learned positions begin without effect, and equal steps of
the optimizer move a token as far, relative to its length, by multiplication as by addition."""


class SmallTransformer(nn.Module):
    """Two layers with norms before attention and feed-forward layer; the output layer shares the embedding."""

    def __init__(self, vocabulary: int, positions: Positions) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        nn.init.normal_(self.embedding.weight, std=START)
        self.positions = positions
        if positions in ("added", "multiplied"):
            self.place = nn.Parameter(torch.zeros(CONTEXT, WIDTH))
        self.layers = nn.ModuleList(_Layer(rotary=positions == "rotary") for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return logits of the next tokens, shape (rows, length, vocabulary), for ids of shape (rows, length)."""
        hidden = self.embedding(ids)
        if self.positions == "added":
            hidden = hidden + self.place[: ids.shape[1]]
        elif self.positions == "multiplied":
            hidden = hidden * (1 + self.place[: ids.shape[1]] / START)
        for layer in self.layers:
            hidden = layer(hidden)
        return F.linear(self.norm(hidden), self.embedding.weight)


class _Layer(nn.Module):
    def __init__(self, *, rotary: bool) -> None:
        super().__init__()
        self.rotary = rotary
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)])
        self.inputs, self.output = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        parts = self.inputs(self.norms[0](hidden)).chunk(3, dim=-1)
        query, key, value = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in parts)
        if self.rotary:
            query, key = rotate(query), rotate(key)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        hidden = hidden + self.output(attended.transpose(1, 2).flatten(2))
        rest: torch.Tensor = self.narrow(F.gelu(self.wide(self.norms[1](hidden))))
        return hidden + rest


def rotate(vectors: torch.Tensor) -> torch.Tensor:
    """Turn pairs of coordinates by angles that grow with the position (Su et al. 2021), shape (..., length, size)."""
    length, size = vectors.shape[-2:]
    angles = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(0, size, 2) / size)
    first, second = vectors[..., : size // 2], vectors[..., size // 2 :]
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


def train(
    vocabulary: int, documents: Sequence[Sequence[int]], positions: Positions, *, steps: int, seed: int, rows: int = 8
) -> SmallTransformer:
    """Train on random windows of the documents, one after the other in one stream. Equal seeds draw equal windows."""
    torch.manual_seed(seed)
    model = SmallTransformer(vocabulary, positions)
    stream = torch.tensor([number for document in documents for number in document])
    window, random = torch.arange(CONTEXT + 1), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        starts = torch.randint(len(stream) - CONTEXT, (rows, 1), generator=random)
        batch = stream[starts + window]
        loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def document_losses(model: SmallTransformer, documents: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the summed nats of every document, each token but the first predicted once, in windows side by side."""
    windows, owners = [], []
    for number, ids in enumerate(documents):
        for start in range(0, len(ids) - 1, CONTEXT):
            windows.append(torch.tensor(ids[start : start + CONTEXT + 1]))
            owners.append(number)
    losses = np.zeros(len(documents))
    for start in range(0, len(windows), 64):
        # Padding comes after the text, where causal attention does not look, and is not scored.
        batch = nn.utils.rnn.pad_sequence(windows[start : start + 64], batch_first=True, padding_value=-1)
        logits = model(batch[:, :-1].clamp_min(0))
        nats = F.cross_entropy(logits.transpose(1, 2), batch[:, 1:], ignore_index=-1, reduction="none").sum(1)
        np.add.at(losses, owners[start : start + 64], nats.double().numpy())
    return losses
