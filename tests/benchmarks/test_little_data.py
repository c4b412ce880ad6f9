"""What the benchmark of small tables counts, on draws whose answers are known."""

from __future__ import annotations

from typing import Any

from comparison.panel_tables import read_rows
from little_data import summary


def line(name: str, values: list[float], change: tuple[float, float]) -> dict[str, Any]:
    points = [{"rows": rows, "value": value} for rows, value in zip([100, 400], values, strict=True)]
    forecast = {"low": 0.7, "high": 0.8, "change_low": change[0], "change_high": change[1]}
    return {"name": name, "points": points, "forecast": forecast}


def draw(interval: tuple[float, float], crossing: tuple[int | None, int | None]) -> dict[str, Any]:
    return {
        "intervals": {"a": [0.6, *interval], "b": [0.5, 0.4, 0.6]},
        "pairs": [{"better": "a", "worse": "b", "low": 0.05, "high": 0.2, "distinguishable": True}],
        "fold": {"a": 0.6, "b": 0.5},
        "kept": {"a": 0.7, "b": 0.5},
        "curve": {
            "lines": [line("a", [0.4, 0.6], (0.0, 0.2)), line("b", [0.5, 0.5], (0.0, 0.01))],
            "crossings": [{"below": "b", "above": "a", "rows": 200, "interval": crossing}],
        },
        "after": {"a": [0.7, 0.75], "b": [0.55, 0.55]},
    }


def test_what_was_promised_is_held_against_what_happened() -> None:
    found = summary([draw((0.55, 0.65), (150, 300)), draw((0.65, 0.75), (250, None))])
    assert found == {
        "folds: accuracy": "75% of 4",
        "of the kept model": "75% of 4",
        "width": "15.0",
        "folds: difference": "100% of 2",
        "told apart": "100% of 2",
        "forecast: same texts": "50% of 4",
        "other texts": "50% of 4",
        "width of the change": "10.5",
        "gain": "7.5",
        "crossing": "50% of 2",
    }


def test_articles_are_a_table_of_twenty_classes() -> None:
    rows = read_rows("articles", None)
    assert len({label for _, label in rows}) == 20
    assert len(rows) > 6000
    assert all(6 <= len(text.split()) <= 40 for text, _ in rows)
