"""Activation checkpointing (Chen et al. 2016) by transformers' own means: computing twice instead of keeping."""

from __future__ import annotations

from typing import Any

from bakeoff.errors import UserError


def checkpoint_activations(model: Any) -> None:
    """While training, keep only the inputs of the layers of `model` (which may carry an adapter) for the backward pass.

    Gradients stay the same, dropout included: the second computation of a layer draws the random numbers of the first.

    Raises:
        UserError: transformers cannot do it for this architecture.
    """
    # Not re-entrant: with frozen weights the first layer's input may have no gradient.
    options = {"use_reentrant": False}
    try:
        if hasattr(model, "activation_checkpointing_enable"):
            model.activation_checkpointing_enable(activation_checkpointing_kwargs=options)
        else:  # its name in older versions of transformers
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=options)
    except ValueError as error:
        raise UserError(str(error), "Leave activation_checkpointing out.") from None
