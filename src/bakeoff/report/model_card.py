"""README.md of a contestant's model/, in the model hub's format: metadata in YAML, then words."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from bakeoff.evaluation.wording import duration, parameters, size
from bakeoff.report.explanations import explain
from bakeoff.report.markdown import code_block, escape, markdown_table
from bakeoff.report.safe_text import one_line
from bakeoff.report.tables import settings_rows
from bakeoff.runs.folder import ContestantFolder, RunFolder
from bakeoff.runs.results import ContestantResult, MetricValue
from bakeoff.runs.writing import write_text

# Packaged and well-known names -> name on the hub and license.
_KNOWN_MODELS = {
    "smollm2-135m": ("HuggingFaceTB/SmolLM2-135M-Instruct", "apache-2.0"),
    "gpt2": ("openai-community/gpt2", "mit"),
    "openai-community/gpt2": ("openai-community/gpt2", "mit"),
    "stories260k": (None, "mit"),
}
_KNOWN_DATA = {"wikitext-2": "Salesforce/wikitext", "wikitext-2-part": "Salesforce/wikitext"}
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def write_model_card(folder: ContestantFolder, run: RunFolder) -> None:
    """Write model/README.md from the result. Does nothing where the contestant left no model."""
    if folder.model.is_dir():
        write_text(folder.model / "README.md", model_card(folder, run))


def model_card(folder: ContestantFolder, run: RunFolder) -> str:
    """The text of the card. It says what was measured and leaves out what nobody knows."""
    result, config = folder.result(), run.config_values()
    name = f"{config.get('name') or run.path.resolve().name}-{result.name}"
    metadata = _metadata(name, result, config, folder.model)
    yaml = "\n".join(line for line in metadata.to_yaml().splitlines() if line.strip())
    return f"---\n{yaml}\n---\n\n{_words(name, result, config, run)}"


def _metadata(name: str, result: ContestantResult, config: dict[str, Any], model: Path) -> ModelCardData:
    is_model = result.task == "language-model"
    base_model = _base_model(result, config)
    base, license = _KNOWN_MODELS.get(base_model or "", (_hub_id(base_model), "unknown"))
    source = config["data"].get("table") or config["data"].get("text")
    dataset = _KNOWN_DATA.get(source or "") or _hub_id(source)
    library = "peft" if (model / "adapter_config.json").exists() else "transformers" if base_model else "bakeoff"
    return ModelCardData(
        model_name=name,
        license=license,
        library_name=library,
        pipeline_tag="text-generation" if is_model else "text-classification",
        base_model=base,
        datasets=[dataset] if dataset else None,
        tags=["bakeoff"],
        eval_results=[_eval_result(metric, result, source or "own data", dataset) for metric in result.metrics],
    )


def _base_model(result: ContestantResult, config: dict[str, Any]) -> str | None:
    """The pretrained model that a contestant stands on; None where it began with nothing."""
    return config.get("model") if result.task == "language-model" else result.settings.get("model")


def _eval_result(metric: MetricValue, result: ContestantResult, source: str, dataset: str | None) -> EvalResult:
    return EvalResult(
        task_type="text-generation" if result.task == "language-model" else "text-classification",
        dataset_type=dataset or "custom",
        dataset_name=one_line(dataset or Path(source).name),
        dataset_split=metric.split,
        metric_type=metric.name,
        metric_name=f"{metric.name}, {metric.protocol}" if metric.protocol != metric.name else metric.name,
        metric_value=round(metric.value, 6),
    )


def _hub_id(source: str | None) -> str | None:
    """The source if it looks like a name on the hub and not like a file."""
    if source and _HUB_ID.fullmatch(source) and not Path(source).exists() and not source.endswith((".gguf", ".csv")):
        return source
    return None


def _words(name: str, result: ContestantResult, config: dict[str, Any], run: RunFolder) -> str:
    data, environment, training = run.data(), run.environment(), result.training
    base_model = _base_model(result, config)
    what = (
        f"A causal language model: `{escape(Path(str(base_model)).name)}` by method `{result.method}`."
        if result.task == "language-model"
        else f"A text classifier on the pretrained `{escape(Path(base_model).name)}` ({result.settings['tuning']})."
        if base_model
        else f"A text classifier by method `{result.method}`, {_origin(result)}."
    )
    metrics = [
        [
            explain(f).title,
            f.protocol,
            f"{f.value:.4f}",
            "–" if f.low is None or f.high is None else f"{f.low:.4f} to {f.high:.4f}",
        ]
        for f in result.metrics
    ]
    split = f"{result.metrics[0].split} side"
    parts = [
        f"# {escape(name)}\n",
        f"{what} It was one contestant of a bake-off; the others and the paired comparisons are in the run's report.\n",
        f"## Figures on the {split}\n",
        markdown_table(["MetricValue", "Protocol", "Value", "Interval"], metrics),
        f"The intervals cover the choice of {result.metrics[0].documents:,} documents, not another seed or split.\n",
        "## Training\n",
        f"{_training(result)} Peak memory of the process: {size(training.peak_memory_bytes)}.\n",
        f"Data: {escape(Path(data.source).name)}, fingerprint `{data.fingerprint}`.\n",
        "".join(f"- {escape(key)}: {escape(value)}\n" for key, value in settings_rows(result.settings)),
        "To repeat it:\n",
        code_block(shlex.join(environment.command)),
        "## Limits\n",
        "Evaluated on one test set and one seed. Nothing was measured about fairness, safety or other kinds of text.\n",
        *(f"- {escape(note)}\n" for note in result.notes),
    ]
    if base_model and base_model not in _KNOWN_MODELS:
        parts.append("The license of the base model applies; look it up before passing this model on.\n")
    return "\n".join(parts)


def _origin(result: ContestantResult) -> str:
    if members := result.settings.get("members"):
        return f"of {', '.join(f'`{escape(member)}`' for member in members)}, each in a folder of `members`"
    return "pretrained on unlabeled texts" if result.settings.get("pretrain") else "trained from scratch"


def _training(result: ContestantResult) -> str:
    training = result.training
    unit = result.token_unit
    if not training.seconds:
        return "The model is as it came: nothing was trained."
    steps = f" in {training.steps:,} steps" if training.steps else ""
    return (
        f"Trained for {duration(training.seconds)} on {training.tokens:,} {unit}{steps} ({training.precision}, seed "
        f"{result.seed}); {parameters(result.trainable_parameters)} of {parameters(result.total_parameters)} "
        f"parameters were trained."
    )
