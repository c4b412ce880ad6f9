"""The stages that benchmarks/rows.py measures."""

from __future__ import annotations

import types
from itertools import count
from pkgutil import resolve_name

import pytest

import rows


@pytest.mark.parametrize("name", [name for names in rows.WATCHED.values() for name in names])
def test_what_is_watched_exists(name):
    assert callable(resolve_name(name))


def test_a_function_inside_another_counts_for_its_own_stage(monkeypatch):
    module = types.SimpleNamespace(inner=lambda: None, outer=lambda: module.inner())
    monkeypatch.setattr("importlib.import_module", lambda name: module)
    monkeypatch.setattr(rows, "time", types.SimpleNamespace(process_time=count().__next__))
    clock = rows.Clock()
    clock.watch("inside", "module:inner")
    clock.watch("around", "module:outer")

    with clock.running():
        module.outer()

    assert clock.seconds == {"other": 2, "around": 2, "inside": 1}
    assert set(clock.memory) >= {"inside", "around"}
