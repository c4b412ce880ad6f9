"""Exported transformer classifiers: heads with random weights, so that a mistake shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from bakeoff.methods.base import SavedClassifier
from bakeoff.methods.saved import CalibratedClassifier, write_classifier
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.methods.transformer.method import TransformerMethod
from tests.methods.small_transformers import model_folder

LABELS = ["bad", "fine", "odd"]
TEXTS = ["a fine film", "", "a dull film . " * 30]


@pytest.fixture
def saved(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, SavedClassifier]:
    """A classifier's model/, whose temperature is 2 and whose texts are cut to 16 tokens."""
    kind = request.param
    source = model_folder(tmp_path / kind, kind)
    pad = {"pad_token_id": 0}
    model = transformers.AutoModelForSequenceClassification.from_pretrained(source, num_labels=len(LABELS), **pad)
    torch.manual_seed(1)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(source)
    settings = TransformerConfig(model=str(source), max_length=16, precision="fp32").model_dump(mode="json")
    classifier = CalibratedClassifier("transformer", LABELS, settings, temperature=2.0)
    write_classifier(source, classifier)
    return source, classifier


@pytest.mark.parametrize(
    ("saved", "format"),
    [("bert", "merged"), ("gpt2", "merged"), ("bert", "onnx"), ("llama", "onnx")],
    indirect=["saved"],
)
def test_an_export_gives_the_calibrated_probabilities_of_the_contestant(saved, format, tmp_path):
    source, classifier = saved
    method = TransformerMethod()
    out = tmp_path / "out"
    out.mkdir()
    write_classifier(out, classifier)

    exported = method.export(format, source, classifier, 2.0, out)

    raw = method.load(source, classifier, "fp32").probabilities(TEXTS)
    expected = np.sqrt(raw) / np.sqrt(raw).sum(axis=1, keepdims=True)  # logits divided by 2
    assert np.ptp(expected, axis=0).max() > 0.001  # the texts differ
    assert np.allclose(exported(TEXTS), expected, atol=1e-5)
    assert (out / "classify.py").exists()


def test_a_linear_part_is_refused():
    config = TransformerConfig(linear_part={})

    assert "linear part" in str(TransformerMethod().export_refusal(config, "onnx"))
