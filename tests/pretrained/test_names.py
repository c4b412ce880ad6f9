"""Which packaged models can be used here."""

from __future__ import annotations

import pytest

from bakeoff.pretrained.names import has_small_language_model


@pytest.mark.parametrize(("wheel", "reader", "there"), [(True, True, True), (False, True, False), (True, False, False)])
def test_a_language_model_needs_its_wheel_and_the_package_that_reads_it(monkeypatch, wheel, reader, there):
    monkeypatch.setattr("importlib.metadata.distributions", lambda name: [name] if wheel else [])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if reader else None)

    assert has_small_language_model() is there
