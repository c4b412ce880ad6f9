"""A linear contestant's plan."""

from __future__ import annotations

from bakeoff.methods import base
from bakeoff.methods.linear import choice
from tests.baking import plan
from tests.methods.small_data import config, small_table

TABLE = small_table()
CONFIG = config({"linear": {}})


def test_a_model_of_many_texts_is_planned_on_a_part_of_them(monkeypatch):
    """A third of the texts costs a third; the number of n-grams is not guessed."""
    whole = plan(CONFIG, TABLE)["linear"]
    monkeypatch.setattr(base, "PLANNED_CHARACTERS", sum(map(len, TABLE.train.texts)) // 3 + 1)

    part = plan(CONFIG, TABLE)["linear"]

    assert part.total_parameters is None
    assert part.notes[0].startswith("Fitted on 40 of 120 texts")
    assert [note for note in whole.notes if not note.startswith("Its n-grams")] == []
    assert whole.model_bytes < 3 * part.model_bytes < 9 * whole.model_bytes


def test_a_plan_on_a_part_chooses_as_a_fit_on_all_texts_does(monkeypatch):
    monkeypatch.setattr(base, "PLANNED_CHARACTERS", sum(map(len, TABLE.train.texts)) // 3 + 1)
    words = sum(len(text.split()) for text in TABLE.train.texts)
    monkeypatch.setattr(choice, "MOST_WORDS_FOR_CHARACTERS", words // 2)  # a third has fewer

    assert "words, which is plenty." in plan(CONFIG, TABLE)["linear"].notes[-1]
