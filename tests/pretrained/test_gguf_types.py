"""Weights of every GGUF type have the values that llama.cpp's own library gives them, or the type is named."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType

from bakeoff.errors import UserError
from bakeoff.pretrained.sources import load_tokenizer, load_weights
from tests.pretrained.small_gguf import write_gguf

ROWS, INNER = 32, 256  # the largest blocks have 256 weights
KINDS = (
    "F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ4_NL "
    "IQ4_XS TQ1_0 TQ2_0"
)
SCALES = {  # where a block of a type has its half-precision scales, in bytes; elsewhere any byte is a valid weight
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ1_S": [0], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0],
    "IQ3_XXS": [0], "IQ3_S": [0], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64],
}  # fmt: skip


def random_weights(kind: GGMLQuantizationType) -> np.ndarray:
    """Return the raw data of a matrix of ROWS x INNER random weights."""
    random = np.random.default_rng(3)
    if kind.name in ("F16", "BF16"):
        return gguf.quantize(random.normal(size=(ROWS, INNER)).astype(np.float32), kind)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (ROWS, INNER // block, size), dtype=np.uint8)
    for place in SCALES.get(kind.name, []):
        scales = random.uniform(0.01, 0.1, blocks.shape[:2]).astype(np.float16)
        blocks[..., place : place + 2] = scales[..., None].view(np.uint8)
    if kind.name == "IQ1_M":  # its scale is spread over the upper bits of four half-words
        for place in (48, 50, 52, 54):
            blocks[..., place + 1] &= 0x0F
        blocks[..., 55] |= 0x20
    return blocks.reshape(ROWS, -1)


@pytest.mark.parametrize("name", KINDS.split())
def test_weights_have_their_value(tmp_path, name):
    kind = GGMLQuantizationType[name]
    raw = random_weights(kind)
    expected = gguf.dequantize(raw, kind)
    assert np.isfinite(expected).all()
    assert np.unique(expected).size > 2
    write_gguf(tmp_path / "a.gguf", inner=INNER, quantized={"blk.0.ffn_down": (raw, kind)})

    model, _, _ = load_weights(str(tmp_path / "a.gguf"))

    weights = model.model.layers[0].mlp.down_proj.weight
    assert weights.dtype == torch.float32
    np.testing.assert_array_equal(weights.detach().numpy(), expected)


def test_a_known_value(tmp_path):
    """Q8_0 is a scale and 32 signed bytes: independent of any library."""
    random = np.random.default_rng(4)
    scales = random.uniform(0.01, 0.1, (ROWS, INNER // 32, 1)).astype(np.float16)
    bytes_ = random.integers(-128, 128, (ROWS, INNER // 32, 32), dtype=np.int8)
    raw = np.concatenate([scales.view(np.uint8), bytes_.view(np.uint8)], axis=-1).reshape(ROWS, -1)
    write_gguf(
        tmp_path / "a.gguf", inner=INNER, quantized={"blk.0.ffn_down": (raw, GGMLQuantizationType.Q8_0)}
    )  # fmt: skip

    model, _, _ = load_weights(str(tmp_path / "a.gguf"))

    expected = (scales.astype(np.float32) * bytes_).reshape(ROWS, INNER)
    np.testing.assert_array_equal(model.model.layers[0].mlp.down_proj.weight.detach().numpy(), expected)


@pytest.mark.parametrize("load", [load_weights, load_tokenizer])
def test_a_type_that_cannot_be_read_is_named(tmp_path, load):
    raw = np.zeros((ROWS, INNER), dtype=np.int8)
    write_gguf(tmp_path / "a.gguf", inner=INNER, quantized={"blk.0.ffn_down": (raw, GGMLQuantizationType.I8)})

    with pytest.raises(UserError, match=r"a\.gguf holds weights of the type I8, which the installed gguf package can"):
        load(str(tmp_path / "a.gguf"))


def test_a_type_of_the_future_is_named(tmp_path):
    raw = np.zeros((ROWS, INNER), dtype=np.int8)
    write_gguf(tmp_path / "a.gguf", inner=INNER, quantized={"blk.0.ffn_down": (raw, GGMLQuantizationType.I8)})
    content = (tmp_path / "a.gguf").read_bytes()
    place = content.index(b"blk.0.ffn_down.weight") + len("blk.0.ffn_down.weight") + 4 + 2 * 8
    assert content[place] == GGMLQuantizationType.I8
    (tmp_path / "a.gguf").write_bytes(content[:place] + bytes([250]) + content[place + 1 :])

    with pytest.raises(UserError, match=r"a\.gguf holds weights of the type number 250, which"):
        load_weights(str(tmp_path / "a.gguf"))


def test_the_tokenizer_alone_is_that_of_the_model(tmp_path):
    write_gguf(tmp_path / "a.gguf")

    alone, (_, tokenizer, _) = load_tokenizer(str(tmp_path / "a.gguf")), load_weights(str(tmp_path / "a.gguf"))

    assert alone("the heart </s>")["input_ids"] == tokenizer("the heart </s>")["input_ids"]
