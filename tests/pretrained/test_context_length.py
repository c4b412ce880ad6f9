"""A model reads as many tokens as it has positions for, wherever it begins to count them."""

from __future__ import annotations

import pytest
import torch
import transformers

from bakeoff.methods.embedding.encoder import load_encoder
from bakeoff.pretrained.sources import context_length
from tests.methods.small_transformers import word_tokenizer

SIZES = {
    "vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
    "max_position_embeddings": 20,
}  # fmt: skip
FAMILIES = {
    "bert": (transformers.BertModel, transformers.BertConfig, 0, 20),
    "electra": (transformers.ElectraModel, transformers.ElectraConfig, 1, 20),
    "roberta": (transformers.RobertaModel, transformers.RobertaConfig, 1, 18),
    "roberta, padded with 3": (transformers.RobertaModel, transformers.RobertaConfig, 3, 16),
    "camembert": (transformers.CamembertModel, transformers.CamembertConfig, 1, 18),
    "xlm-roberta": (transformers.XLMRobertaModel, transformers.XLMRobertaConfig, 1, 18),
    "mpnet": (transformers.MPNetModel, transformers.MPNetConfig, 1, 18),
}


@torch.inference_mode()
@pytest.mark.parametrize("family", FAMILIES)
def test_the_longest_text_is_the_longest_that_the_network_can_read(family):
    network, config, padding, longest = FAMILIES[family]
    model = network(config(**SIZES, pad_token_id=padding)).eval()

    assert context_length(model, word_tokenizer()) == longest
    assert model(input_ids=torch.full((1, longest), 9))[0].isfinite().all()
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, longest + 1), 9))


def test_an_encoder_cuts_texts_to_the_positions_that_there_are(tmp_path):
    transformers.RobertaForMaskedLM(transformers.RobertaConfig(**SIZES, pad_token_id=0)).save_pretrained(tmp_path)
    word_tokenizer().save_pretrained(tmp_path)

    encoder = load_encoder(str(tmp_path), pooling="mean", layer="last", max_length=None, precision="fp32")

    assert encoder.tokenize(["film " * 40]).lengths.tolist() == [19]
