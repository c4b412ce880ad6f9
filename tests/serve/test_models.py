"""Models are loaded once, evicted when memory is short, and fail with a clear message."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bakeoff import machine
from bakeoff.pretrained.pointer import write_pointer
from bakeoff.runs.checksums import remove_manifest
from bakeoff.serve.errors import ApiError
from bakeoff.serve.models import BYTES_A_WEIGHT, QUANTIZED_BYTES_A_WEIGHT, Models, find_runs
from tests.real_runs import copy_run


@pytest.fixture
def models(sentiment: Path, stories: Path) -> Models:
    return Models(find_runs([sentiment, stories]))


def test_a_model_is_loaded_once(models: Models) -> None:
    linear = models.find("sentiment/linear")

    assert models.classifier(linear) is models.classifier(linear)


def test_the_least_recently_used_model_is_evicted(models: Models, monkeypatch) -> None:
    pretrained, lora = models.find("stories/pretrained"), models.find("stories/lora")
    needed = BYTES_A_WEIGHT * lora.result.total_parameters
    monkeypatch.setattr(machine, "memory_bytes", lambda: 1000 * len(models.loaded))
    models.language_model(pretrained)
    models.classifier(models.find("sentiment/linear"))
    # There is room for one language model only.
    monkeypatch.setattr(
        machine, "available_memory_bytes", lambda: needed - 1 if "stories/pretrained" in models.loaded else needed
    )

    models.language_model(lora)

    assert list(models.loaded) == ["sentiment/linear", "stories/lora"]


def test_nothing_is_evicted_for_a_model_that_would_not_fit_alone(models: Models, monkeypatch) -> None:
    lora = models.find("stories/lora")
    needed = BYTES_A_WEIGHT * lora.result.total_parameters
    monkeypatch.setattr(machine, "memory_bytes", lambda: 1000 * len(models.loaded))
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: needed - 1 - 1000 * len(models.loaded))
    for name in ("majority", "linear"):
        models.loaded[f"sentiment/{name}"] = None

    with pytest.raises(ApiError, match="not enough memory"):
        models.language_model(lora)
    assert list(models.loaded) == ["sentiment/majority", "sentiment/linear"]


def test_a_quantized_model_needs_less_memory(stories: Path, tmp_path: Path, monkeypatch) -> None:
    """Also one that only points at quantized weights."""
    run = copy_run(stories, tmp_path / "stories")
    write_pointer(tmp_path / "int8", "stories260k", "int8")
    write_pointer(run.contestant("pretrained").model, str(tmp_path / "int8"))
    remove_manifest(run.contestant("pretrained").path)
    models = Models(find_runs([run.path]))
    pretrained, lora = models.find("stories/pretrained"), models.find("stories/lora")
    room = QUANTIZED_BYTES_A_WEIGHT * lora.result.total_parameters
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: room)
    monkeypatch.setattr("bakeoff.lm.sources.load_language_model", lambda path: SimpleNamespace(decoder_for=int))

    models.language_model(pretrained)

    with pytest.raises(ApiError, match="not enough memory"):
        models.language_model(lora)


def test_where_parameters_are_unknown_the_files_tell_the_memory(models: Models, monkeypatch) -> None:
    lstm = models.find("sentiment/lstm")
    untold = replace(lstm, result=lstm.result.model_copy(update={"total_parameters": None}))
    monkeypatch.setattr(machine, "memory_bytes", lambda: 0)
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: 2 * lstm.result.model_bytes)

    with pytest.raises(ApiError, match="not enough memory"):
        models.classifier(untold)


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
