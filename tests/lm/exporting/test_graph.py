"""The script beside a graph stops where bakeoff does."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from bakeoff.lm.exporting import graph
from bakeoff.lm.prompting import Prompting


def test_texts_end_at_the_tokens_of_the_tokenizer_and_of_the_chat_template_as_well(stories_folder, monkeypatch):
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: SimpleNamespace(save=lambda path: None))
    (stories_folder / "generation_config.json").write_text('{"eos_token_id": 7}')
    Prompting(None, ends=(9,)).write(stories_folder)

    _, ends = graph._write_graph(stories_folder, stories_folder / "model.onnx")

    assert ends == [2, 7, 9]
