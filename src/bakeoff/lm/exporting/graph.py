"""A causal language model as one graph from token ids to logits: in ONNX, and from there in OpenVINO's own format."""

from __future__ import annotations

import functools
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoTokenizer

from bakeoff.lm.exporting.reading import ReadBack, RuntimeForward
from bakeoff.lm.prompting import read_prompting
from bakeoff.lm.tokens import end_tokens, own_beginning
from bakeoff.packages import require
from bakeoff.pretrained.quiet import quiet_exporter
from bakeoff.pretrained.sources import load_weights
from bakeoff.runs.writing import write_text


def write_onnx(source: Path, folder: Path) -> ReadBack:
    """Write model.onnx, the tokenizer, and a script that generates text with them.

    Args:
        source: A contestant's model/; adapters are merged.
        folder: Gets the files.

    Raises:
        UserError: packages are missing.
    """
    require("onnx", "Exporting to ONNX")
    import onnxruntime

    tokenizer, ends = _write_graph(source, folder / "model.onnx")
    _write_beside(folder, tokenizer, ends)
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    return _read_back(
        folder,
        f"onnxruntime {onnxruntime.__version__}",
        RuntimeForward(lambda ids: session.run(["logits"], {"input_ids": ids})[0]),
    )


def write_openvino(source: Path, folder: Path) -> ReadBack:
    """Write openvino_model.xml and .bin with fp32 weights, the tokenizer, and a script; as `write_onnx`."""
    require("onnx", "Exporting to OpenVINO, by way of ONNX,")
    require("openvino", "Exporting to OpenVINO")
    core = _core()
    import openvino

    path = folder / "openvino_model.xml"
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer, ends = _write_graph(source, Path(temporary) / "model.onnx")
        openvino.save_model(core.read_model(Path(temporary) / "model.onnx"), path, compress_to_fp16=False)
    _write_beside(folder, tokenizer, ends)
    model = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    version = openvino.__version__.split("-")[0]
    return _read_back(folder, f"openvino {version}", RuntimeForward(lambda ids: model({"input_ids": ids})["logits"]))


@functools.cache
def _core() -> Any:
    """Return the process's only OpenVINO core: with two of them, OpenVINO 2026.4 crashes at the next Ctrl-C.

    Its telemetry package, which reports usage over the network, is kept from loading; OpenVINO works without it.
    """
    hidden = "openvino_telemetry"
    hide = hidden not in sys.modules
    if hide:
        sys.modules[hidden] = None  # type: ignore[assignment]  # importing it fails
    try:
        import openvino

        return openvino.Core()
    finally:
        if hide:
            del sys.modules[hidden]


class _Graph(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_ids=input_ids, use_cache=False).logits
        return logits


def _write_graph(source: Path, path: Path) -> tuple[Any, list[int]]:
    """Write the model for any number of texts of any length; return the tokenizer and the ids that end a text."""
    model, tokenizer, _ = load_weights(str(source))
    vocabulary = model.get_input_embeddings().num_embeddings
    with quiet_exporter():
        program = torch.onnx.export(
            _Graph(model).eval(),
            (torch.arange(14).view(2, 7) % vocabulary,),
            input_names=["input_ids"],
            output_names=["logits"],
            dynamic_shapes={"input_ids": {0: torch.export.Dim("rows"), 1: torch.export.Dim("length")}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(path)
    prompting = read_prompting(str(source))
    return tokenizer, sorted(end_tokens(model, tokenizer).union(prompting.ends if prompting else ()))


def _write_beside(folder: Path, tokenizer: Any, ends: list[int]) -> None:
    tokenizer.save_pretrained(folder)
    values = {"beginning": own_beginning(tokenizer), "ends": ends}
    write_text(folder / "generation.json", json.dumps(values) + "\n")
    shutil.copyfile(Path(__file__).with_name("standalone.py"), folder / "generate.py")


def _read_back(folder: Path, program: str, forward: RuntimeForward) -> ReadBack:
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    return ReadBack(program, tokenizer, forward, 'python {folder}/generate.py "Once upon a time"')
