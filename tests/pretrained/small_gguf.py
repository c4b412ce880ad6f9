"""Write a GGUF file of a small Llama with random weights and a byte-level vocabulary, by llama.cpp's own library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import tokenizers


def write_gguf(
    path: Path,
    *,
    architecture: str = "llama",
    leave_out: str = "",
    inner: int = 64,
    quantized: dict[str, tuple[np.ndarray[Any, Any], gguf.GGMLQuantizationType]] | None = None,
) -> None:
    """Write the file.

    Args:
        leave_out: A tensor that is missing.
        inner: Size of the feed-forward layer.
        quantized: Raw data of tensors that are not fp32, and their types.
    """
    random = np.random.default_rng(0)
    size, vocabulary = 32, 260
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(48)
    writer.add_embedding_length(size)
    writer.add_block_count(1)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(vocabulary)
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["<s>", "</s>", "<unk>", *letters, "he"])
    writer.add_token_types([3, 3, 3, *[1] * (vocabulary - 3)])
    writer.add_token_merges(["h e"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    shapes = {
        "token_embd": (vocabulary, size), "output": (vocabulary, size), "output_norm": (size,),
        "blk.0.attn_norm": (size,), "blk.0.ffn_norm": (size,),
        "blk.0.attn_q": (size, size), "blk.0.attn_k": (size, size), "blk.0.attn_v": (size, size),
        "blk.0.attn_output": (size, size), "blk.0.ffn_gate": (inner, size), "blk.0.ffn_up": (inner, size),
        "blk.0.ffn_down": (size, inner),
    }  # fmt: skip
    tensors = {name: random.normal(size=shape).astype(np.float32) * 0.3 for name, shape in shapes.items()}
    for name, tensor in tensors.items():
        if name in (quantized or {}):
            raw, kind = (quantized or {})[name]
            writer.add_tensor(f"{name}.weight", raw, raw_dtype=kind)
        elif name != leave_out:
            writer.add_tensor(f"{name}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
