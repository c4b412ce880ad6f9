"""Model cards are read back with the Hub's own library, and their code runs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from transformers import AutoModelForCausalLM

from bakeoff.methods.setfit.config import SetFitConfig
from bakeoff.methods.setfit.learner import SetFitLearner
from bakeoff.report.model_card import model_card, write_model_card
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from tests.methods.small_data import small_table
from tests.methods.small_transformers import model_folder


def with_result(folder: ContestantFolder, copy: Path, **values: Any) -> ContestantFolder:
    """Copy a contestant whose result has other values."""
    changed = ContestantFolder(shutil.copytree(folder.path, copy))
    changed.write_result(folder.result().model_copy(update=values))
    return changed


def test_the_hub_reads_every_metric(run: RunFolder) -> None:
    for folder in run.contestants():
        card = ModelCard(model_card(folder, run), ignore_metadata_errors=False)
        metrics = folder.result().metrics
        assert [result.metric_type for result in card.data.eval_results] == [metric.name for metric in metrics]
        for result, metric in zip(card.data.eval_results, metrics, strict=True):
            assert result.metric_value == pytest.approx(metric.value, abs=1e-6)
            assert metric.protocol in result.metric_name
            assert result.dataset_split == metric.split


def test_every_seed_has_the_card_of_its_own_result(classification_run: RunFolder) -> None:
    first, second = classification_run.contestant("lstm").repeats()

    for folder, seed in ((first, 12), (second, 13)):
        text = (folder.model / "README.md").read_text(encoding="utf-8")
        assert f"seed {seed})" in text
        assert text == model_card(folder, classification_run)


def test_the_code_of_every_card_runs(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in run.contestants():
        text = (folder.model / "README.md").read_text(encoding="utf-8")
        (snippet,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        exec(snippet.replace("path/to/this/folder", str(folder.model)))
        assert capsys.readouterr().out.strip()


def test_a_card_says_who_loads_the_model(classification_run: RunFolder, language_model_run: RunFolder) -> None:
    libraries = {
        folder.name: ModelCard.load(folder.model / "README.md").data.library_name
        for run in (classification_run, language_model_run)
        for folder in run.contestants()
    }
    own = dict.fromkeys(("majority", "linear", "lstm", "both", "pretrained"), "bakeoff")

    assert libraries == own | {"full": "transformers", "lora": "peft", "lora-lab": "peft"}
    for name in ("majority", "linear", "lstm", "both"):
        card = (classification_run.contestant(name).model / "README.md").read_text(encoding="utf-8")
        assert "bakeoff's own format" in card
        assert "transformers" not in card
        assert "peft" not in card
    assert AutoModelForCausalLM.from_pretrained(language_model_run.contestant("full").model)


def test_the_training_is_told_without_tokens_where_there_are_none(classification_run: RunFolder) -> None:
    cards = {folder.name: model_card(folder, classification_run) for folder in classification_run.contestants()}

    assert re.search(
        r"parameters were trained in \S+ ?\S* ?\S* s on [\d,]+ words with \d+ optimizer steps", cards["lstm"]
    )
    assert re.search(r"parameters were trained in .* s \(fp64, seed 12\)", cards["linear"])
    assert "No parameters were trained." in cards["majority"]
    for card in cards.values():
        assert not re.search(r"\b0 (words|tokens|optimizer steps)\b", card)


def test_a_card_counts_all_parameters_where_they_are_known(classification_run: RunFolder, tmp_path: Path) -> None:
    linear = classification_run.contestant("linear")
    untold = with_result(linear, tmp_path / "untold", total_parameters=None)

    assert re.search(
        r"^\S+( k)? of \S+( k)? parameters were trained", model_card(linear, classification_run), re.MULTILINE
    )
    assert re.search(r"^\S+( k)? parameters were trained", model_card(untold, classification_run), re.MULTILINE)


def test_a_method_of_somebody_else_may_have_any_setting(classification_run: RunFolder, tmp_path: Path) -> None:
    settings = {"method": "theirs", "model": "a/b", "tuning": None, "pretrain": True, "members": 3}
    folder = with_result(
        classification_run.contestant("linear"), tmp_path / "theirs", method="theirs", settings=settings, description=""
    )
    card = ModelCard(model_card(folder, classification_run))

    assert card.data.base_model is None
    assert "It was one contestant" in card.text
    assert "members: 3" in card.text


def test_probabilities_that_another_library_gives_are_not_calibrated(
    classification_run: RunFolder, tmp_path: Path
) -> None:
    linear = classification_run.contestant("linear")
    calibration = linear.result().calibration.model_copy(update={"temperature": 1.25})
    folder = with_result(linear, tmp_path / "transformer", calibration=calibration)
    assert "divide the logits" not in model_card(folder, classification_run)

    (folder.model / "config.json").write_text("{}")

    assert "divide the logits by 1.2500 first" in model_card(folder, classification_run)


def test_a_network_with_a_linear_part_is_not_the_classifier_to_other_libraries(
    classification_run: RunFolder, tmp_path: Path
) -> None:
    folder = with_result(classification_run.contestant("linear"), tmp_path / "transformer")
    (folder.model / "config.json").write_text("{}")
    assert ModelCard(model_card(folder, classification_run)).data.library_name == "transformers"

    (folder.model / "linear_part").mkdir()

    assert ModelCard(model_card(folder, classification_run)).data.library_name == "bakeoff"


def test_the_folder_of_setfit_is_not_the_classifier_to_other_libraries(
    classification_run: RunFolder, tmp_path: Path
) -> None:
    config = SetFitConfig(model=str(model_folder(tmp_path / "bert", "bert")))
    (tmp_path / "saved").mkdir()
    SetFitLearner(small_table(rows=8), config, seed=1).save_model(tmp_path / "saved", {})
    assert (tmp_path / "saved" / "config.json").exists()
    linear = classification_run.contestant("linear")
    calibration = linear.result().calibration.model_copy(update={"temperature": 1.25})

    card = ModelCard(model_card(with_result(linear, tmp_path / "setfit", calibration=calibration), classification_run,
                                tmp_path / "saved"))  # fmt: skip

    assert card.data.library_name == "bakeoff"
    assert "transformers" not in card.text
    assert "divide the logits" not in card.text


@pytest.mark.parametrize("temperature", [1.0, 1.25])
def test_each_of_several_labels_has_a_temperature_and_a_threshold(
    classification_run: RunFolder, tmp_path: Path, temperature: float
) -> None:
    linear = classification_run.contestant("linear")
    result = linear.result()
    folder = with_result(
        linear,
        tmp_path / "transformer",
        multilabel=True,
        calibration=result.calibration.model_copy(update={"temperature": 1.0}),  # the median of all labels
        classes=[score.model_copy(update={"temperature": temperature, "threshold": 0.3}) for score in result.classes],
    )
    card = model_card(folder, classification_run)
    assert '(["A text to classify"])[0].labels)' in card
    assert "threshold" not in card

    (folder.model / "config.json").write_text("{}")

    card = model_card(folder, classification_run)
    assert "divide the logits" not in card
    assert ("divide the logit of each label" in card) == (temperature != 1)
    assert "reach their own thresholds (`thresholds` in `classifier.json`)" in card


def test_known_models_keep_their_name_and_license(language_model_run: RunFolder, tmp_path: Path) -> None:
    folder = with_result(language_model_run.contestant("lora"), tmp_path / "lora", pretrained_model="smollm2-135m")
    data = ModelCard(model_card(folder, language_model_run)).data

    assert (data.base_model, data.license) == ("HuggingFaceTB/SmolLM2-135M-Instruct", "apache-2.0")
    assert (data.datasets, data.pipeline_tag) == (["Salesforce/wikitext"], "text-generation")


def test_a_classifier_claims_no_base_model_and_no_license(classification_run: RunFolder) -> None:
    text = model_card(classification_run.contestant("lstm"), classification_run)
    data = ModelCard(text).data

    assert (data.base_model, data.license, data.library_name) == (None, "unknown", "bakeoff")
    assert "license of the base model" not in text


@pytest.mark.parametrize(
    ("model", "base"),
    [("someone/their-model", "someone/their-model"), ("models/local.gguf", None), ("a/b/c", None)],
)
def test_only_names_of_the_hub_become_base_models(
    language_model_run: RunFolder, tmp_path: Path, model: str, base: str | None
) -> None:
    folder = with_result(language_model_run.contestant("full"), tmp_path / "full", pretrained_model=model)
    text = model_card(folder, language_model_run)
    data = ModelCard(text).data

    assert (data.base_model, data.license) == (base, "unknown")
    assert f"The base model is `{Path(model).name}`" in text
    assert "license of the base model" in text


def test_no_model_means_no_card(language_model_run: RunFolder, tmp_path: Path) -> None:
    folder = ContestantFolder(tmp_path / "lora")
    folder.write_result(language_model_run.contestant("lora").result())

    write_model_card(folder, language_model_run)

    assert not folder.model.exists()
