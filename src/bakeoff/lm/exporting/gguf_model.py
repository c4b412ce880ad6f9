"""Write a model as a GGUF file, llama.cpp's format, through llama.cpp's own package `gguf`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from bakeoff.errors import UserError
from bakeoff.lm.exporting.gguf_tokenizer import add_tokenizer
from bakeoff.lm.exporting.reading import ReadBack
from bakeoff.packages import require

if TYPE_CHECKING:
    import gguf

WeightType = Literal["F16", "Q8_0"]
ARCHITECTURES = ("llama", "gpt2")
"""Model types of transformers; SmolLM2 is a llama."""

_GPT2_MATRICES = ("attn_qkv", "attn_output", "ffn_up", "ffn_down")  # stored transposed by transformers
_GPT2_GELU = ("gelu_new", "gelu_pytorch_tanh")  # the approximation that llama.cpp computes


def write_f16(source: Path, folder: Path) -> ReadBack:
    """Write model-f16.gguf; see `write_gguf`."""
    return write_gguf(source, folder, "F16")


def write_q8_0(source: Path, folder: Path) -> ReadBack:
    """Write model-q8_0.gguf; see `write_gguf`."""
    return write_gguf(source, folder, "Q8_0")


def write_gguf(source: Path, folder: Path, kind: WeightType) -> ReadBack:
    """Write the model, adapters merged, and its tokenizer as one file: model-f16.gguf or model-q8_0.gguf.

    Raises:
        UserError: the architecture or the tokenizer has no counterpart in llama.cpp, a weight is too large for fp16, or
            gguf is not installed.
    """
    require("gguf", "Exporting to GGUF")
    import gguf
    import transformers

    from bakeoff.lm.forward import CausalForward
    from bakeoff.pretrained.gguf_files import load_gguf
    from bakeoff.pretrained.quiet import quiet_libraries
    from bakeoff.pretrained.sources import load_weights

    model, tokenizer, _ = load_weights(str(source))
    check_architecture(model.config)
    path = folder / f"model-{kind.lower()}.gguf"
    writer = gguf.GGUFWriter(path, model.config.model_type)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{kind}"])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_shape(writer, model.config)
    add_tokenizer(writer, tokenizer, model.get_input_embeddings().num_embeddings)
    for name, tensor in _tensors(model):
        _add_tensor(writer, name, tensor, gguf.GGMLQuantizationType[kind])
    close(writer)
    del model, writer
    with quiet_libraries():
        read, own = load_gguf(path)
    return ReadBack(
        f"transformers {transformers.__version__}",
        own,
        CausalForward(read),
        f'llama-cli -m {{folder}}/{path.name} -p "The "',
    )


def check_architecture(config: Any) -> None:
    """Check that llama.cpp computes what transformers does.

    Raises:
        UserError: it would not.
    """
    problem = None
    if config.model_type not in ARCHITECTURES:
        problem = f"it is of the architecture {config.model_type}"
    elif config.model_type == "llama":
        rotation = config.rope_parameters.get("rope_type", "default")
        if rotation != "default":
            problem = f"its rotary positions are of the type {rotation}"
        elif config.hidden_act != "silu":
            problem = f"its activation is {config.hidden_act}"
    elif config.activation_function not in _GPT2_GELU:
        problem = f"its activation is {config.activation_function}"
    elif config.scale_attn_by_inverse_layer_idx or not config.scale_attn_weights or config.add_cross_attention:
        problem = "its attention is not GPT-2's"
    if problem:
        raise UserError(
            f"This model cannot be exported to GGUF: {problem}.",
            f"Models of the architectures {' and '.join(ARCHITECTURES)} can (SmolLM2 is a llama). Export it to another "
            "format: --to merged, which llama.cpp's own convert_hf_to_gguf.py may read.",
        )


def tensor_names(config: Any) -> Any:
    """Return gguf's table from the names of transformers to those of llama.cpp, for one model."""
    import gguf

    architecture = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == config.model_type)
    return gguf.get_tensor_name_map(architecture, config.num_hidden_layers)


def rotated(rows: npt.NDArray[Any], name: str, config: Any) -> npt.NDArray[Any]:
    """Return the rows of a llama's query or key projection in llama.cpp's order, those of any other as they are.

    transformers rotates the first half of a head against the second, llama.cpp neighbours.

    Args:
        rows: Shape (out, ...).
        name: In llama.cpp.
    """
    heads = {"attn_q": config.num_attention_heads, "attn_k": getattr(config, "num_key_value_heads", None)}
    part = name.split(".")[2] if name.startswith("blk.") else ""
    if config.model_type != "llama" or part not in heads:
        return rows
    return rows.reshape(heads[part], 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def close(writer: gguf.GGUFWriter) -> None:
    """Write the file."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(writer: gguf.GGUFWriter, config: Any) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    if config.model_type == "gpt2":
        writer.add_feed_forward_length(config.n_inner or 4 * config.hidden_size)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)


def _tensors(model: Any) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Yield a model's weights in fp32 under llama.cpp's names and in its layout; a tied output layer is left out."""
    names = tensor_names(model.config)
    for name, weight in model.named_parameters():  # a tied weight once
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert found is not None, name
        values = weight.detach().float().cpu().numpy()
        if model.config.model_type == "gpt2" and values.ndim == 2 and found.split(".")[-2] in _GPT2_MATRICES:
            values = values.T
        yield found, np.ascontiguousarray(rotated(values, found, model.config))


def _add_tensor(
    writer: gguf.GGUFWriter, name: str, values: npt.NDArray[np.float32], kind: gguf.GGMLQuantizationType
) -> None:
    """Add a matrix in the type asked for; norms, biases and positions stay in fp32, as llama.cpp needs them."""
    from gguf import GGMLQuantizationType, quants

    if values.ndim == 1 or name.startswith("position_embd"):
        kind = GGMLQuantizationType.F32
    elif kind != GGMLQuantizationType.F16 and values.shape[-1] % 32:
        kind = GGMLQuantizationType.F16  # a row is not a whole number of blocks
    if kind != GGMLQuantizationType.F32 and np.abs(values).max() > np.finfo(np.float16).max:
        raise UserError(
            f"This model cannot be exported to GGUF in {kind.name}: {name} holds values that fp16 cannot hold.",
            "Export it to another format: --to merged.",
        )
    writer.add_tensor(name, quants.quantize(values, kind), raw_dtype=kind)
