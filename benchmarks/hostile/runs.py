"""Small bake-offs to be attacked, and everything they measured."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bakeoff.runs.folder import RunFolder

_LSTM = {"method": "lstm", "embedding_size": 8, "hidden_size": 8}
_TABLE = {"table": "sentence-polarity", "rows": 300}
_QUICK = {"evaluation": {"resamples": 50}}
_TEXT = {
    "task": "language-model",
    "model": "stories260k",
    "data": {"text": "wikitext-2-part", "fraction": {"train": 0.02, "validation": 0.01, "test": 0.01}},
    "budget": {"tokens": 4000, "evaluations": 3},
    "evaluation": {"context_length": 128, "prompts": ["Once upon a time"], "max_new_tokens": 5, "resamples": 50},
}


@dataclass(frozen=True)
class Kind:
    """A bake-off, and how it is started."""

    values: dict[str, Any]
    processes: int = 1


KINDS: dict[str, Kind] = {
    "classifiers": Kind(
        {
            "task": "classification",
            "data": _TABLE,
            "budget": {"epochs": 3},
            "contestants": {
                "linear": {},
                "lstm": _LSTM,
                "corrector": {**_LSTM, "linear_part": {}},
                "both": {"method": "ensemble", "members": ["linear", "lstm"]},
            },
            **_QUICK,
        }
    ),
    "repeats": Kind(
        {
            "task": "classification",
            "data": _TABLE,
            "repeats": 3,
            "budget": {"epochs": 2, "evaluations": 5},
            "contestants": {"linear": {}, "gru": {**_LSTM, "method": "gru"}},
            **_QUICK,
        }
    ),
    "pretrain": Kind(
        {
            "task": "classification",
            "data": _TABLE,
            "budget": {"epochs": 2},
            "contestants": {"lstm": {**_LSTM, "pretrain": {"text": "unlabeled.txt", "epochs": 3}}},
            **_QUICK,
        }
    ),
    "tune": Kind(
        {
            "task": "classification",
            "data": _TABLE,
            "budget": {"epochs": 2},
            "contestants": {"lstm": {**_LSTM, "tune": {"trials": 4}}},
            **_QUICK,
        }
    ),
    "transformer": Kind(
        {
            "task": "classification",
            "data": _TABLE,
            "budget": {"epochs": 2},
            "contestants": {"transformer": {"model": "stories260k", "max_length": 32}},
            **_QUICK,
        }
    ),
    "language-model": Kind(
        {**_TEXT, "contestants": {"pretrained": {}, "full": {"max_length": 64}, "lora": {"max_length": 64, "r": 2}}}
    ),
    "two-processes": Kind({**_TEXT, "contestants": {"full": {"max_length": 64}}}, processes=2),
}

_SECONDS = re.compile(r"\d s\b")
_TIMES = {"seconds", "total_seconds", "peak_memory_bytes"}


def write_config(kind: Kind, folder: Path) -> Path:
    """Write the config of a kind, and the files that it names."""
    words = ("a", "good", "bad", "fine", "poor", "film", "plot", "scene", "and", "or", "but", "very", "little", "the")
    choose = random.Random(1)
    lines = (" ".join(choose.choices(words, k=12)) for _ in range(300))
    (folder / "unlabeled.txt").write_text("\n".join(lines), encoding="utf-8")
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(kind.values, sort_keys=False), encoding="utf-8")
    return file


def measured(path: Path) -> dict[str, Any]:
    """Return all that a run measured, without what depends on the clock."""
    found: dict[str, Any] = {}
    for contestant in RunFolder(path).contestants():
        for repeat in contestant.repeats():
            steps, epochs = repeat.training_log()
            found[repeat.name] = _without_times(
                {
                    "result": repeat.result().model_dump(),
                    "steps": [line.model_dump() for line in steps],
                    "epochs": [line.model_dump() for line in epochs],
                    "scores": repeat.scores().to_pylist(),
                    "samples": [sample.model_dump() for sample in repeat.samples()],
                    "trials": [trial.model_dump() for trial in repeat.trials()],
                }
            )
    return found


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """Return the places where two measurements differ."""
    if isinstance(found, dict) and isinstance(expected, dict) and found.keys() == expected.keys():
        return [each for key in found for each in differences(found[key], expected[key], f"{where}.{key}")]
    return [] if found == expected else [f"{where}: {str(found)[:80]} instead of {str(expected)[:80]}"]


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(each) for key, each in value.items() if key not in _TIMES}
    if isinstance(value, list):
        return [_without_times(each) for each in value if not (isinstance(each, str) and _SECONDS.search(each))]
    return value
