"""The large model's benchmark, small: it plans and trains what it says."""

from __future__ import annotations

import re

import pytest

import large_model

pytestmark = pytest.mark.slow


def test_a_quantized_model_is_planned_and_trained(monkeypatch, capsys, tmp_path):
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is in the extra `quantization`")
    monkeypatch.setattr(large_model, "VOCABULARY", 512)

    large_model.main(["--parameters", "2e6", "--steps", "2", "--max-length", "64", "--folder", str(tmp_path)])

    printed = capsys.readouterr().out
    assert "model: 0.00 billion parameters, 3 layers of 256" in printed
    assert re.search(r"planned: .+ s a step", printed)
    losses = re.search(r"losses of 2 steps: (.+), (.+)", printed)
    assert losses is not None
    assert float(losses[2]) < float(losses[1])
    assert list(tmp_path.iterdir()) == []  # gigabytes, usually
