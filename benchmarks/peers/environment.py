"""Description of the machine and of package versions."""

from __future__ import annotations

from typing import Any

from bakeoff.environment import current_environment, package_version

PEERS = ("accelerate", "lm-eval", "llama-cpp-python", "pandas", "fasttext-community")


def environment() -> dict[str, Any]:
    """Return what bakeoff records with a run, and the versions of the installed peers."""
    found = current_environment()
    versions = {name: version for name in PEERS if (version := package_version(name))}
    return {**found.model_dump(mode="json"), "packages": {**found.packages, **versions}}
