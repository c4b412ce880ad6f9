"""A model that is about to be sharded: only the main process reads its weights."""

from __future__ import annotations

import pytest
import torch

from bakeoff.errors import UserError
from bakeoff.pretrained import sharded_loading
from bakeoff.pretrained.sharded_loading import load_weights_for_sharding
from bakeoff.pretrained.sources import load_weights


@pytest.mark.parametrize("labels", [None, ["bad", "good", "mixed"]])
def test_other_processes_get_the_same_network_without_weights(monkeypatch, labels):
    expected, tokenizer, reference = load_weights("stories260k", labels=labels)
    sent = (type(expected), expected.config, tokenizer, reference)
    monkeypatch.setattr("bakeoff.training.torchrun.is_main_process", lambda: False)
    monkeypatch.setattr("bakeoff.training.distributed.from_main_process", lambda make: sent)
    monkeypatch.setattr(sharded_loading, "load_weights", lambda *_, **__: pytest.fail("read the weights"))

    model, *others = load_weights_for_sharding("stories260k", labels=labels)

    assert others == [tokenizer, reference]
    for ours, theirs in (
        (model.named_parameters(), expected.named_parameters()),  # tied weights have one name
        (model.named_buffers(), expected.named_buffers()),
    ):
        assert [(name, tensor.shape, tensor.dtype) for name, tensor in ours] == [
            (name, tensor.shape, tensor.dtype) for name, tensor in theirs
        ]
    assert {tensor.device for tensor in model.state_dict().values()} == {torch.device("meta")}
    assert not model.training


def test_quantized_weights_are_refused(monkeypatch):
    loaded = load_weights("stories260k")
    loaded[0].config.quantization_config = {"load_in_4bit": True}
    monkeypatch.setattr(sharded_loading, "load_weights", lambda *_, **__: loaded)

    with pytest.raises(UserError, match="the-run/lora are quantized"):
        load_weights_for_sharding("the-run/lora")


def test_the_main_process_gets_the_weights():
    model, _, reference = load_weights_for_sharding("stories260k")
    expected, _, _ = load_weights("stories260k")

    assert reference.endswith("stories260k")
    assert all(map(torch.equal, model.state_dict().values(), expected.state_dict().values()))
