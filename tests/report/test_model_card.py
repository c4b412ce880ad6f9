"""Model cards are read back with the hub's own library."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from bakeoff.report.model_card import model_card, write_model_card
from bakeoff.runs.folder import ContestantFolder, RunFolder


def test_the_hub_reads_every_figure(run: RunFolder) -> None:
    for folder in run.contestants():
        card = ModelCard(model_card(folder, run), ignore_metadata_errors=False)
        metrics = folder.result().metrics
        assert [found.metric_type for found in card.data.eval_results] == [metric.name for metric in metrics]
        for found, metric in zip(card.data.eval_results, metrics, strict=True):
            assert found.metric_value == pytest.approx(metric.value, abs=1e-6)
            assert metric.protocol in found.metric_name
            assert found.dataset_split == metric.split


def test_known_models_keep_their_name_and_licence(language_model_run: RunFolder) -> None:
    data = ModelCard(model_card(language_model_run.contestant("lora"), language_model_run)).data
    assert (data.base_model, data.license) == ("HuggingFaceTB/SmolLM2-135M-Instruct", "apache-2.0")
    assert (data.datasets, data.pipeline_tag) == (["Salesforce/wikitext"], "text-generation")


def test_a_classifier_claims_no_base_model_and_no_licence(classification_run: RunFolder) -> None:
    data = ModelCard(model_card(classification_run.contestant("lstm"), classification_run)).data
    assert (data.base_model, data.license, data.library_name) == (None, "unknown", "bakeoff")


@pytest.mark.parametrize(
    ("model", "base"),
    [("someone/their-model", "someone/their-model"), ("models/local.gguf", None), ("a/b/c", None)],
)
def test_only_names_of_the_hub_become_base_models(
    language_model_run: RunFolder, tmp_path: Path, model: str, base: str | None
) -> None:
    elsewhere = RunFolder(tmp_path / "copy")
    elsewhere.write_config_file(language_model_run.config_values() | {"model": model})
    elsewhere.write_data(language_model_run.data())
    elsewhere.write_environment(language_model_run.environment())
    text = model_card(language_model_run.contestant("full"), elsewhere)
    data = ModelCard(text).data
    assert (data.base_model, data.license) == (base, "unknown")
    assert "license of the base model" in text


def test_adapters_say_so_and_no_model_means_no_card(language_model_run: RunFolder, tmp_path: Path) -> None:
    original = language_model_run.contestant("lora")
    folder = ContestantFolder(tmp_path / "lora")
    folder.write_result(original.result())
    write_model_card(folder, language_model_run)
    assert not folder.model.exists()
    folder.model.mkdir()
    (folder.model / "adapter_config.json").write_text("{}")
    write_model_card(folder, language_model_run)
    assert ModelCard.load(folder.model / "README.md").data.library_name == "peft"
