"""Vectors of texts by the packaged encoder."""

from __future__ import annotations

import pytest

from bakeoff.pretrained.sentence_vectors import text_vectors


def test_a_vector_does_not_depend_on_the_batch():
    together = text_vectors(["A short one.", "A much longer text about the old harbour and its ships.", "?"])

    assert together[:1] == pytest.approx(text_vectors(["A short one."]), abs=1e-5)
    assert (together**2).sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)


def test_of_a_long_text_the_end_counts():
    instruction = "Answer the question. " * 100

    one, other = text_vectors([f"{instruction}Where is the ship?", f"{instruction}Is the bread fresh?"])

    assert one @ other < 0.999
