"""What stands on a pretrained network: the output layer of a language model, or that of a sequence classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import transformers

from bakeoff.errors import UserError

_POOLER = "pooler"
"""An encoder's layer between its first state and the head, which many files leave out."""


def model_class(labels: Sequence[str] | None) -> tuple[Any, dict[str, Any]]:
    """transformers' class for a causal language model, or for a classifier of labels, and what its config says."""
    if labels is None:
        return transformers.AutoModelForCausalLM, {}
    names = dict(enumerate(labels))
    return transformers.AutoModelForSequenceClassification, {
        "num_labels": len(labels),
        "id2label": names,
        "label2id": {label: number for number, label in names.items()},
        "problem_type": "single_label_classification",
    }


def head_modules(model: Any) -> list[str]:
    """Names of the modules of a sequence classifier that are trained for their task from scratch."""
    own = [
        name
        for name, module in model.named_children()
        if name != model.base_model_prefix and any(True for _ in module.parameters())
    ]
    pooler = getattr(model.base_model, _POOLER, None)
    return [*own, _POOLER] if pooler is not None else own


def missing_weights(model: Any, report: Mapping[str, Any], labels: Sequence[str] | None) -> list[str]:
    """Names of weights that the files should hold and do not, or in another shape. A classifier's head may be missing.

    Args:
        report: transformers' loading info.
    """
    missing = _not_loaded(report)
    if labels is None:
        return missing
    network = f"{model.base_model_prefix}."
    return [key for key in missing if key.startswith(network) and f".{_POOLER}." not in key]


def begin_evenly(model: Any, report: Mapping[str, Any]) -> None:
    """Set a classifier's output layer to zero where it is new: at first every class is as probable as the others.

    With random weights a model of large states (SmolLM2's) begins at 8 nats, and spends its first steps on them.
    """
    new = _not_loaded(report)
    for name, module in model.named_modules():
        is_output = isinstance(module, torch.nn.Linear) and module.out_features == model.config.num_labels
        if is_output and f"{name}.weight" in new and not name.startswith(f"{model.base_model_prefix}."):
            for weight in module.parameters():
                torch.nn.init.zeros_(weight)


def _not_loaded(report: Mapping[str, Any]) -> list[str]:
    return sorted({*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])})


def agree_on_padding(model: Any, tokenizer: Any) -> None:
    """Give a classifier and its tokenizer the same padding token: the classifier finds the end of a text by it.

    On the right: models that count positions from the left edge (GPT-2) give other answers behind padding.

    Raises:
        UserError: the tokenizer has no token that could serve.
    """
    if tokenizer.pad_token_id is None:
        for token in (tokenizer.eos_token, tokenizer.unk_token, tokenizer.bos_token):
            if token is not None:
                tokenizer.pad_token = token
                break
        else:
            raise UserError(
                "The model's tokenizer has neither a padding nor an end-of-text token.",
                "Set `pad_token` in its tokenizer_config.json.",
            )
    tokenizer.padding_side = "right"
    tokenizer.init_kwargs["padding_side"] = "right"  # or it would not be saved
    model.config.pad_token_id = tokenizer.pad_token_id
