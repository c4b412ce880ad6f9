"""The exported graph in onnxruntime beside torch, at lengths that the example of the export did not have."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from bakeoff.data.words import tokenize
from bakeoff.methods.encoded import EncodedTexts
from bakeoff.methods.recurrent.onnx.cells import OnnxCell
from bakeoff.methods.recurrent.onnx.export import write_graph
from bakeoff.methods.recurrent.onnx.standalone import OnnxClassifier
from bakeoff.methods.recurrent.vocabulary import WordVocabulary
from tests.methods.recurrent.test_network import network, rows

TEMPERATURE = 1.7
SHAPES = [("lstm", 2, True, "max_mean"), ("gru", 1, False, "last")]


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: shape[0])
def exported(request, tmp_path_factory):
    model = network(*request.param)
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    write_graph(model, TEMPERATURE, path)
    return model, path, onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_the_file_is_valid_and_holds_the_operators_of_the_method(exported):
    model, path, _ = exported
    onnx.checker.check_model(path, full_check=True)

    operators = [node.op_type for node in onnx.load(path).graph.node]

    cells = sum(len(directions) for directions in model.layers)
    assert operators.count(model.settings.method.upper()) == cells
    assert "Loop" not in operators


@pytest.mark.parametrize("lengths", [[1], [9], [1, 1, 1], [7, 1, 12, 3, 12, 5], [300, 2, 41]])
def test_equals_torch_for_any_number_of_texts_of_any_lengths(exported, lengths):
    model, _, session = exported
    words, counts = rows(lengths)

    logits, probabilities = session.run(None, {"words": words.numpy(), "lengths": counts.numpy()})

    with torch.no_grad():
        expected = model(words, counts)
    assert logits == pytest.approx(expected.numpy(), abs=1e-5)
    assert probabilities == pytest.approx((expected / TEMPERATURE).softmax(dim=1).numpy(), abs=1e-5)


def test_padding_changes_nothing(exported):
    _, _, session = exported
    words, lengths = rows([4, 7])
    wide, _ = rows([4, 7], width=60)

    for name in ("logits", "probabilities"):
        narrow = session.run([name], {"words": words.numpy(), "lengths": lengths.numpy()})[0]
        assert session.run([name], {"words": wide.numpy(), "lengths": lengths.numpy()})[0] == pytest.approx(
            narrow, abs=1e-6
        )


@pytest.mark.parametrize(
    "layer",
    [
        nn.LSTM(4, 3, num_layers=2, batch_first=True),
        nn.GRU(4, 3, bidirectional=True, batch_first=True),
        nn.LSTM(4, 3),
        nn.LSTM(4, 3, bias=False, batch_first=True),
    ],
)
def test_layers_that_it_does_not_translate_are_refused(layer):
    with pytest.raises(NotImplementedError, match="not a single"):
        OnnxCell(layer)


@pytest.mark.parametrize("punctuation", ["strip", "separate"])
@pytest.mark.parametrize(("max_length", "truncation"), [(400, "head"), (5, "head"), (5, "head_tail")])
def test_the_standalone_script_encodes_as_the_classifier_does(punctuation, max_length, truncation):
    texts = ["", "?!", "It's a well-made FILM -- 3.5 stars, \n«fine»! <br /><br />İ 映画", "a b c d e f g", "  a\tb  "]
    texts += ["so👨‍👩‍👧 👍🏽!❤️ 🇩🇪🇫🇷 STRASSE straße", "न\u200dम e\u0301, !\u0301"]
    vocabulary = WordVocabulary(sorted(tokenize(texts[2:], punctuation).words)[::2], punctuation)
    standalone = object.__new__(OnnxClassifier)  # without a graph
    standalone.ids = {word: number for number, word in enumerate(vocabulary.words, start=2)}
    standalone.punctuation, standalone.max_length, standalone.truncation = punctuation, max_length, truncation

    expected: EncodedTexts = vocabulary.encode(texts).cut(max_length, truncation)

    pieces = np.split(expected.ids, expected.offsets[1:-1])
    assert [standalone.encode(text) for text in texts] == [piece.tolist() for piece in pieces]
