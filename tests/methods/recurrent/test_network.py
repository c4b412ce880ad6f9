"""The recurrent network against torch's own over packed sequences, and what must not change a logit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bakeoff.methods.encoded import EncodedTexts
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.recurrent.network import RecurrentClassifier, class_probabilities

LENGTHS = [7, 1, 12, 3, 12, 5]
SHAPES = [("lstm", 1, False), ("lstm", 2, True), ("gru", 1, True), ("gru", 2, False)]


def network(method="lstm", layers=1, bidirectional=True, pooling="max_mean", **settings) -> RecurrentClassifier:
    torch.manual_seed(3)
    values = {"embedding_size": 6, "hidden_size": 5, **settings}
    contestant = RecurrentConfig(method=method, layers=layers, bidirectional=bidirectional, pooling=pooling, **values)
    return RecurrentClassifier(contestant, 30, 3).eval()


def rows(lengths=LENGTHS, width=None) -> tuple[torch.Tensor, torch.Tensor]:
    words = torch.zeros(len(lengths), width or max(lengths), dtype=torch.int64)
    for row, length in enumerate(lengths):
        words[row, :length] = torch.randint(2, 30, (length,), generator=torch.Generator().manual_seed(row))
    return words, torch.tensor(lengths)


def packed_logits(model: RecurrentClassifier, words: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """The slow path with the same weights, in torch's own stack of layers."""
    settings = model.settings
    stack = (nn.LSTM if settings.method == "lstm" else nn.GRU)(
        settings.embedding_size,
        settings.hidden_size,
        num_layers=settings.layers,
        bidirectional=settings.bidirectional,
        batch_first=True,
    )
    weights = {}
    for layer, directions in enumerate(model.layers):
        for direction, cell in enumerate(directions):
            for name, weight in cell.state_dict().items():
                weights[name.replace("_l0", f"_l{layer}") + ("_reverse" if direction else "")] = weight
    stack.load_state_dict(weights)
    packed = pack_padded_sequence(model.embedding(words), lengths, batch_first=True, enforce_sorted=False)
    states, last = stack(packed)
    last = last[0] if settings.method == "lstm" else last
    if settings.pooling == "last":
        directions = 2 if settings.bidirectional else 1
        return model.output(torch.cat(list(last[-directions:]), dim=1))
    padded, _ = pad_packed_sequence(states, batch_first=True)
    real = [row[:length] for row, length in zip(padded, lengths.tolist(), strict=True)]
    return model.output(torch.stack([torch.cat([row.max(dim=0).values, row.mean(dim=0)]) for row in real]))


@pytest.mark.parametrize("pooling", ["last", "max_mean"])
@pytest.mark.parametrize(("method", "layers", "bidirectional"), SHAPES)
def test_equals_torch_over_packed_sequences(method, layers, bidirectional, pooling):
    model = network(method, layers, bidirectional, pooling)
    words, lengths = rows()

    torch.testing.assert_close(model(words, lengths), packed_logits(model, words, lengths), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["last", "max_mean"])
@pytest.mark.parametrize(("method", "layers", "bidirectional"), SHAPES)
def test_layers_in_bf16_give_nearly_the_same(method, layers, bidirectional, pooling):
    model = network(method, layers, bidirectional, pooling, hidden_size=32)
    words, lengths = rows()
    exact = model(words, lengths).detach()

    model.round_layers()

    rounded = model(words, lengths).detach()
    assert rounded.dtype == torch.float32
    assert 0 < float((rounded - exact).abs().max()) < 0.01


@pytest.mark.parametrize("pooling", ["last", "max_mean"])
def test_gradients_equal_those_over_packed_sequences(pooling):
    model, words_lengths = network("lstm", 1, True, pooling), rows()
    weight = model.embedding.weight

    ours = torch.autograd.grad(model(*words_lengths).square().sum(), weight)[0]
    theirs = torch.autograd.grad(packed_logits(model, *words_lengths).square().sum(), weight)[0]

    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("pooling", ["last", "max_mean"])
@pytest.mark.parametrize(("method", "layers", "bidirectional"), SHAPES)
def test_logits_change_neither_with_padding_nor_with_batch_mates(method, layers, bidirectional, pooling):
    model = network(method, layers, bidirectional, pooling)
    words, lengths = rows()
    together = model(words, lengths)

    torch.testing.assert_close(model(*rows(width=40)), together, atol=1e-6, rtol=1e-5)
    for row, length in enumerate(LENGTHS):
        alone = model(words[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(alone, together[row : row + 1], atol=1e-6, rtol=1e-5)


def test_what_stands_in_the_padding_does_not_matter():
    model = network()
    words, lengths = rows()
    scribbled = words.masked_fill(torch.arange(words.shape[1]) >= lengths[:, None], 7)

    torch.testing.assert_close(model(scribbled, lengths), model(words, lengths), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("setting", ["word_dropout", "embedding_dropout", "dropout"])
def test_dropout_acts_in_training_only(setting):
    off = {"word_dropout": 0.0, "embedding_dropout": 0.0, "dropout": 0.0}
    model = network(**{**off, setting: 0.5})
    words, lengths = rows()
    expected = network(**off)(words, lengths)

    assert torch.equal(model(words, lengths), expected)
    assert not torch.allclose(model.train()(words, lengths), expected)


def test_probabilities_stand_in_the_order_of_the_texts():
    model = network()
    words, lengths = rows()
    numbers = np.concatenate([row[:length].numpy() for row, length in zip(words, LENGTHS, strict=True)])
    texts = EncodedTexts.from_lengths(numbers.astype(np.int32), np.array(LENGTHS))

    found = class_probabilities(model, texts)

    assert found == pytest.approx(model(words, lengths).softmax(dim=1).detach().numpy(), abs=1e-6)
