"""The output layer of a pretrained network: that of a language model, that of a sequence classifier, or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import transformers

from bakeoff.errors import UserError

_POOLER = "pooler"
"""An encoder's layer between the state of its first token and the head. Many files do not contain it."""


def model_class(labels: Sequence[str] | None) -> tuple[Any, dict[str, Any]]:
    """Return transformers' class for a causal language model or a classifier of labels, and its config values.

    No labels at all mean a network without an output layer.
    """
    if labels is None:
        return transformers.AutoModelForCausalLM, {}
    if not labels:
        return transformers.AutoModel, {}
    names = dict(enumerate(labels))
    return transformers.AutoModelForSequenceClassification, {
        "num_labels": len(labels),
        "id2label": names,
        "label2id": {label: index for index, label in names.items()},
        "problem_type": "single_label_classification",
    }


def head_modules(model: Any) -> list[str]:
    """Return the names of a sequence classifier's modules that are trained from scratch."""
    own = [
        name
        for name, module in model.named_children()
        if name != model.base_model_prefix and any(True for _ in module.parameters())
    ]
    pooler = getattr(model.base_model, _POOLER, None)
    return [*own, _POOLER] if pooler is not None else own


def missing_weights(model: Any, report: Mapping[str, Any], labels: Sequence[str] | None) -> list[str]:
    """Return the names of weights that the files lack, or have in another shape.

    A classifier's head may be missing, and so may an encoder's pooler.

    Args:
        report: transformers' loading info.
    """
    missing = _not_loaded(report)
    if labels is None:
        return missing
    network = f"{model.base_model_prefix}." if labels else ""
    return [key for key in missing if key.startswith(network) and f".{_POOLER}." not in f".{key}"]


def begin_evenly(model: Any, report: Mapping[str, Any]) -> None:
    """Set a classifier's output layer to zero if it is new, so that all classes start equally probable.

    With random weights a model of large states (SmolLM2's) starts at 8 nats and spends its first steps on getting down.
    """
    new = _not_loaded(report)
    for name, layer in _output_layers(model):
        if f"{name}.weight" in new:
            _set_to_zero(layer)


def put_in_order(model: Any, own: Sequence[str], labels: Sequence[str]) -> None:
    """Give a classifier's output layer a row for each label; set it to zero if the rows of its files are of others.

    Args:
        own: The labels of the files, in the order of their rows; if they have only numbers, they stay as they are.
    """
    if list(own) == list(labels) or all(label == f"LABEL_{row}" for row, label in enumerate(own)):
        return
    rows = {label.casefold(): row for row, label in enumerate(own)}
    order = [rows.get(label.casefold(), -1) for label in labels]
    for _, layer in _output_layers(model):
        if sorted(order) == list(range(len(own))):
            for weight in layer.parameters():
                weight.data = weight.data[order]
        else:
            _set_to_zero(layer)


def answer_zero(model: Any) -> None:
    """Set a classifier's output layer to zero, whether it is new or not, so that all its logits start at zero."""
    for _, layer in _output_layers(model):
        _set_to_zero(layer)


def _output_layers(model: Any) -> Iterator[tuple[str, torch.nn.Linear]]:
    for name, module in model.named_modules():
        is_output = isinstance(module, torch.nn.Linear) and module.out_features == model.config.num_labels
        if is_output and not name.startswith(f"{model.base_model_prefix}."):
            yield name, module


def _set_to_zero(layer: torch.nn.Linear) -> None:
    for weight in layer.parameters():
        torch.nn.init.zeros_(weight)


def _not_loaded(report: Mapping[str, Any]) -> list[str]:
    return sorted({*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])})


def agree_on_padding(model: Any, tokenizer: Any) -> None:
    """Give a classifier and its tokenizer the same padding token, by which the classifier finds the end of a text.

    Padding goes on the right: models that count positions from the left edge (GPT-2) answer differently after padding.

    Raises:
        UserError: the tokenizer has no suitable token.
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
