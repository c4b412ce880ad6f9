"""Small models with tokenizers of every kind: with and without BOS and EOS, adding them by themselves or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

WORDS = ["once", "upon", "a", "time", "there", "was", "girl", ".", "the", "end"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def word_tokenizer(*, bos: bool = False, eos: bool = False, adds_bos: bool = False) -> Any:
    """Return a tokenizer of a few words, perhaps with `<s>` and `</s>`."""
    special = ["<unk>", *["<s>"] * bos, *["</s>"] * eos]
    vocabulary = {word: number for number, word in enumerate([*special, *WORDS])}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    if adds_bos:
        backend.post_processor = tokenizers.processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", vocabulary["<s>"])]
        )
    names = ({"bos_token": "<s>"} if bos else {}) | ({"eos_token": "</s>"} if eos else {})
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", **names)


def byte_tokenizer() -> Any:
    """Return a tokenizer like Llama's: words begin with a mark, unknown characters are single bytes."""
    special = ["<unk>", "<s>", "</s>"]
    pieces = [*special, *BYTES, "▁", *"abcdefghij.", "▁a"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    backend = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocabulary, [("▁", "a")], unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    backend.normalizer = tokenizers.normalizers.Replace(" ", "▁")
    backend.decoder = tokenizers.decoders.Sequence(
        [
            tokenizers.decoders.Replace("▁", " "),
            tokenizers.decoders.ByteFallback(),
            tokenizers.decoders.Fuse(),
            tokenizers.decoders.Strip(" ", 1, 0),
        ]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def byte_level_tokenizer() -> Any:
    """Return a tokenizer like GPT-2's, in which every token is a byte."""
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate([*letters, "<|endoftext|>"])}
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


def save_model(folder: Path, tokenizer: Any, *, embeddings: int | None = None) -> str:
    """Save a GPT-2 with random weights and a tokenizer; return the folder's name."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=embeddings or len(tokenizer), n_positions=32, n_embd=8, n_layer=1, n_head=2,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
