"""Find the module that writes a language model in a format."""

from __future__ import annotations

from pathlib import Path

from bakeoff.errors import UserError
from bakeoff.lm.exporting.reading import ReadBack
from bakeoff.pretrained.pointer import stored_quantization
from bakeoff.targets import load_target

_WRITERS = {
    "merged": "bakeoff.lm.exporting.merged:write_merged",
    "gguf": "bakeoff.lm.exporting.gguf_model:write_f16",
    "gguf-q8_0": "bakeoff.lm.exporting.gguf_model:write_q8_0",
    "gguf-adapter": "bakeoff.lm.exporting.gguf_adapter:write_adapter",
    "onnx": "bakeoff.lm.exporting.graph:write_onnx",
    "openvino": "bakeoff.lm.exporting.graph:write_openvino",
}


def write_language_model(format: str, source: Path, folder: Path) -> ReadBack:
    """Write a contestant's model/ in a format, and read it back with another program.

    Raises:
        UserError: packages are missing, or the format has no place for such a model.
    """
    if stored := stored_quantization(str(source)):  # such as of the contestant that the run was about
        raise UserError(
            f"The contestant's weights are stored in {stored}, which no format has a place for.",
            "Export a contestant without `quantization`.",
        )
    written: ReadBack = load_target(_WRITERS[format])(source, folder)
    return written
