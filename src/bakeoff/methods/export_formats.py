"""The formats of `bakeoff export`. A method says in its `exports` which of them it can be written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ExportFormat = Literal["merged", "gguf", "gguf-q8_0", "gguf-adapter", "onnx", "openvino"]


@dataclass(frozen=True)
class Format:
    """A format, and the largest relative difference that an exported language model's perplexity may have."""

    meaning: str
    tolerance: float  # above it, the export is refused
    remarkable: float = 1.0  # above it, the export says so


FORMATS: dict[ExportFormat, Format] = {
    "merged": Format("a Hugging Face folder, fp32, adapters merged", 1e-4),
    "gguf": Format("llama.cpp, weights in fp16", 1e-3),
    "gguf-q8_0": Format("llama.cpp, weights in 8 bits", 5e-2, remarkable=1e-2),
    "gguf-adapter": Format("llama.cpp, the LoRA adapter alone", 1e-4),
    "onnx": Format("onnxruntime, fp32", 1e-4),
    "openvino": Format("OpenVINO, fp32", 1e-4),
}
