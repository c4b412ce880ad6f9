"""Continue a text with model.onnx (needs onnxruntime) or openvino_model.xml (needs openvino), and tokenizers.

python generate.py "Once upon a time" [TOKENS]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

Logits = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]


def load(folder: Path) -> Logits:
    """Return a function from token ids, shape (rows, length), to logits, shape (rows, length, vocabulary)."""
    if (folder / "model.onnx").exists():
        import onnxruntime

        session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        return lambda ids: session.run(["logits"], {"input_ids": ids})[0]
    import openvino

    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # as compared; without it, processors that have bf16 compute in bf16
    model = openvino.Core().compile_model(folder / "openvino_model.xml", "CPU", exact)
    return lambda ids: model({"input_ids": ids})["logits"]


def generate(prompt: str, tokens: int = 30, folder: Path = Path(__file__).parent) -> str:
    """Return the prompt and its most probable continuation. The text is read again for each token: nothing is kept."""
    settings = json.loads((folder / "generation.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = tokenizer.encode(prompt).ids
    begin = settings["beginning"]
    ids = ids if ids[: len(begin)] == begin else begin + ids
    logits, given = load(folder), len(ids)
    for _ in range(tokens):
        ids.append(int(logits(np.array([ids], dtype=np.int64))[0, -1].argmax()))
        if ids[-1] in settings["ends"]:
            break
    # Decoded together: a tokenizer may drop the space before the first word.
    return prompt + tokenizer.decode(ids)[len(tokenizer.decode(ids[:given])) :]


if __name__ == "__main__":
    print(generate(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30))
