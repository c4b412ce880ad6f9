"""Every text is computed once, a killed run changes no bit, and the disk is no reason to fail."""

from __future__ import annotations

import os

import numpy as np
import pytest

from bakeoff.methods.embedding import cache, embedder
from bakeoff.methods.embedding.cache import VectorCache, digest
from bakeoff.methods.embedding.embedder import Embedder
from bakeoff.methods.embedding.encoder import load_encoder
from tests.methods.small_data import small_table

TEXTS = small_table(rows=300).train.texts

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def stories(folder):
    encoder = load_encoder("stories260k", pooling="mean", layer=2, max_length=32, precision="fp32")
    return Embedder(encoder)


def forbid(monkeypatch, stories):
    monkeypatch.setattr(stories.encoder, "vectors", lambda *_: pytest.fail("computed again"))


def test_a_text_is_computed_once(stories, monkeypatch):
    first = stories.embed(TEXTS, keep=True)
    assert (first.cached, first.cached_seconds) == (0, 0)
    forbid(monkeypatch, stories)

    again = stories.embed(TEXTS[::-1])

    assert np.array_equal(again.vectors, first.vectors[:, ::-1])
    assert again.cached == len(TEXTS)
    assert 0 < again.cached_seconds <= first.seconds
    assert stories.uncached([*TEXTS, "new"]) == ["new"]


def test_a_few_texts_outside_of_a_fit_are_not_kept(stories, folder):
    stories.embed(TEXTS[: embedder.KEPT_TEXTS - 1])
    assert not folder.exists()

    stories.embed(TEXTS[: embedder.KEPT_TEXTS])

    assert stories.uncached(TEXTS) == [text for text in TEXTS if text not in TEXTS[: embedder.KEPT_TEXTS]]


def test_a_killed_run_goes_on_with_the_same_bits(stories, folder, monkeypatch):
    whole = stories.embed(TEXTS, keep=False).vectors
    monkeypatch.setattr(embedder, "_KEEPING_SECONDS", 0.0)

    def stop(share):
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stories.embed(TEXTS, keep=True, report=stop)
    rest = stories.embed(TEXTS, keep=True)

    assert 0 < rest.cached < len(TEXTS)
    assert np.array_equal(rest.vectors, whole)


def test_a_damaged_file_is_computed_again(stories, folder):
    first = stories.embed(TEXTS, keep=True)
    for path in folder.rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:100])

    again = stories.embed(TEXTS, keep=True)

    assert again.cached == 0
    assert np.array_equal(again.vectors, first.vectors)


def test_a_disk_that_cannot_be_written_is_no_reason_to_fail(stories, folder):
    folder.write_text("a file where the folder should be")

    assert np.isfinite(stories.embed(TEXTS, keep=True).vectors).all()


def test_what_rested_longest_makes_room(folder, monkeypatch):
    monkeypatch.setattr(cache, "MOST_BYTES", 10_000)
    names = [[digest(f"{part} {row}") for row in range(50)] for part in range(3)]
    kept = VectorCache(b"one")
    for age, part in enumerate(names[:2]):
        kept.write(part, np.full((50, 20), age, dtype=np.float32), 1.0)
        (newest,) = [path for path in folder.rglob("*.safetensors") if path.stat().st_mtime > 1_000_000]
        os.utime(newest, (1000 + age, 1000 + age))
    kept.read(names[0])  # now the other one rested longer

    kept.write(names[2], np.zeros((50, 20), dtype=np.float32), 1.0)

    assert [len(kept.read(part)[0]) for part in names] == [50, 0, 50]


def test_the_digest_of_parts_is_not_that_of_their_join():
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
    assert digest("\ud800") == digest("\ud800")  # half a character, as broken files have it
