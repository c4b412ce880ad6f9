"""A pretrained network with a classification head: from texts to probabilities, with little padding."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file

from bakeoff import machine
from bakeoff.methods.encoded import EncodedTexts, Rows, TextBatch, batches_by_length
from bakeoff.methods.linear.model import LinearModel
from bakeoff.methods.linear_part.config import LINEAR_PART
from bakeoff.methods.linear_part.evidence import evidence_size
from bakeoff.methods.linear_part.fitting import LinearAnswers, linear_answers, load_linear_part
from bakeoff.methods.linear_part.layers import EvidenceLayers
from bakeoff.methods.table_columns.encoder import ColumnEncoder
from bakeoff.methods.table_columns.layers import ColumnLayers
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.pretrained.adapters import count_parameters
from bakeoff.pretrained.causality import is_causal
from bakeoff.pretrained.kernels.install import install_kernels
from bakeoff.pretrained.kernels.packed_linear import pack_linear_layers
from bakeoff.pretrained.sources import load_weights
from bakeoff.training import distributed
from bakeoff.training.memory import by_parts, divided
from bakeoff.training.precision import Precision, cast_parameters, choose_device

TOKENS_AT_ONCE = 2048
"""At most this many tokens go through the model at once, which bounds the activations."""

_TEXTS_AT_ONCE = 64

COLUMN_WEIGHTS = "layers.safetensors"

# What stands to the right of a text needs no mask where nothing looks there, but transformers would warn of it.
logging.getLogger("transformers.modeling_utils").addFilter(
    lambda record: "passing in an `attention_mask`" not in record.getMessage()
)


class SequenceClassifier:
    """transformers' sequence classifier and its tokenizer.

    The head of a causal model reads the state of the last token, that of an encoder what the encoder's authors chose.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        max_length: int,
        evidence: EvidenceLayers | None = None,
        columns: ColumnLayers | None = None,
        *,
        multilabel: bool = False,
        causal: bool | None = None,
        sharded: bool = False,
    ) -> None:
        """
        Args:
            model: As `load_weights` gives it for labels, or with adapters on it; on its device.
            max_length: Tokens of a text that are read, those that the tokenizer adds included.
            evidence: Layers that read the evidence of a linear part, where there is one; on the same device.
            columns: Layers that read the values of columns beside the text, if any are read; on the same device.
            multilabel: A text can have several labels.
            causal: No token of the model sees later ones; absent: the model is asked.
            sharded: Training is going to shard the model.
        """
        self.model = model
        self.columns = columns
        self._multilabel = multilabel
        self._sharded = sharded
        self.evidence = evidence
        self.tokenizer = tokenizer
        self._max_length = max_length
        self._classifier = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._causal = is_causal(self._classifier) if causal is None else causal
        install_kernels(self._classifier, causal=self._causal)

    @property
    def classes(self) -> int:
        return int(self._classifier.config.num_labels)

    @machine.all_cores()
    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Texts as the tokenizer encodes them by default, uncut; an empty one becomes a padding token."""
        found = self.tokenizer(list(texts), return_attention_mask=False, return_token_type_ids=False, verbose=False)[
            "input_ids"
        ]
        rows = [np.asarray(ids or [self.tokenizer.pad_token_id], dtype=np.int32) for ids in found]
        return EncodedTexts.from_lengths(np.concatenate(rows), np.array([len(ids) for ids in rows], dtype=np.int64))

    def cut(self, encoded: EncodedTexts) -> EncodedTexts:
        """Half of the tokens from each end of longer texts, which keeps what the tokenizer puts around them."""
        return encoded.cut(self._max_length, "head_tail")

    def logits(
        self,
        encoded: EncodedTexts,
        rows: Rows,
        linear: LinearAnswers | None = None,
        values: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return shape (rows, classes), in fp32.

        Args:
            linear: The answers of the linear part for all encoded texts, where there is one.
            values: The encoded columns of all texts, shape (texts, values), where they are read.
        """
        ids, lengths = encoded.padded(rows)
        inside = torch.arange(ids.shape[1]) < lengths[:, None]
        device = self._classifier.device
        # transformers looks for the last token that is not padding.
        ids = ids.masked_fill(~inside, self.tokenizer.pad_token_id).to(device)
        if self._causal:  # never looks to the right: what stands there needs no mask, and without one it is faster
            found = self._classifier(input_ids=ids, use_cache=False)
        else:
            mask = None if bool(inside.all()) else inside.long().to(device)
            found = self._classifier(input_ids=ids, attention_mask=mask)
        logits: torch.Tensor = found.logits.float()
        if self.evidence is not None:
            assert linear is not None
            answers = linear.of(rows, device)
            logits = logits + answers.logits + self.evidence(answers.evidence, lengths.to(device))
        if self.columns is not None:
            assert values is not None
            logits = logits + self.columns(values[rows].to(device))
        return logits

    @torch.no_grad()
    def probabilities(
        self, encoded: EncodedTexts, linear: LinearAnswers | None = None, values: torch.Tensor | None = None
    ) -> npt.NDArray[np.float64]:
        """Return shape (texts, classes), in the order of the texts. Under torchrun each process computes its share.

        Args:
            linear: As for `logits`, like `values`.
        """
        found = torch.zeros(len(encoded), self.classes, dtype=torch.float64)
        was_training = self.model.training
        self._train(False)
        for batch, own in distributed.shard_in_step(_batches(encoded.lengths)):
            parts = by_parts(
                lambda part: self._probabilities(encoded, part, linear, values), batch, in_step=self._sharded
            )
            if own:
                found[batch.rows] = torch.cat(parts)
        self._train(was_training)
        return distributed.summed(found).numpy()

    def _train(self, mode: bool) -> None:
        for module in (self.model, self.evidence, self.columns):
            if module is not None:
                module.train(mode)

    def _probabilities(
        self, encoded: EncodedTexts, batch: TextBatch, linear: LinearAnswers | None, values: torch.Tensor | None
    ) -> torch.Tensor:
        logits = self.logits(encoded, batch.rows, linear, values).double()
        return (logits.sigmoid() if self._multilabel else logits.softmax(dim=1)).cpu()


class TransformerModel:
    """A fine-tuned classifier, as saved and loaded."""

    def __init__(
        self, network: SequenceClassifier, linear: LinearModel | None = None, columns: ColumnEncoder | None = None
    ) -> None:
        """
        Args:
            network: Only ever evaluated: its weights are brought into the order of the processor.
            linear: The linear part, where the network reads the evidence of one.
            columns: Encodes the columns, where the network reads some.
        """
        self.network = network
        self.linear = linear
        self.columns = columns
        self.parameters = count_parameters(network.model)
        if linear and network.evidence:
            self.parameters += count_parameters(network.evidence) + linear.parameters
        if network.columns:
            self.parameters += count_parameters(network.columns)
        pack_linear_layers(network.model)

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return shape (texts, classes)."""
        linear = linear_answers(self.linear, texts) if self.linear else None
        values = torch.from_numpy(self.columns.encode(texts)) if self.columns else None
        return self.network.probabilities(self.network.cut(self.network.encode(texts)), linear, values)

    @classmethod
    def load(
        cls,
        folder: Path,
        config: TransformerConfig,
        labels: Sequence[str],
        precision: Precision,
        *,
        multilabel: bool = False,
        features: bool = False,
    ) -> TransformerModel:
        """Load a Hugging Face folder, or a PEFT one, whose adapters are merged into their base model in fp32.

        Args:
            features: The model also reads columns.
        """
        model, tokenizer, _ = load_weights(str(folder), labels=labels)
        linear, evidence = None, None
        if config.linear_part:
            linear, settings = load_linear_part(folder, config.linear_part)
            evidence = EvidenceLayers(evidence_size(settings, len(labels)), len(labels))
            evidence.load_state_dict(load_file(evidence_path(folder)))
        columns, layers = None, None
        if features:
            columns = ColumnEncoder.load(columns_folder(folder))
            layers = ColumnLayers(columns.size, len(labels))
            layers.load_state_dict(load_file(columns_folder(folder) / COLUMN_WEIGHTS))
        for module in (model, evidence, layers):
            if module is not None and precision == "bf16":
                cast_parameters(module, torch.bfloat16)
            if module is not None:
                module.to(choose_device()).eval()
        network = SequenceClassifier(model, tokenizer, config.max_length, evidence, layers, multilabel=multilabel)
        return cls(network, linear, columns)


def evidence_path(folder: Path) -> Path:
    """Return the file of the evidence layers: beside the linear model, so that the folder stays one of its library."""
    return folder / LINEAR_PART / "evidence.safetensors"


def columns_folder(folder: Path) -> Path:
    """Return the folder of what reads columns: inside the network's, so that this stays one of its library."""
    return folder / "columns"


def _batches(lengths: npt.NDArray[np.int64]) -> list[TextBatch]:
    batches = (TextBatch(rows, lengths[rows]) for rows in batches_by_length(lengths, _TEXTS_AT_ONCE))
    return [part for batch in batches for part in divided(batch, TOKENS_AT_ONCE)]
