"""README.md in a contestant's model/: metadata in the Hugging Face Hub's format, then prose."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import EvalResult, ModelCardData
from markupsafe import Markup

from bakeoff.evaluation.metrics import documents
from bakeoff.methods.embedding.config import REGRESSION
from bakeoff.methods.linear_part.config import LINEAR_PART
from bakeoff.report.explanations import protocol_of, title_of
from bakeoff.report.rendering import markdown_environment
from bakeoff.report.safe_text import one_line
from bakeoff.report.tables import main_metrics, settings_rows
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import ContestantResult, MetricValue
from bakeoff.runs.writing import write_text

Library = Literal["bakeoff", "transformers", "peft"]

# Packaged and well-known names -> name on the Hub and license.
_KNOWN_MODELS = {
    "minilm-l6": ("sentence-transformers/all-MiniLM-L6-v2", "apache-2.0"),
    "smollm2-135m": ("HuggingFaceTB/SmolLM2-135M-Instruct", "apache-2.0"),
    "gpt2": ("openai-community/gpt2", "mit"),
    "openai-community/gpt2": ("openai-community/gpt2", "mit"),
    "stories260k": (None, "mit"),
}
_KNOWN_DATA = {"wikitext-2": "Salesforce/wikitext", "wikitext-2-part": "Salesforce/wikitext"}
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def write_model_card(folder: ContestantFolder, run: RunFolder) -> None:
    """Write model/README.md from the result. Does nothing if the contestant left no model."""
    if folder.model.is_dir():
        write_text(folder.model / "README.md", model_card(folder, run))


def model_card(folder: ContestantFolder, run: RunFolder, files: Path | None = None) -> str:
    """Return the text of a card, which claims nothing that was not measured.

    Args:
        files: The folder with the model, if it is not the contestant's own.
    """
    result, config, data = folder.result(), run.config_values(), run.data()
    name = f"{config.get('name') or run.path.resolve().name}-{result.name}"
    library = _library(files or folder.model)
    source = _source(config["data"], result.task)
    metadata = _metadata(name, result, source, library)
    yaml = "\n".join(line for line in metadata.to_yaml().splitlines() if line.strip())
    return (
        markdown_environment()
        .get_template("model_card.md")
        .render(
            name=name,
            metadata=Markup(yaml),
            result=result,
            features=Markup(repr({name: ["..."] for name in result.columns})),
            description=Markup(one_line(result.description)),
            base_model=Path(result.pretrained_model).name if result.pretrained_model else None,
            unknown_license=bool(result.pretrained_model) and metadata.license == "unknown",
            library=library,
            calibrated=_is_calibrated(result),
            data=data,
            data_source=_file_names(data.source),
            metrics=[
                [title_of(metric), protocol_of(metric), f"{metric.value:.4f}", _interval(metric)]
                for metric in main_metrics(result)
            ],
            measured_on=documents(result.metrics[0]),
            settings=settings_rows(result.settings),
            command=shlex.join(run.environment().command),
        )
    )


def _source(data: dict[str, Any], task: str) -> str | None:
    """Return the one source of the data, or None where each split has a file of its own."""
    source = data.get("table" if task == "classification" else "text") or data.get("examples")
    return source if isinstance(source, str) else None


def _file_names(source: str) -> str:
    """Return the name of a source, or of several that are joined by commas, without their folders."""
    return ", ".join(Path(part).name for part in source.split(", "))


def _library(model: Path) -> Library:
    """Return the library that loads the files of a model's folder."""
    if any((model / part).exists() for part in (LINEAR_PART, "columns", REGRESSION)):
        return "bakeoff"  # to others it is the folder of a network alone
    if (model / "adapter_config.json").exists():
        return "peft"
    return "transformers" if (model / "config.json").exists() else "bakeoff"


def _is_calibrated(result: ContestantResult) -> bool:
    """Return whether the logits are divided by other temperatures than 1."""
    if result.multilabel:
        return any(score.temperature not in (None, 1) for score in result.classes)
    return result.calibration is not None and result.calibration.temperature != 1


def _metadata(name: str, result: ContestantResult, source: str | None, library: Library) -> ModelCardData:
    base_model = result.pretrained_model
    base, license = _KNOWN_MODELS.get(base_model or "", (_hub_id(base_model), "unknown"))
    dataset = _KNOWN_DATA.get(source or "") or _hub_id(source)
    return ModelCardData(
        model_name=name,
        license=license,
        library_name=library,
        pipeline_tag=_pipeline(result),
        base_model=base,
        datasets=[dataset] if dataset else None,
        tags=["bakeoff"],
        eval_results=[_eval_result(metric, result, source or "own data", dataset) for metric in result.metrics],
    )


def _pipeline(result: ContestantResult) -> str:
    return "text-generation" if result.task == "language-model" else "text-classification"


def _eval_result(metric: MetricValue, result: ContestantResult, source: str, dataset: str | None) -> EvalResult:
    return EvalResult(
        task_type=_pipeline(result),
        dataset_type=dataset or "custom",
        dataset_name=one_line(dataset or Path(source).name),
        dataset_split=metric.split,
        metric_type=metric.name,
        metric_name=f"{metric.name}, {metric.protocol}" if metric.protocol != metric.name else metric.name,
        metric_value=round(metric.value, 6),
    )


def _interval(metric: MetricValue) -> str:
    return "–" if metric.low is None or metric.high is None else f"{metric.low:.4f} to {metric.high:.4f}"


def _hub_id(source: str | None) -> str | None:
    """Return the source if it looks like a name on the Hub and not like a file."""
    if source and _HUB_ID.fullmatch(source) and not Path(source).exists() and not source.endswith((".gguf", ".csv")):
        return source
    return None
