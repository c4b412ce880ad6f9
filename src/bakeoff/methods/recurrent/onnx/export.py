"""Write an LSTM or GRU classifier as a folder that onnxruntime alone can use."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from torch import nn

from bakeoff.methods.recurrent.model import RecurrentModel
from bakeoff.methods.recurrent.network import RecurrentClassifier
from bakeoff.methods.recurrent.onnx.cells import with_onnx_cells
from bakeoff.methods.recurrent.vocabulary import PADDING, UNKNOWN
from bakeoff.packages import require
from bakeoff.pretrained.quiet import quiet_exporter
from bakeoff.runs.writing import write_text


def write_export(model: RecurrentModel, temperature: float, folder: Path) -> None:
    """Write model.onnx, the vocabulary, a script that uses them, and a README.

    Raises:
        UserError: packages are missing.
    """
    require("onnx", "Exporting to ONNX")
    write_graph(model.network, temperature, folder / "model.onnx")
    model.vocabulary.save(folder / "vocabulary.json")
    shutil.copyfile(Path(__file__).with_name("standalone.py"), folder / "classify.py")
    write_text(folder / "README.md", _README.format(method=model.config.method.upper()))


class _Exported(nn.Module):
    """The graph: logits, and the classifier's calibrated probabilities."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, words: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.network(words, lengths)
        return logits, (logits / self.temperature).softmax(dim=1)


def write_graph(network: RecurrentClassifier, temperature: float, path: Path) -> None:
    """Write the network as an ONNX model for any number of texts of any length."""
    axes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("longest")}
    with quiet_exporter():
        program = torch.onnx.export(
            _Exported(with_onnx_cells(network), temperature).eval(),
            (torch.tensor([[UNKNOWN] * 3, [UNKNOWN, PADDING, PADDING]]), torch.tensor([3, 1])),
            input_names=["words", "lengths"],
            output_names=["logits", "probabilities"],
            dynamic_shapes={"words": axes, "lengths": {0: axes[0]}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(path)


_README = """\
# {method} text classifier in ONNX

```console
$ pip install onnxruntime
$ python classify.py "A fine film"
```

or, from Python in this folder:

```python
from classify import OnnxClassifier

print(OnnxClassifier().classify(["A fine film", "A dull one"]))
```

| file | holds |
| --- | --- |
| `model.onnx` | the network |
| `vocabulary.json` | the words and the punctuation rule; `words[i]` has id i + 2, every unknown word has id 1 |
| `classifier.json` | the labels, the settings of the training, and what turns probabilities into labels |
| `classify.py` | tokenizes texts and calls onnxruntime; short enough to port to other languages |

Inputs of `model.onnx`: `words`, int64, shape (texts, longest): the ids of each text's words, padded with 0 on the
right; `lengths`, int64, shape (texts,): the number of words in each text, at least 1. Any number of texts and any
length works. Outputs: `logits` and `probabilities`, float32, shape (texts, labels), in the order of the labels in
`classifier.json`.

The probabilities are calibrated; `classify` gives them, and `predict` the label. That is the most probable one, unless
`classifier.json` has `costs` of mistakes (by true and predicted label: the label of least expected cost is predicted)
or an `out_of_scope_threshold` (a text whose largest probability is below it belongs to no class, and has no label).
"""
