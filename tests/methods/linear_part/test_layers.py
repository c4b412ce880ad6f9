"""The layers that read the spread of evidence."""

from __future__ import annotations

import pytest
import torch

from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear_part.evidence import evidence_size
from bakeoff.methods.linear_part.fitting import fit_linear_part
from bakeoff.methods.linear_part.layers import EvidenceLayers
from tests.methods.small_data import small_table

TABLE = small_table(classes=3)
LINEAR = LinearConfig(ngrams="words", min_document_frequency=1)


def test_evidence_and_length_are_measured_in_deviations_of_the_training_texts():
    part = fit_linear_part(TABLE.train, LINEAR, seed=1)
    lengths = torch.tensor([len(text.split()) for text in TABLE.train.texts])
    inputs = []
    layers = EvidenceLayers(evidence_size(LINEAR, classes=3), classes=3)
    layers.hidden.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))

    layers.standardize(part.training.evidence, lengths)
    layers(part.training.evidence, lengths)

    (standardized,) = inputs
    assert standardized.mean(dim=0) == pytest.approx(torch.zeros(layers.hidden.in_features), abs=1e-5)
    assert standardized.std(dim=0, correction=0) == pytest.approx(torch.ones(layers.hidden.in_features), abs=1e-5)


def test_what_is_the_same_in_all_training_texts_is_not_blown_up():
    layers = EvidenceLayers(size=1, classes=2)

    layers.standardize(torch.zeros(5, 1), torch.arange(1, 6))

    assert layers.deviation[0] == 1
