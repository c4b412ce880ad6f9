from __future__ import annotations

import pytest

from bakeoff import native
from bakeoff.environment import current_environment, other_circumstances, package_version


def test_environment_names_versions_and_machine():
    environment = current_environment()

    assert environment.packages["torch"] == package_version("torch")
    assert environment.threads >= 1
    assert environment.memory_bytes > 1e8
    assert package_version("no-such-package") is None


@pytest.mark.parametrize("compiled", [True, False])
def test_kernels_in_c_are_recorded_and_matter_in_bf16(monkeypatch, compiled):
    monkeypatch.setattr(native, "available", lambda: compiled)
    environment = current_environment()
    assert environment.compiled_kernels is compiled
    assert other_circumstances(environment, "bf16") is None

    monkeypatch.setattr(native, "available", lambda: not compiled)

    assert other_circumstances(environment, "fp32") is None
    noted = "without the kernels in C for bf16" if compiled else "with the kernels in C for bf16"
    assert other_circumstances(environment, "bf16") == noted
    older = environment.model_copy(update={"compiled_kernels": None})  # of a version that did not record it
    assert other_circumstances(older, "bf16") is None
