from __future__ import annotations

from bakeoff.environment import current_environment, package_version


def test_environment_names_versions_and_machine():
    environment = current_environment()

    assert environment.packages["torch"] == package_version("torch")
    assert environment.threads >= 1
    assert environment.memory_bytes > 1e8
    assert package_version("no-such-package") is None
