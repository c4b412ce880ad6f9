"""Pretrained models of the usual kinds, tiny and with random weights, in folders as the hub has them."""

from __future__ import annotations

from pathlib import Path

import tokenizers
import torch
import transformers

from bakeoff.pretrained.packaged_models import packaged_folder
from tests.methods.small_data import FILLERS, TELLING

CONTEXT = 64
_SIZES = {
    "vocab_size": 512, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "max_position_embeddings": CONTEXT,
}  # fmt: skip


def llama() -> transformers.PreTrainedModel:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**_SIZES, num_key_value_heads=2))


def gpt2() -> transformers.PreTrainedModel:
    config = transformers.GPT2Config(
        vocab_size=512, n_positions=CONTEXT, n_embd=32, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2
    )
    return transformers.GPT2LMHeadModel(config)


def bert() -> transformers.PreTrainedModel:
    """As most encoders it comes without a pooler."""
    return transformers.BertForMaskedLM(transformers.BertConfig(**_SIZES))


def distilbert() -> transformers.PreTrainedModel:
    config = transformers.DistilBertConfig(
        vocab_size=512, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=CONTEXT
    )
    return transformers.DistilBertForMaskedLM(config)


def modernbert() -> transformers.PreTrainedModel:
    """Some of its layers see only the nearest tokens."""
    special = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    return transformers.ModernBertForMaskedLM(transformers.ModernBertConfig(**_SIZES, **special, local_attention=8))


def t5() -> transformers.PreTrainedModel:
    sizes = {"vocab_size": 512, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 1, "num_heads": 4}
    return transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes))


DECODERS = {"llama": llama, "gpt2": gpt2}
ENCODERS = {"bert": bert, "distilbert": distilbert, "modernbert": modernbert}
KINDS = {**DECODERS, **ENCODERS}


def model_folder(path: Path, kind: str) -> Path:
    torch.manual_seed(3)
    {**KINDS, "t5": t5}[kind]().save_pretrained(path)
    tokenizer = word_tokenizer() if kind in ENCODERS else story_tokenizer()
    tokenizer.save_pretrained(path)
    return path


def story_tokenizer() -> transformers.PreTrainedTokenizerFast:
    return transformers.AutoTokenizer.from_pretrained(packaged_folder("stories260k"))


def word_tokenizer() -> transformers.PreTrainedTokenizerFast:
    """Whole words, between the marks that BERT's tokenizers put around a text."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ".", *FILLERS, *(word for both in TELLING.values() for word in both)]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=CONTEXT,
    )  # fmt: skip
