"""Train small text models head to head on your own data and get an answer you can defend.

    from pathlib import Path
    import bakeoff

    outcome = bakeoff.run("sentiment")
    print(outcome.verdict.summary[0])
    classifier = bakeoff.load_classifier(outcome.folder, contestant="lstm")
    classifier.predict(["A fine film"])
    bakeoff.load_language_model("gpt2").perplexity(Path("wiki.test.raw"), protocol="window")

Names are imported when they are first used: torch is slow to load, and must be loaded after the machine is prepared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bakeoff.errors import UserError

if TYPE_CHECKING:
    from bakeoff.comparing import compare
    from bakeoff.config.init import init
    from bakeoff.config.load import load_config
    from bakeoff.lm.sources import LanguageModel, load_language_model
    from bakeoff.planner import plan
    from bakeoff.runner import RunOutcome, resume, run
    from bakeoff.scikit_learn import BakeoffClassifier
    from bakeoff.tasks.classifier import Classifier, load_classifier

__all__ = [
    "BakeoffClassifier",
    "Classifier",
    "LanguageModel",
    "RunOutcome",
    "UserError",
    "compare",
    "init",
    "load_classifier",
    "load_config",
    "load_language_model",
    "plan",
    "resume",
    "run",
]

_HOMES = {
    "BakeoffClassifier": "bakeoff.scikit_learn",
    "Classifier": "bakeoff.tasks.classifier",
    "LanguageModel": "bakeoff.lm.sources",
    "RunOutcome": "bakeoff.runner",
    "compare": "bakeoff.comparing",
    "init": "bakeoff.config.init",
    "load_classifier": "bakeoff.tasks.classifier",
    "load_language_model": "bakeoff.lm.sources",
    "load_config": "bakeoff.config.load",
    "plan": "bakeoff.planner",
    "resume": "bakeoff.runner",
    "run": "bakeoff.runner",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bakeoff' has no attribute '{name}'")
    from importlib import import_module

    from bakeoff import machine

    machine.prepare()
    return getattr(import_module(_HOMES[name]), name)
