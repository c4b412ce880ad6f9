"""Small tables in which columns decide, or are noise, beside texts that tell nothing or all."""

from __future__ import annotations

import dataclasses
import random

from bakeoff.data.row_texts import RowTexts
from bakeoff.data.types import LabeledTexts, SplitTable
from tests.methods.small_data import small_label_table, small_table


def with_columns(table: SplitTable, *, telling: bool, chance: random.Random | None = None) -> SplitTable:
    """Return a table with columns: `country` and `price` tell the label (or the first of several), or nothing."""
    chance = chance or random.Random(7)

    def split(part: LabeledTexts) -> LabeledTexts:
        truth = part.labels if part.label_sets is None else part.sets[:, 0].astype(int).tolist()
        truth = truth if telling else [chance.randint(0, 1) for _ in truth]
        countries = [chance.choice(["de", "fr"] if label else ["us", "br"]) for label in truth]
        prices = [None if chance.random() < 0.1 else f"{chance.gauss(5 * label, 1):.2f}" for label in truth]
        return dataclasses.replace(part, texts=RowTexts(part.texts, {"country": countries, "price": prices}))

    parts = {name: split(getattr(table, name)) for name in ("train", "validation", "test")}
    return dataclasses.replace(table, **parts)


def untelling(table: SplitTable) -> SplitTable:
    """Return a table whose texts are all the same."""
    parts = {name: getattr(table, name) for name in ("train", "validation", "test")}
    same = {name: dataclasses.replace(part, texts=["the film was seen"] * len(part)) for name, part in parts.items()}
    return dataclasses.replace(table, **same)


def columns_decide(*, several: bool = False) -> SplitTable:
    return with_columns(untelling(small_label_table() if several else small_table()), telling=True)


def columns_are_noise() -> SplitTable:
    return with_columns(small_table(), telling=False)
