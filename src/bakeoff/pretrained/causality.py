"""Whether a network is causal: no token sees later ones."""

from __future__ import annotations

from typing import Any

import torch


@torch.no_grad()
def is_causal(model: Any) -> bool:
    """Return whether no token sees later ones: changing the last of eight tokens leaves the earlier states alone."""
    network, was_training = model.base_model, model.training
    model.eval()
    ids = torch.arange(8, device=model.device)[None] % model.get_input_embeddings().num_embeddings
    changed = ids.clone()
    changed[0, -1] = ids[0, 0]
    before, after = (network(input_ids=each)[0][0, :-1].float() for each in (ids, changed))
    model.train(was_training)
    return torch.allclose(before, after)
