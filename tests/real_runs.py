"""Small bake-offs that many tests look at. `tests/conftest.py` runs each of them once per session."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from bakeoff.runs.folder import RunFolder

SENTIMENT = {
    "task": "classification",
    "data": {"table": "sentence-polarity", "rows": 600},
    "budget": {"epochs": 3},
    "contestants": {
        "majority": {},
        "linear": {},
        "lstm": {"embedding_size": 16, "hidden_size": 16},
        "lstm-lab": {"embedding_size": 8, "hidden_size": 8, "batch_size": 32},
    },
    "evaluation": {"resamples": 200},
}
LANGUAGE_MODEL = {
    "task": "language-model",
    "model": "stories260k",
    "data": {"text": "wikitext-2-part", "fraction": {"train": 0.02, "validation": 0.01, "test": 0.01}},
    "budget": {"tokens": 8000, "evaluations": 2},
    "contestants": {
        "pretrained": {},
        "full": {"max_length": 128, "learning_rate": 1e-3},
        "lora": {"max_length": 128, "learning_rate": 1e-2, "r": 4, "lora_dropout": 0.1},
        "lora-lab": {"max_length": 128, "warmup": 2},
    },
    "evaluation": {
        "protocols": ["document", "window", "lab"],
        "context_length": 256,
        "prompts": ["Once upon a time", "The <script>alert(1)</script> river"],
        "max_new_tokens": 20,
        "resamples": 200,
    },
    "precision": "fp32",
}


def write_config_file(path: Path, values: dict[str, Any]) -> Path:
    """Write a config as YAML and return its path."""
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def copy_run(run: Path, copy: Path) -> RunFolder:
    """Copy a finished run, for a test that changes it."""
    return RunFolder(shutil.copytree(run, copy))
