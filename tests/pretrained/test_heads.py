"""The output layers of classifiers: whose labels their rows are."""

from __future__ import annotations

import pytest
import torch

from bakeoff.pretrained.sources import load_weights
from tests.methods.small_transformers import model_folder

LABELS = ["contradiction", "entailment", "neutral"]


@pytest.mark.parametrize(
    ("own", "rows"),
    [
        (LABELS, [0, 1, 2]),
        (["Entailment", "Neutral", "Contradiction"], [2, 0, 1]),
        (["LABEL_0", "LABEL_1", "LABEL_2"], [0, 1, 2]),
        (["negative", "neutral", "positive"], None),
        (["entailment", "neutral"], None),
    ],
)
def test_the_rows_of_a_classifier_follow_its_labels_by_name_or_begin_anew(tmp_path, own, rows):
    folder = str(model_folder(tmp_path, "bert"))
    saved, _, _ = load_weights(folder, labels=own)
    torch.nn.init.normal_(saved.classifier.weight)
    saved.save_pretrained(folder)

    model, _, _ = load_weights(folder, labels=LABELS)

    expected = torch.zeros(3, 32) if rows is None else saved.classifier.weight[rows]
    assert torch.equal(model.classifier.weight, expected)
    assert model.config.id2label == dict(enumerate(LABELS))
