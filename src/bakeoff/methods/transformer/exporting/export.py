"""Write a fine-tuned classifier, adapters merged, as a Hugging Face folder or as an ONNX model."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from bakeoff.packages import require
from bakeoff.pretrained.quiet import quiet_exporter
from bakeoff.pretrained.saving import save_full
from bakeoff.pretrained.sources import load_weights
from bakeoff.runs.writing import write_text


def write_merged(source: Path, labels: Sequence[str], folder: Path) -> Callable[[Sequence[str]], npt.NDArray[Any]]:
    """Write config.json, model.safetensors in fp32, the tokenizer, and a script that classifies with them."""
    model, tokenizer, _ = load_weights(str(source), labels=labels)
    save_full(model, folder, {})
    return _write_beside(folder, tokenizer, _MERGED)


def write_onnx(source: Path, labels: Sequence[str], folder: Path) -> Callable[[Sequence[str]], npt.NDArray[Any]]:
    """Write model.onnx, the tokenizer, and a script that classifies with them.

    Raises:
        UserError: packages are missing.
    """
    require("onnx", "Exporting to ONNX")
    model, tokenizer, _ = load_weights(str(source), labels=labels)
    axes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("longest")}
    ids = torch.arange(14).view(2, 7) % model.get_input_embeddings().num_embeddings
    with quiet_exporter():
        program = torch.onnx.export(
            _Graph(model).eval(),
            (ids, torch.ones_like(ids)),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes={"input_ids": axes, "attention_mask": axes},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(folder / "model.onnx")
    model.config.save_pretrained(folder)
    return _write_beside(folder, tokenizer, _ONNX)


class _Graph(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def _write_beside(folder: Path, tokenizer: Any, readme: str) -> Callable[[Sequence[str]], npt.NDArray[np.float64]]:
    tokenizer.save_pretrained(folder)
    shutil.copyfile(Path(__file__).with_name("standalone.py"), folder / "classify.py")
    write_text(folder / "README.md", _README + readme)
    from bakeoff.methods.transformer.exporting.standalone import ExportedClassifier

    return ExportedClassifier(folder).probabilities


_README = """\
# Text classifier

```console
$ python classify.py "A fine film"
```

`classifier.json` has the labels, in the order of the logits, and the temperature by which the logits are divided before
softmax. Of a text longer than `settings.max_length` tokens, `classify.py` keeps half from each end.

The most probable label is predicted, unless `classifier.json` has `costs` of mistakes (by true and predicted label: the
label of least expected cost is predicted) or an `out_of_scope_threshold` (a text whose largest probability is below it
belongs to no class, and has no label). `classify.py` heeds both; other programs that load the model know neither.
"""
_MERGED = """
`transformers.AutoModelForSequenceClassification` and `AutoTokenizer` load this folder; `classify.py` does. So does
`bakeoff.load_classifier`.
"""
_ONNX = """
Inputs of `model.onnx`: `input_ids` and `attention_mask`, int64, shape (texts, longest), padded on the right. Output:
`logits`, float32, shape (texts, labels). `classify.py` needs onnxruntime and tokenizers, neither torch nor bakeoff.
"""
