"""Put the kernels into a model where they compute the same in less time.

| kernel | instead of | why |
| --- | --- | --- |
| `attention` | torch's SDPA | 2.5 times faster on CPUs; texts that share a row need no mask |
| `encoder_attention` | torch's SDPA | 3 to 10 times faster on CPUs in bf16, or with dropout |
| `linear` | torch's fp32 products | 2.3 times faster on AMD's CPUs with AVX-512 |
| `lora` | PEFT's linear layer | no extra passes over the layer's output |
| `norm`, `mlp` | the modules of Llama-type models | fewer passes over memory, a third of the stored activations |
| `quantized` | bitsandbytes' linear layers | the same arithmetic in training and evaluation |
| `dropout` | nn.Dropout | random numbers six times cheaper |
| `rotary_attention` | transformers' attention layer | in bf16, one pass over queries and keys instead of ten |
"""

from __future__ import annotations

from typing import Any

import torch

from bakeoff.pretrained.kernels import encoder_attention, transformers_attention
from bakeoff.pretrained.kernels.dropout import Dropout
from bakeoff.pretrained.kernels.linear import install_linear
from bakeoff.pretrained.kernels.lora import install_lora
from bakeoff.pretrained.kernels.mlp import install_mlp
from bakeoff.pretrained.kernels.norm import install_norm
from bakeoff.pretrained.kernels.quantized import install_quantized
from bakeoff.pretrained.kernels.rotary_attention import install_rotary_attention
from bakeoff.training.precision import choose_device


def install_kernels(model: Any, *, causal: bool = True) -> None:
    """Speed up a model that computes on the CPU, in place. Where there is a GPU, models are left as they are.

    Args:
        causal: No token sees later ones; False for encoders.
    """
    if choose_device().type != "cpu":
        return
    if model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(transformers_attention.NAME if causal else encoder_attention.NAME)
    _add_embedding_to_output_layer(model)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is torch.nn.Dropout:
                setattr(module, name, Dropout(child.p).train(child.training))
        install_linear(module)
        install_quantized(module)
        install_lora(module)
        install_norm(module)
        install_rotary_attention(module)
        install_mlp(module)


def _add_embedding_to_output_layer(model: Any) -> None:
    """Let an embedding that is the output layer's weight as well add its gradient to the other one, row by row.

    Otherwise torch makes a second gradient of the whole vocabulary, nearly all of it zeros, and adds the two.
    """
    embedding, output = model.get_input_embeddings(), model.get_output_embeddings()
    if type(embedding) is torch.nn.Embedding and output is not None and output.weight is embedding.weight:
        embedding.sparse = True
