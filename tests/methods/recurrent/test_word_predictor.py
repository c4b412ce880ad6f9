"""Language models in both directions, and their losses."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.recurrent.word_predictor import WordPredictor, sampled_softmax_loss, softmax_loss

VOCABULARY = 12
TEXTS = [[2, 5, 3, 7, 4], [9, 1, 8], [6, 10]]  # 1: an unknown word
KINDS = [
    {"method": "lstm"},
    {"method": "gru"},
    {"method": "lstm", "bidirectional": False, "layers": 2},
]


def predictor(**settings) -> WordPredictor:
    torch.manual_seed(1)
    model = WordPredictor(
        RecurrentConfig.model_validate({"embedding_size": 6, "hidden_size": 5, **settings}),
        torch.full((VOCABULARY,), 1 / VOCABULARY),
    )
    torch.nn.init.normal_(model.embedding.weight)
    torch.nn.init.normal_(model.bias)
    return model.eval()


def padded(texts: list[list[int]], longest: int) -> tuple[torch.Tensor, torch.Tensor]:
    rows = [text + [0] * (longest - len(text)) for text in texts]
    return torch.tensor(rows), torch.tensor([len(text) for text in texts])


def random_scores() -> tuple[torch.Tensor, ...]:
    torch.manual_seed(2)
    return torch.randn(9, 4), torch.randint(VOCABULARY, (9,)), torch.randn(VOCABULARY, 4), torch.randn(VOCABULARY)


def test_with_every_word_as_a_sample_the_loss_is_that_of_the_whole_softmax():
    vectors, targets, embedding, bias = random_scores()
    uniform = torch.full((VOCABULARY,), 1 / VOCABULARY).log()

    loss = sampled_softmax_loss(vectors, targets, embedding, bias, torch.arange(VOCABULARY), uniform)

    expected = F.cross_entropy(vectors @ embedding.T + bias, targets, reduction="sum")
    torch.testing.assert_close(loss, expected)


def test_samples_are_corrected_for_their_probability_and_never_count_against_themselves():
    vectors, targets, embedding, bias = random_scores()
    probabilities = torch.rand(VOCABULARY).softmax(dim=0)
    negatives = torch.multinomial(probabilities, 20, replacement=True)

    loss = sampled_softmax_loss(vectors, targets, embedding, bias, negatives, probabilities.log())

    expected = 0.0
    logits = vectors @ embedding.T + bias - probabilities.log()
    for row, target in zip(logits, targets.tolist(), strict=True):
        candidates = [target, *(word for word in negatives.tolist() if word != target)]
        expected += F.cross_entropy(row[candidates], torch.tensor(0)).item()
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_a_vocabulary_of_the_target_alone_gives_no_loss_and_a_gradient():
    vectors = torch.randn(3, 4, requires_grad=True)
    nothing = torch.zeros(1)

    loss = sampled_softmax_loss(
        vectors, torch.zeros(3, dtype=torch.long), torch.randn(1, 4), nothing, torch.zeros(5, dtype=torch.long), nothing
    )
    loss.backward()

    assert loss.item() == 0
    assert torch.equal(vectors.grad, torch.zeros(3, 4))


@pytest.mark.parametrize("settings", KINDS)
def test_a_loss_depends_neither_on_padding_nor_on_the_batch(settings):
    model = predictor(**settings)

    def loss(texts: list[list[int]], longest: int) -> tuple[float, int]:
        vectors, targets = model(*padded(texts, longest))
        return softmax_loss(model, vectors, targets), len(targets)

    with torch.no_grad():
        together, wide = loss(TEXTS, 5), loss(TEXTS, 9)
        alone = [loss([text], len(text)) for text in TEXTS]

    assert wide == pytest.approx(together, rel=1e-5)
    assert sum(each for each, _ in alone) == pytest.approx(together[0], rel=1e-5)
    assert sum(count for _, count in alone) == together[1]


@pytest.mark.parametrize("settings", KINDS)
def test_the_loss_is_that_of_one_word_after_the_other(settings):
    """Against the cells themselves, a word at a time; padding and unknown words are neither predicted nor answers."""
    model = predictor(**settings)
    with torch.no_grad():
        loss = softmax_loss(model, *model(*padded(TEXTS, 5)))
        expected = 0.0
        for direction, projection in enumerate(model.projections):
            for text in TEXTS:
                read = text[::-1] if direction else text
                for position in range(1, len(read)):
                    states = model.embedding(torch.tensor([read[:position]]))
                    for layer in model.layers:
                        states = layer[direction](states)[0]
                    logits = F.linear(projection(states[0, -1]), model.embedding.weight, model.bias)[2:]
                    if read[position] != 1:
                        expected += F.cross_entropy(logits, torch.tensor(read[position] - 2)).item()

    assert loss == pytest.approx(expected, rel=1e-5)
