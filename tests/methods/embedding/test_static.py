"""A static model: what is distilled, what a text's vector is, and that it is one of model2vec's format."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import tokenizers
from safetensors.numpy import load_file

from bakeoff.methods.embedding.distillation import _around_texts, distill
from bakeoff.methods.embedding.embedder import Embedder
from bakeoff.methods.embedding.encoder import load_encoder
from bakeoff.methods.embedding.static import StaticEncoder
from tests.methods.small_data import small_table
from tests.methods.small_transformers import model_folder, story_tokenizer, word_tokenizer

TEXTS = ["", " \n", "fine", "unheard fine", "the film , and its plot .", *small_table().test.texts]

pytestmark = pytest.mark.usefixtures("one_thread")


def load(model):
    return load_encoder(str(model), pooling="mean", layer="auto", max_length=None, precision="fp32", normalize=False)


def random_table(tokenizer) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(max(tokenizer.get_vocab().values()) + 1, 8)).astype(np.float32)


@pytest.mark.parametrize("make", [word_tokenizer, story_tokenizer])
def test_a_text_s_vector_is_the_sum_of_its_tokens(make):
    tokenizer = make()
    table = random_table(tokenizer)
    unknown = tokenizer.unk_token_id
    table[unknown] = 0

    vectors = StaticEncoder(table, tokenizer.backend_tokenizer).embed(TEXTS)

    for text, vector in zip(TEXTS, vectors, strict=True):
        ids = [
            id for word in text.split() for id in tokenizer.backend_tokenizer.encode(word, add_special_tokens=False).ids
        ]
        total = table[ids].sum(axis=0)
        assert vector == pytest.approx(total / max(np.linalg.norm(total), 1e-9), abs=1e-5)


def test_a_vector_does_not_depend_on_earlier_texts_or_on_how_words_are_looked_up():
    encoder = StaticEncoder(random_table(word_tokenizer()), word_tokenizer().backend_tokenizer)
    assert encoder._joined
    first = encoder.embed(TEXTS)

    alone = np.concatenate([encoder.embed([text]) for text in TEXTS])
    encoder._known.clear()
    encoder._joined = False
    each = encoder.embed(TEXTS)

    assert alone == pytest.approx(first, abs=1e-6)
    assert each == pytest.approx(first, abs=1e-6)


def test_many_words_are_forgotten(monkeypatch):
    monkeypatch.setattr("bakeoff.methods.embedding.static._MOST_WORDS", 5)
    encoder = StaticEncoder(random_table(word_tokenizer()), word_tokenizer().backend_tokenizer)
    before = encoder.embed(TEXTS)

    assert encoder.embed(TEXTS) == pytest.approx(before, abs=1e-6)
    assert encoder.embed(TEXTS[:3]) == pytest.approx(before[:3], abs=1e-6)
    assert len(encoder._known) < 5


def test_the_tokens_around_a_text(tmp_path):
    assert _around_texts(load(model_folder(tmp_path, "bert"))) == ([2], [3])
    assert _around_texts(load("stories260k")) == ([], [])


def test_distilling_keeps_what_is_seen_of_the_states(tmp_path):
    """With all components and no weights, distances between tokens are those of the encoder's vectors."""
    encoder = load(model_folder(tmp_path, "bert"))
    static, seconds = distill(encoder)
    again, _ = distill(encoder)

    assert seconds > 0
    assert np.array_equal(static.vectors, again.vectors)
    assert not static.vectors[encoder.tokenizer.all_special_ids].any()
    kept = [id for id in range(len(static.vectors)) if id not in encoder.tokenizer.all_special_ids]
    rank = np.arange(2, len(kept) + 2)
    weights = 1e-4 / (1e-4 + (1 / rank) / (1 / rank).sum())
    tokens = encoder.tokenizer.convert_ids_to_tokens(kept)
    states = Embedder(encoder).embed(tokens, cached=False, keep=False).vectors[-1]
    own = static.vectors[kept] / weights[:, None]
    distances = np.linalg.norm(states[:, None] - states[None], axis=-1)
    assert np.linalg.norm(own[:, None] - own[None], axis=-1) == pytest.approx(distances, rel=0.02, abs=0.02)


def test_it_is_saved_as_model2vec_saves_and_loads_without_torch(tmp_path):
    static, _ = distill(load(model_folder(tmp_path / "model", "bert")))
    static.save(tmp_path / "static")

    assert np.array_equal(StaticEncoder.load(tmp_path / "static").embed(TEXTS), static.embed(TEXTS))
    assert load_file(tmp_path / "static" / "model.safetensors")["embeddings"].dtype == np.float16
    assert json.loads((tmp_path / "static" / "config.json").read_text())["model_type"] == "model2vec"
    assert tokenizers.Tokenizer.from_file(str(tmp_path / "static" / "tokenizer.json")).get_vocab_size() == len(
        static.vectors
    )
    code = f"""
import sys
from pathlib import Path
from bakeoff.methods.embedding.static import StaticEncoder
StaticEncoder.load(Path({str(tmp_path / "static")!r})).embed(["a fine film"])
print([name for name in ("torch", "transformers", "sklearn") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
