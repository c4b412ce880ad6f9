"""Tiny versions of all experiments run, and what they measure is what they say."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models

from experiments import NUMBERS, bpe, flash_attention, gates, rlhf
from experiments.attention_cost import attention
from experiments.shared import operations
from experiments.small_transformer import SmallTransformer, document_losses, rotate
from experiments.texts import UNKNOWN, build_encoder, wikitext


@pytest.mark.parametrize("name", NUMBERS)
def test_a_tiny_version_runs(name, monkeypatch):
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda folder: None)  # it takes longer than the training
    result = import_module(f"experiments.{name}").run("tiny")

    assert result.verdict in ("holds", "depends", "does not hold")
    assert all(len(row) == len(table.header) for table in result.tables for row in table.rows)
    assert result.reason
    assert result.figure.axes


def test_the_full_lstm_is_torchs():
    networks = gates.Networks(["full"], [3], inputs=5, hidden=4, classes=2, remember=10)
    lstm = torch.nn.LSTM(5, 4)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(networks.weight[0, :5].T)
        lstm.weight_hh_l0.copy_(networks.weight[0, 5:].T)
        lstm.bias_ih_l0.copy_(networks.bias[0, 0])
        lstm.bias_hh_l0.zero_()
    inputs = torch.randn(7, 3, 5)
    last = torch.tensor([6, 2, 0])

    states = lstm(inputs)[0][last, torch.arange(3)]

    torch.testing.assert_close(networks(inputs[:, None], last)[0], states @ networks.head[0] + networks.head_bias[0])


@pytest.mark.parametrize("variant", gates.VARIANTS[1:])
def test_every_variant_is_another_network(variant):
    networks = gates.Networks(["full", variant], [3, 3], inputs=5, hidden=4, classes=2, remember=10)

    full, other = networks(torch.randn(7, 1, 3, 5), torch.full((3,), 6))

    assert not torch.allclose(full, other, atol=1e-3)


def test_the_answer_is_the_last_marked_symbol():
    inputs, answers = gates.marked_symbols(50, 6, torch.Generator().manual_seed(1))

    marked = inputs[:, 0, :, -1]
    last = len(marked) - 1 - marked.flip(0).argmax(0)
    assert marked.sum(0).tolist() == [2] * 50
    assert inputs[last, 0, torch.arange(50), : gates.SYMBOLS].argmax(-1).equal(answers)
    assert len(inputs) - 1 - last[0] == 6


@pytest.mark.parametrize("heads", [1, 4])
def test_attention_is_torchs(heads):
    query, key, value = torch.randn(3, 10, 8)

    split = [part.view(10, heads, -1).transpose(0, 1) for part in (query, key, value)]
    expected = torch.nn.functional.scaled_dot_product_attention(*split).transpose(0, 1).flatten(1)

    torch.testing.assert_close(attention(query, key, value, heads), expected)


def test_the_kernel_for_cpus_is_counted_like_attention_written_out():
    parts = [torch.randn(1, 2, 10, 8) for _ in range(3)]

    counts = [operations(lambda way=way: way(*parts)) for way in (flash_attention.plain, flash_attention.flash)]

    assert counts == [2 * 2 * 2 * 10 * 10 * 8] * 2


def test_traffic_counts_what_is_read_and_written_once():
    a = torch.randn(10, 10)

    with flash_attention.Traffic() as counter:
        (a @ a.T).view(100)

    assert counter.moved == 3 * 400


def test_every_way_computes_the_same_attention():
    inputs = [torch.randn(1, 2, 130, 8) for _ in range(3)]
    ways = (flash_attention.plain, flash_attention.flash, flash_attention.blockwise)

    plain, *others = (flash_attention.forward_backward(way, inputs, inputs[0]) for way in ways)

    for other in others:
        torch.testing.assert_close(other, plain, rtol=1e-4, atol=1e-5)


def test_the_merges_of_the_example_are_counted_by_hand():
    steps = bpe.replay("low low lower", [("l", "o"), ("lo", "w"), ("e", "r")])

    assert [(step.count, step.most) for step in steps] == [(3, 3), (3, 3), (1, 1)]
    assert bpe.replay("aaa ab", [("a", "b")])[0] == bpe.Step(("a", "b"), 1, 2)


def test_merges_are_read_in_order():
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2, "aba": 3}, [("a", "b"), ("ab", "a")]))

    assert bpe.merges_of(tokenizer) == [("a", "b"), ("ab", "a")]


@pytest.mark.parametrize("unit", ["characters", "subwords", "words"])
def test_units_lose_nothing(unit):
    text = wikitext()[0][0][:2000]
    encoder = build_encoder(unit, [text, text], 300)

    ids, spelled = encoder.encode(text)

    units = {number: piece for piece, number in encoder.ids.items()}
    pieces = [units[number] for number in ids[1:]]
    assert spelled == 0
    assert (encoder.tokenizer.decoder.decode(pieces) if encoder.tokenizer else "".join(pieces)) == text


def test_unknown_units_cost_their_spelling():
    encoder = build_encoder("words", [" a a b b"], 300)

    ids, spelled = encoder.encode(" a zz")

    assert ids[-1] == UNKNOWN
    assert spelled == pytest.approx(encoder.byte_losses[[ord(" "), ord("z"), ord("z"), 256]].sum())
    assert np.exp(-encoder.byte_losses).sum() == pytest.approx(1)


@pytest.mark.parametrize("way", ["none", "added", "multiplied", "rotary"])
def test_document_losses_are_those_of_windows_on_their_own(way):
    torch.manual_seed(1)
    model = SmallTransformer(20, way)
    documents = [torch.randint(20, (length,)).tolist() for length in (5, 70, 1, 129)]

    found = document_losses(model, documents)

    expected = []
    for ids in documents:
        parts = [torch.tensor(ids[start : start + 65]) for start in range(0, len(ids) - 1, 64)]
        logits = [(model(part[None, :-1])[0].log_softmax(-1), part[1:]) for part in parts]
        expected.append(-sum(float(log[range(len(to)), to].sum().detach()) for log, to in logits))
    assert found == pytest.approx(expected, rel=1e-4)


def test_rotary_scores_depend_on_distance_alone():
    query, key = torch.randn(2, 8)

    scores = rotate(query.expand(12, 8)) @ rotate(key.expand(12, 8)).T

    assert scores[3, 1] == pytest.approx(float(scores[11, 9]), rel=1e-4)
    assert scores[3, 1] != pytest.approx(float(scores[3, 2]), rel=1e-4)


def test_the_loss_of_a_continuation_ends_with_the_text():
    class Even(torch.nn.Module):
        """Predicts token 3 with three quarters, and the three others with a twelfth each."""

        def forward(self, input_ids):
            logits = torch.full((*input_ids.shape, 4), 1 / 12).log()
            logits[..., 3] = np.log(0.75)
            return type("Output", (), {"logits": logits})

    # The end of a text is 2. A prompt of two tokens begins with it; after the end come ends as padding.
    drawn = rlhf.Drawn(["", ""], [torch.tensor([[2, 1, 3, 3, 3], [2, 1, 3, 2, 2]])], [2])

    assert rlhf.nats_per_token(Even(), drawn, end=2) == pytest.approx(-(4 * np.log(0.75) + np.log(1 / 12)) / 5)


def test_people_prefer_the_more_positive_text():
    people = type("People", (), {"liking": lambda self, texts: np.array([float("good" in text) for text in texts])})()
    texts = ["good", "bad"] + ["bad", "good"] * 7

    rows = rlhf.preferences(texts, people)

    assert [row["chosen"] for row in rows] == ["good"] * 8
    assert [row["prompt"] for row in rows] == list(rlhf.PROMPTS)
