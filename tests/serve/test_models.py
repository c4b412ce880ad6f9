"""Models are loaded once, evicted when memory is short, and fail with a clear message."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bakeoff import machine
from bakeoff.serve.errors import ApiError
from bakeoff.serve.models import BYTES_A_WEIGHT, Models, find_runs


@pytest.fixture
def models(sentiment: Path, stories: Path) -> Models:
    return Models(find_runs([sentiment, stories]))


def test_a_model_is_loaded_once(models: Models) -> None:
    linear = models.find("sentiment/linear")

    assert models.classifier(linear) is models.classifier(linear)


def test_the_least_recently_used_model_is_evicted(models: Models, monkeypatch) -> None:
    pretrained, lora = models.find("stories/pretrained"), models.find("stories/lora")
    needed = BYTES_A_WEIGHT * lora.result.total_parameters
    models.language_model(pretrained)
    models.classifier(models.find("sentiment/linear"))
    # There is room for one language model only.
    monkeypatch.setattr(
        machine, "available_memory_bytes", lambda: needed - 1 if "stories/pretrained" in models.loaded else needed
    )

    models.language_model(lora)

    assert list(models.loaded) == ["sentiment/linear", "stories/lora"]


def test_there_is_not_enough_memory(models: Models, monkeypatch) -> None:
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: 1000)

    with pytest.raises(ApiError, match="not enough memory") as error:
        models.language_model(models.find("stories/lora"))
    assert error.value.status == 503


def test_a_damaged_model_is_named_without_its_path(sentiment: Path, tmp_path: Path, caplog) -> None:
    copied = Path(shutil.copytree(sentiment, tmp_path / "copied"))
    (copied / "contestants" / "lstm" / "model" / "classifier.json").write_text("{}")
    models = Models(find_runs([copied]))

    with pytest.raises(ApiError, match="copied/lstm cannot be loaded") as error:
        models.classifier(models.find("copied/lstm"))
    assert error.value.status == 500
    assert str(tmp_path) not in error.value.message
    assert str(tmp_path) in caplog.text
