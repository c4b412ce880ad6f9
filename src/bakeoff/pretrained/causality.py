"""Whether a network is causal: no token sees later ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


@torch.no_grad()
def is_causal(model: Any) -> bool:
    """Return whether no token of the model's network sees later ones."""
    network, was_training = model.base_model, model.training
    model.eval()
    embeddings = model.get_input_embeddings().weight
    sees = sees_later_tokens(lambda ids: network(input_ids=ids.to(model.device))[0], len(embeddings))
    model.train(was_training)
    return not sees


def sees_later_tokens(compute: Callable[[torch.Tensor], torch.Tensor], vocabulary: int) -> bool:
    """Return whether another last token of eight changes what is computed for those before it.

    It must change it by more than rounding: where experts share a product, any token changes the last bits of others.
    What another first token changes gives the scale.

    Args:
        compute: Takes ids of shape (1, 8) and returns shape (1, 8, values).
        vocabulary: The number of ids.
    """
    ids = torch.arange(8)[None] % vocabulary
    first, last = ids.clone(), ids.clone()
    first[0, 0], last[0, -1] = ids[0, -1], ids[0, 0]
    states, with_first, with_last = (compute(each)[0].float() for each in (ids, first, last))
    by_first = (with_first - states)[1:].abs().max()
    by_last = (with_last - states)[:-1].abs().max()
    return bool(by_last > 0.05 * by_first)
