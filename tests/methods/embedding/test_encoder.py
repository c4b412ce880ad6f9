"""Vectors are those of plain transformers, whatever makes them fast, and every way of pooling is that of the files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from bakeoff.errors import UserError
from bakeoff.methods.embedding.embedder import Embedder
from bakeoff.methods.embedding.encoder import batches_of_one_length, load_encoder
from bakeoff.methods.embedding.pooling import Pooling, read_pooling
from bakeoff.pretrained import sources
from tests.methods.small_data import small_table
from tests.methods.small_transformers import DECODERS, KINDS, model_folder
from tests.pretrained.small_gguf import write_gguf

TEXTS = ["", "fine", "the film and its plot were dull .", "a fine film " * 60, *small_table().test.texts[:30]]

pytestmark = pytest.mark.usefixtures("one_thread")


def load(model, **settings):
    usual = {"pooling": "auto", "layer": "auto", "max_length": 32, "precision": "fp32"}
    return load_encoder(str(model), **{**usual, **settings})


def vectors(model, texts=TEXTS, **settings) -> np.ndarray:
    return Embedder(load(model, **settings)).embed(texts, cached=False, keep=False).vectors


@torch.no_grad()
def states_by_transformers(folder: Path, texts=TEXTS) -> list[list[torch.Tensor]]:
    """All hidden states of each text on its own; the last are those of the whole network."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    found = []
    for text in texts:
        ids = tokenizer(text, truncation=True, max_length=32)["input_ids"] or [0]
        found.append([states[0] for states in model(torch.tensor([ids]), output_hidden_states=True).hidden_states])
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["mean", "last", "first"])
def test_the_vectors_are_those_of_transformers(tmp_path, kind, pooling):
    folder = model_folder(tmp_path, kind)
    skipped = 1 if kind in DECODERS else 0  # an attention sink

    own = vectors(folder, pooling=pooling, layer=2)[0]

    for vector, states in zip(own, states_by_transformers(folder), strict=True):
        last = states[-1]
        mean = last[skipped:].mean(0) if len(last) > 1 else last[0]
        expected = {"mean": mean, "last": last[-1], "first": last[0]}[pooling]
        assert vector == pytest.approx(expected.numpy(), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("kind", DECODERS)
def test_one_pass_gives_all_layers_and_a_middle_one_is_read_alone(tmp_path, kind):
    folder = model_folder(tmp_path, kind)
    encoder = load(folder)
    assert encoder.layers == [1, 2]

    together = Embedder(encoder).embed(TEXTS, cached=False, keep=False).vectors

    alone = vectors(folder, layer=1)
    assert together.shape == (2, len(TEXTS), 32)
    assert alone[0] == pytest.approx(together[0], abs=1e-6)
    for vector, states in zip(alone[0], states_by_transformers(folder), strict=True):
        expected = states[1][1:].mean(0) if len(states[1]) > 1 else states[1][0]
        assert vector == pytest.approx(expected.numpy(), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_bf16_is_near(tmp_path, kind):
    folder = model_folder(tmp_path, kind)
    exact, rounded = vectors(folder, layer=2)[0], vectors(folder, layer=2, precision="bf16")[0]

    assert not np.array_equal(exact, rounded)
    assert np.abs(exact - rounded).max() < 0.03 * np.abs(exact).max()


def test_no_position_is_padding():
    tokens = load("stories260k").tokenize(TEXTS)
    batches = batches_of_one_length(tokens)

    assert sorted(row for batch in batches for row in batch.rows.tolist()) == list(range(len(TEXTS)))
    assert all(len(set(batch.lengths.tolist())) == 1 for batch in batches)


def test_a_gguf_file_is_read(tmp_path):
    write_gguf(tmp_path / "model.gguf")

    assert np.isfinite(vectors(tmp_path / "model.gguf", ["the heart"])).all()


def test_the_fingerprint_is_that_of_the_content(tmp_path):
    first = load(model_folder(tmp_path / "one", "bert"))
    second_folder = model_folder(tmp_path / "two", "bert")
    torch.manual_seed(4)  # of the pooler, which the files lack
    second = load(second_folder)
    assert first.fingerprint == second.fingerprint
    assert first.key(2) == second.key(2)

    model = transformers.AutoModel.from_pretrained(tmp_path / "two")
    with torch.no_grad():
        model.encoder.layer[0].output.dense.bias[3] += 1
    model.save_pretrained(tmp_path / "two")

    changed = load(tmp_path / "two")
    assert changed.fingerprint != first.fingerprint
    keys = [first.key(2), first.key(1), load(tmp_path / "one", pooling="last").key(2), changed.key(2)]
    keys += [load(tmp_path / "one", precision="bf16").key(2), load(tmp_path / "one", max_length=31).key(2)]
    assert len(set(keys)) == 6


# --- refusals ---------------------------------------------------------------------------------------------------------


def refused(model, **settings) -> str:
    with pytest.raises(UserError) as caught:
        load(model, **settings)
    return str(caught.value)


def test_what_the_model_cannot_do(tmp_path):
    folder = model_folder(tmp_path / "bert", "bert")

    assert "has 2 layers, and layer is 3" in refused(folder, layer=3)
    assert "reads at most 64 tokens, and max_length is 65" in refused(folder, max_length=65)
    assert "encoder-decoder" in refused(model_folder(tmp_path / "t5", "t5"))


def test_an_encoder_cannot_predict_text(tmp_path):
    folder = model_folder(tmp_path, "bert")
    transformers.AutoModel.from_pretrained(folder).save_pretrained(folder)

    with pytest.raises(UserError, match="has no output layer, so it cannot predict text"):
        sources.load_weights(str(folder))


# --- sentence-transformers' files -------------------------------------------------------------------------------------


def write_modules(folder: Path, types: list[str], pooling: dict, length: int | None = None) -> None:
    paths = {"Transformer": "", "Pooling": "1_Pooling"}
    modules = [
        {"idx": index, "name": str(index), "path": paths.get(name, f"{index}_{name}"), "type": f"some.models.{name}"}
        for index, name in enumerate(types)
    ]
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    if length:
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": length}))


def test_a_folder_says_how_its_texts_are_read(tmp_path):
    folder = model_folder(tmp_path, "bert")
    write_modules(folder, ["Transformer", "Pooling", "Normalize"], {"pooling_mode_cls_token": True}, length=12)
    assert read_pooling(folder) == Pooling("first", True, 12)

    own = vectors(folder, max_length=None)[0]

    first = states_by_transformers(folder, [TEXTS[2]])[0][-1][0].numpy()
    assert own[2] == pytest.approx(first / np.linalg.norm(first), rel=1e-4, abs=1e-5)
    assert own[3] == pytest.approx(vectors(folder, [TEXTS[3]], max_length=12, pooling="auto")[0, 0], abs=1e-6)


def test_naming_the_pooling_changes_nothing_else(tmp_path):
    folder = model_folder(tmp_path, "bert")
    write_modules(folder, ["Transformer", "Pooling", "Normalize"], {"pooling_mode_mean_tokens": True}, length=12)

    by_files, named = (load(folder, pooling=pooling, max_length=None) for pooling in ("auto", "mean"))

    assert named.pooling == by_files.pooling == Pooling("mean", True, 12)
    assert named.key(2) == by_files.key(2), "in the cache, too"
    assert load(folder, pooling="first", max_length=None).pooling == Pooling("first", True, 12)


@pytest.mark.parametrize(
    ("pooling", "mode"),
    [({"pooling_mode": "lasttoken"}, "last"), ({"pooling_mode_mean_tokens": True}, "mean"), ({}, "mean")],
)
def test_old_and_new_names_of_pooling(tmp_path, pooling, mode):
    write_modules(tmp_path, ["Transformer", "Pooling"], pooling)

    assert read_pooling(tmp_path) == Pooling(mode, False, None)


@pytest.mark.parametrize(
    ("types", "pooling", "said"),
    [
        (["Transformer", "Pooling", "Dense"], {}, "a module Dense"),
        (["Transformer", "Pooling"], {"pooling_mode": "max"}, "pooling by max"),
        (["Transformer", "Pooling"], {"pooling_mode": ["mean", "cls"]}, "pooling by mean and cls"),
    ],
)
def test_what_is_not_supported_is_refused(tmp_path, types, pooling, said):
    write_modules(tmp_path, types, pooling)

    with pytest.raises(UserError, match=f"{said}(.|\n)*Set `pooling`"):
        read_pooling(tmp_path)
    assert read_pooling(tmp_path, "last") == Pooling("last", False, None)


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "modules.json").write_text("{")

    with pytest.raises(UserError, match="missing or damaged"):
        read_pooling(tmp_path)
