"""An LSTM or GRU classifier as a folder that onnxruntime alone can use."""

from __future__ import annotations

import contextlib
import logging
import shutil
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bakeoff.config.classification import ClassificationConfig
from bakeoff.config.load import load_config
from bakeoff.data.config import TableData
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError
from bakeoff.methods.recurrent.model import RecurrentModel
from bakeoff.methods.recurrent.network import RecurrentClassifier
from bakeoff.methods.recurrent.onnx.cells import with_onnx_cells
from bakeoff.methods.recurrent.vocabulary import PADDING, UNKNOWN
from bakeoff.packages import require
from bakeoff.runs.folder import ContestantFolder, RunFolder
from bakeoff.runs.writing import replaced_folder, write_text
from bakeoff.tasks.classifier import Classifier, load_classifier

TOLERANCE = 1e-4
"""Largest difference of a probability between the exported and the trained classifier."""

_COMPARED_TEXTS = 500


@dataclass(frozen=True)
class Parity:
    """The exported classifier beside the trained one, from the raw text to the probabilities."""

    source: str  # where the texts are from
    texts: int
    largest_difference: float  # of a probability
    different_labels: int  # texts whose most probable label is another one


@dataclass(frozen=True)
class OnnxExport:
    """A finished export."""

    folder: Path
    contestant: str
    files: list[str]
    parity: Parity


def export_onnx(run: RunFolder, output: Path, contestant: str | None = None) -> OnnxExport:
    """Write model.onnx with all that belongs to it, and compare it with the contestant on real texts.

    Args:
        output: The new folder.
        contestant: Which one of the run; the verdict's best if absent.

    Raises:
        UserError: the run has no such contestant or it is no LSTM or GRU, `output` exists, the packages are missing,
            or the exported classifier says something else than the contestant. No folder is left behind.
    """
    run.must_hold_a_run()
    if output.exists():
        raise UserError(f"{output} exists already.", "Choose another folder with -o, or remove it first.")
    classifier = load_classifier(run.path, contestant=contestant)
    name = contestant or run.verdict().best
    if not isinstance(classifier.model, RecurrentModel):
        raise _not_exported(run, name, "only lstm and gru are exported to ONNX")
    if classifier.model.linear:
        raise _not_exported(run, name, "it has a linear part, whose n-grams no graph of this export counts")
    require("onnx", "Exporting to ONNX")
    source, texts = _texts(run)
    with replaced_folder(output) as temporary:
        _write(classifier.model, classifier.temperature, run.contestant(name), temporary)
        parity = _compare(classifier, temporary, source, texts)
        files = sorted(file.name for file in temporary.iterdir())
    return OnnxExport(output, name, files, parity)


class _Exported(nn.Module):
    """The graph: logits, and the calibrated probabilities that the classifier gives."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, words: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.network(words, lengths)
        return logits, (logits / self.temperature).softmax(dim=1)


def write_graph(network: RecurrentClassifier, temperature: float, path: Path) -> None:
    """Write the network as an ONNX model of any number of texts of any length."""
    axes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("longest")}
    with _quiet():
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


def _write(model: RecurrentModel, temperature: float, contestant: ContestantFolder, folder: Path) -> None:
    write_graph(model.network, temperature, folder / "model.onnx")
    for name in ("vocabulary.json", "classifier.json"):
        shutil.copyfile(contestant.model / name, folder / name)
    shutil.copyfile(Path(__file__).with_name("standalone.py"), folder / "classify.py")
    write_text(folder / "README.md", _README.format(name=contestant.name, method=model.config.method.upper()))


def _compare(classifier: Classifier, folder: Path, source: str, texts: Sequence[str]) -> Parity:
    from bakeoff.methods.recurrent.onnx.standalone import OnnxClassifier

    expected, found = classifier.probabilities(texts), OnnxClassifier(folder).probabilities(texts)
    difference = float(np.abs(expected - found).max())
    if not difference <= TOLERANCE:  # NaN is not
        raise UserError(
            f"The exported classifier differs from the contestant: a probability by {difference:.2g} on {source}.",
            f"Nothing was written, as more than {TOLERANCE:g} is no rounding. "
            "The versions of torch, onnxscript and onnxruntime may not go together.",
        )
    different = int((expected.argmax(axis=1) != found.argmax(axis=1)).sum())
    return Parity(source, len(texts), difference, different)


def _texts(run: RunFolder) -> tuple[str, list[str]]:
    """The first texts of the run's test side; packaged sentences where its data are not there any more."""
    config = load_config(run.config_values())
    assert isinstance(config, ClassificationConfig)
    try:
        table, _ = prepare_table(config.data, config.seed)
        source = f"the run's test side ({config.data.table})"
    except UserError:
        table, _ = prepare_table(TableData(table="sentence-polarity"), config.seed)
        source = "packaged sentences, since the run's data cannot be read any more"
    return source, table.test.texts[:_COMPARED_TEXTS]


def _not_exported(run: RunFolder, name: str, reason: str) -> UserError:
    results = [folder.result() for folder in run.contestants() if folder.finished]
    able = [
        result.name for result in results if result.method in ("lstm", "gru") and not result.settings.get("linear_part")
    ]
    return UserError(
        f"Contestant '{name}' is of method {run.contestant(name).result().method}; {reason}.",
        f"Use its model as it is, with bakeoff.load_classifier('{run.contestant(name).model}').predict(texts)"
        + (f", or export another: --contestant {able[0]}" if able else "."),
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of packages that this graph does not need and of its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


_README = """\
# {name}: an {method} text classifier in ONNX

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
| `vocabulary.json` | the words and the rule of punctuation; `words[i]` has the number i + 2, 1 is every unknown word |
| `classifier.json` | the labels and the settings of the training |
| `classify.py` | how a text becomes numbers, and the call of onnxruntime; a page to translate for other languages |

Inputs of `model.onnx`: `words`, int64, shape (texts, longest): the numbers of each text's words, filled up with 0 on
the right; `lengths`, int64, shape (texts,): how many words each text has, at least 1. Any number of texts and any
length will do. Outputs: `logits` and `probabilities`, float32, shape (texts, labels), in the order of the labels in
`classifier.json`.
"""
