"""The rules: from hand-made numbers to a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments import (
    attention_cost,
    bpe,
    cross_attention,
    flash_attention,
    gates,
    kv_cache,
    positions,
    projections,
    rlhf,
)
from experiments import tokens as token_units
from experiments.shared import Exponent, Gap

LOWER, HIGHER, UNCLEAR = Gap(-0.2, -0.3, -0.1), Gap(0.2, 0.1, 0.3), Gap(-0.1, -0.3, 0.1)


def exponent(value: float) -> Exponent:
    return Exponent(value, value - 0.1, value + 0.1)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ({"copy": (LOWER, LOWER, LOWER)}, "holds"),
        ({"copy": (LOWER, LOWER, UNCLEAR)}, "depends"),
        ({"copy": (LOWER, LOWER, UNCLEAR), "text": (UNCLEAR, UNCLEAR, LOWER)}, "depends"),  # not on the same task
        ({"copy": (UNCLEAR, HIGHER, UNCLEAR)}, "does not hold"),
        ({}, "depends"),  # the full LSTM learned no task
    ],
)
def test_gates(found, verdict):
    gaps = {task: dict(zip(gates.REPLACED, gap, strict=True)) for task, gap in found.items()}

    assert gates.decide(gaps)[0] == verdict


@pytest.mark.parametrize(
    ("by_n", "by_d", "by_h", "time", "heads", "verdict"),
    [
        (2, 1, 0, 1.9, 1.2, "holds"),
        (2, 1, 0, 2.5, 1.2, "depends"),
        (2, 1, 0, 1.9, 3.0, "depends"),
        (1, 1, 0, 1.0, 1.0, "does not hold"),
        (2, 1, 1, 1.9, 1.2, "does not hold"),
    ],
)
def test_attention(by_n, by_d, by_h, time, heads, verdict):
    counted = {"n": exponent(by_n), "d": exponent(by_d), "h": exponent(by_h)}

    assert attention_cost.decide(counted, exponent(time), heads)[0] == verdict


WORDS = bpe.Vocabulary("words", 20_000, 10_000, 500, 10_000)
SUBWORDS = bpe.Vocabulary("BPE", 4_000, 15_000, 1, 10_000)
MERGE = bpe.Step(("e", "s"), 9, 9)


@pytest.mark.parametrize(
    ("step", "starts", "words", "subwords", "verdict"),
    [
        (MERGE, True, WORDS, SUBWORDS, "holds"),
        (MERGE, True, replace(WORDS, entries=3_000), SUBWORDS, "depends"),
        (MERGE, True, WORDS, replace(SUBWORDS, unknown=800), "depends"),
        (MERGE, True, replace(WORDS, entries=3_000), replace(SUBWORDS, unknown=800), "does not hold"),
        (replace(MERGE, count=8), True, WORDS, SUBWORDS, "does not hold"),
        (MERGE, False, WORDS, SUBWORDS, "does not hold"),
    ],
)
def test_bpe(step, starts, words, subwords, verdict):
    assert bpe.decide([MERGE, step], starts, words, [SUBWORDS, subwords])[0] == verdict


ADDED_IS_BEST = {"none": HIGHER, "multiplied": HIGHER, "rotary": UNCLEAR}


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ({}, {}, "holds"),
        ({"rotary": LOWER}, {"rotary": LOWER}, "depends"),
        ({"multiplied": UNCLEAR}, {"multiplied": UNCLEAR}, "depends"),
        ({"multiplied": LOWER}, {"multiplied": LOWER}, "does not hold"),
        ({"multiplied": LOWER}, {}, "depends"),
        ({}, {"rotary": LOWER}, "depends"),
    ],
)
def test_positions(first, second, verdict):
    assert positions.decide({100: ADDED_IS_BEST | first, 200: ADDED_IS_BEST | second})[0] == verdict


FROM_ENCODER = cross_attention.Dependence(1.0, 0.0, 0.5, 0.0)
FROM_DECODER = cross_attention.Dependence(0.0, 1.0, 0.0, 0.5)
FROM_BOTH = cross_attention.Dependence(1.0, 1.0, 0.5, 0.5)


@pytest.mark.parametrize(
    ("first_queries", "second_queries", "keys", "verdict"),
    [
        (FROM_DECODER, FROM_BOTH, FROM_ENCODER, "holds"),
        (FROM_BOTH, FROM_BOTH, FROM_ENCODER, "depends"),
        (FROM_DECODER, FROM_ENCODER, FROM_ENCODER, "depends"),
        (FROM_DECODER, FROM_BOTH, FROM_BOTH, "depends"),
        (FROM_BOTH, FROM_BOTH, FROM_BOTH, "does not hold"),
    ],
)
def test_cross_attention(first_queries, second_queries, keys, verdict):
    found = {(layer, part): FROM_ENCODER for layer in (0, 1) for part in "kv"}
    found |= {(0, "q"): first_queries, (1, "q"): second_queries, (1, "k"): keys}

    assert cross_attention.decide(found)[0] == verdict


@pytest.mark.parametrize(
    ("gain", "low", "verdict"), [(LOWER, 0.6, "holds"), (UNCLEAR, 0.6, "depends"), (UNCLEAR, 0.4, "does not hold")]
)
def test_tokens(gain, low, verdict):
    gains = dict.fromkeys(token_units.UNITS, gain)
    classifiers = dict.fromkeys(token_units.UNITS, token_units.Classifying(0.7, low, 0.8, 1.0))

    assert token_units.decide(gains, classifiers, 0.5)[0] == verdict


@pytest.mark.parametrize(
    ("counted", "timed", "divisions", "verdict"),
    [
        ((1, 2), (0.9, 1.9), [7, 7], "holds"),
        ((1, 2), (0.9, 2.4), [7, 7], "depends"),
        ((1, 2), (0.9, 1.9), [7, 8], "does not hold"),
        ((2, 2), (0.9, 1.9), [7, 7], "does not hold"),
    ],
)
def test_projections(counted, timed, divisions, verdict):
    named = [dict(zip(("tokens", "d"), map(exponent, values), strict=True)) for values in (counted, timed)]

    assert projections.decide(named[0], named[1], divisions)[0] == verdict


@pytest.mark.parametrize(
    ("error", "traffic", "memory", "verdict"),
    [
        (1e-7, 1.0, 1.0, "holds"),
        (1e-7, 1.0, 1.9, "depends"),
        (1e-7, 1.9, 1.9, "does not hold"),
        (3e-7, 1.0, 1.0, "does not hold"),
    ],
)
def test_flash_attention(error, traffic, memory, verdict):
    errors = {"plain": 1e-7, "flash": error, "plain, bf16": 1e-2, "flash, bf16": 1e-2}
    plain = exponent(2.0)

    found = flash_attention.decide(
        errors, {"plain": plain, "flash": exponent(traffic)}, {"plain": plain, "flash": exponent(memory)}
    )

    assert found[0] == verdict


@pytest.mark.parametrize(
    ("same", "growth", "slower", "verdict"),
    [
        (True, 2, 3.0, "holds"),
        (True, 2, 1.0, "depends"),
        (True, 1, 1.0, "does not hold"),
        (False, 2, 3.0, "does not hold"),
    ],
)
def test_kv_cache(same, growth, slower, verdict):
    counts = {"cache": [10, 20, 40], "none": [10 * 2 ** (growth * place) for place in range(3)]}
    seconds = {"cache": [1.0, 2.0, 4.0], "none": [1.0, 2.0, 4.0 * slower]}
    found = kv_cache.ModelFindings("model", (10, 20, 40), same, counts, seconds, [1, 2, 4], (5, 5))

    assert kv_cache.decide([found])[0] == verdict


ASKED, TRAINED = rlhf.Stage("asking", 100, weights_changed=False), rlhf.Stage("training", 0, weights_changed=True)


@pytest.mark.parametrize(
    ("before", "training", "gain", "verdict"),
    [
        (ASKED, TRAINED, HIGHER, "holds"),
        (ASKED, TRAINED, UNCLEAR, "depends"),
        (replace(ASKED, weights_changed=True), TRAINED, HIGHER, "does not hold"),
        (ASKED, replace(TRAINED, asked=1), HIGHER, "does not hold"),
        (ASKED, replace(TRAINED, weights_changed=False), HIGHER, "does not hold"),
    ],
)
def test_rlhf(before, training, gain, verdict):
    assert rlhf.decide([ASKED, before], [TRAINED, training], gain)[0] == verdict
