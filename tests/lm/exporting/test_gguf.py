"""GGUF files of models and tokenizers of several kinds, read back by transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import tokenizers
import torch
import transformers

from bakeoff.errors import UserError
from bakeoff.lm.exporting.formats import write_language_model
from bakeoff.pretrained.packaged_models import packaged_folder
from tests.lm.tokenizers import word_tokenizer

TEXT = "In 1870 the café 東京 cost 12,345 crowns;  it's  shut\n\n\nnow 🙂."


def byte_level_tokenizer() -> Any:
    """Return a tokenizer like GPT-2's with two merges."""
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: id for id, token in enumerate(["<|endoftext|>", *letters, "th", "Ġc"])}
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [("t", "h"), ("Ġ", "c")]))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    end = "<|endoftext|>"
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=end, eos_token=end)


def gpt2_folder(folder: Path, tokenizer: Any, **settings: Any) -> Path:
    torch.manual_seed(5)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer) + 3, n_positions=1024, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3,
        bos_token_id=0, eos_token_id=0, **settings,
    )  # fmt: skip
    model = transformers.GPT2LMHeadModel(config)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, float(name.endswith("weight")), 0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def logits(model: Any, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


def test_gpt2_keeps_its_logits_and_its_tokens(tmp_path):
    source = gpt2_folder(tmp_path / "gpt2", byte_level_tokenizer())
    (tmp_path / "out").mkdir()

    read = write_language_model("gguf", source, tmp_path / "out")

    ids = byte_level_tokenizer()(TEXT)["input_ids"]
    assert read.tokenizer(TEXT)["input_ids"] == ids
    expected = logits(transformers.AutoModelForCausalLM.from_pretrained(source), ids)
    assert torch.allclose(logits(read.forward.model, ids), expected, atol=0.02)
    fields = gguf.GGUFReader(tmp_path / "out" / "model-f16.gguf")
    assert fields.get_field("general.architecture").contents() == "gpt2"
    assert fields.get_field("tokenizer.ggml.pre").contents() == "gpt-2"
    assert fields.get_field("tokenizer.ggml.tokens").contents()[-3:] == ["[PAD259]", "[PAD260]", "[PAD261]"]
    kinds = {tensor.name: tensor.tensor_type.name for tensor in fields.tensors}
    assert (kinds["position_embd.weight"], kinds["blk.0.attn_qkv.bias"]) == ("F32", "F32")
    assert kinds["blk.0.attn_qkv.weight"] == "F16"


def test_sentencepiece_scores_follow_the_merges(tmp_path):
    source = packaged_folder("stories260k")

    read = write_language_model("gguf", source, tmp_path)

    own = transformers.AutoTokenizer.from_pretrained(source)
    assert read.tokenizer(TEXT)["input_ids"] == own(TEXT)["input_ids"]
    fields = gguf.GGUFReader(tmp_path / "model-f16.gguf")
    tokens = fields.get_field("tokenizer.ggml.tokens").contents()
    scores = dict(zip(tokens, fields.get_field("tokenizer.ggml.scores").contents(), strict=True))
    assert scores["▁t"] > scores["he"] > scores["▁a"]  # the first three merges
    assert fields.get_field("tokenizer.ggml.add_bos_token").contents() is False


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (tokenizers.pre_tokenizers.Digits(individual_digits=True), "smollm"),
        (tokenizers.pre_tokenizers.Punctuation(), None),
    ],
)
def test_how_a_tokenizer_splits_words_is_named_or_refused(tmp_path, change, name):
    tokenizer = byte_level_tokenizer()
    both = [change, tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.backend_tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(both)
    source = gpt2_folder(tmp_path / "gpt2", tokenizer)
    (tmp_path / "out").mkdir()

    if name is None:
        with pytest.raises(UserError, match="splits texts by a rule of its own"):
            write_language_model("gguf", source, tmp_path / "out")
        return
    write_language_model("gguf", source, tmp_path / "out")
    found = gguf.GGUFReader(tmp_path / "out" / "model-f16.gguf").get_field("tokenizer.ggml.pre")
    assert found.contents() == name


def test_what_llama_cpp_would_compute_otherwise_is_refused(tmp_path):
    exact = gpt2_folder(tmp_path / "gelu", byte_level_tokenizer(), activation_function="gelu")
    words = gpt2_folder(tmp_path / "words", word_tokenizer(bos=True, eos=True))
    neox = tmp_path / "neox"
    config = transformers.GPTNeoXConfig(
        vocab_size=259, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    transformers.GPTNeoXForCausalLM(config).save_pretrained(neox)
    byte_level_tokenizer().save_pretrained(neox)

    for source, reason in ((exact, "its activation is gelu"), (words, "WordLevel"), (neox, "architecture gpt_neox")):
        with pytest.raises(UserError, match=reason):
            write_language_model("gguf", source, tmp_path)


def test_a_weight_that_fp16_cannot_hold_is_refused(tmp_path):
    source = gpt2_folder(tmp_path / "gpt2", byte_level_tokenizer())
    model = transformers.AutoModelForCausalLM.from_pretrained(source)
    model.transformer.h[0].mlp.c_fc.weight.data[0, 0] = 1e5
    model.save_pretrained(source)

    with pytest.raises(UserError, match=r"blk\.0\.ffn_up\.weight holds values that fp16 cannot hold"):
        write_language_model("gguf", source, tmp_path)


def test_8_bits_err_by_half_a_step_of_each_block(tmp_path):
    source = gpt2_folder(tmp_path / "gpt2", byte_level_tokenizer())
    (tmp_path / "out").mkdir()

    write_language_model("gguf-q8_0", source, tmp_path / "out")

    (tensor,) = [
        tensor
        for tensor in gguf.GGUFReader(tmp_path / "out" / "model-q8_0.gguf").tensors
        if tensor.name == "blk.1.ffn_down.weight"
    ]
    read = gguf.dequantize(tensor.data, tensor.tensor_type).reshape(-1, 32)
    model = transformers.AutoModelForCausalLM.from_pretrained(source)
    weights = model.transformer.h[1].mlp.c_proj.weight.detach().numpy().T.reshape(-1, 32)
    step = np.abs(weights).max(axis=1, keepdims=True) / 127
    assert (np.abs(read - weights) <= 0.51 * step + 1e-3 * np.abs(weights)).all()
