"""Print every key of a config, with its type, default and meaning, from the schema.

`bakeoff init` names the command in the configs that it writes. Its output is also a page of the docs:

python -m bakeoff.config.reference > docs/reference/config.md
"""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bakeoff.config.bakeoff import CONFIGS
from bakeoff.config.messages import section_of
from bakeoff.config.presets import presets
from bakeoff.data.example_config import ExampleData
from bakeoff.evaluation.metrics import Metric, metrics_of
from bakeoff.methods.base import MethodConfig
from bakeoff.methods.registry import METHODS, get_method

HEADER = """# Every key of a config

A config is a YAML file. Unknown keys and wrong values are reported before any work starts, all at once, with line
numbers. Any key can be overridden on the command line: `--set contestants.lstm.hidden_size=256`.
"""


def reference() -> str:
    """Return the page as Markdown."""
    parts = [HEADER]
    for task, config in CONFIGS.items():
        parts.append(f"## task: {task}\n\n{_sentence(config)}\n\n{_table(config, '')}")
        if task == "language-model":
            about = f"{_sentence(ExampleData)} Its keys, in place of those of a text corpus above:"
            parts.append(f"### Prompts with answers: `data.examples`\n\n{about}\n\n{_table(ExampleData, 'data.')}")
        kinds: dict[type[MethodConfig], list[str]] = {}
        for name in METHODS[task]:
            kinds.setdefault(get_method(task, name).config, []).append(f"`{name}`")
        for kind, names in kinds.items():
            title = ", ".join(names)
            parts.append(f"### Contestants with method {title}\n\n{_sentence(kind)}\n\n{_table(kind, '')}")
    named = "\n".join(
        f"- `{name}`: " + ", ".join(f"`{key}: {_plain(value)}`" for key, value in settings.items())
        for name, settings in presets().items()
    )
    parts.append(f"## Presets\n\nA contestant with one of these names starts from these settings:\n\n{named}\n")
    parts.append(f"## Metrics\n\n{_metrics()}")
    return "\n".join(parts)


def _metrics() -> str:
    metrics = (metric for task in CONFIGS for metric in metrics_of(task))
    rows = (
        (metric.name, _kinds(metric), "higher" if metric.higher_is_better else "lower", metric.meaning)
        for metric in metrics
    )
    lines = (f"| `{name}` | {kinds} | {better} | {meaning} |\n" for name, kinds, better, meaning in rows)
    return "| metric | task | better | meaning |\n| --- | --- | --- | --- |\n" + "".join(lines)


def _kinds(metric: Metric) -> str:
    """Return the task that a metric is for, and how many labels a text has then."""
    if metric.task == "language-model":
        return metric.task
    labels = {"one": "one label", "several": "several labels", "both": "one or several labels"}
    return f"{metric.task}, {labels[metric.labels]}"


def _sentence(section: type[BaseModel]) -> str:
    return " ".join((section.__doc__ or "").split())


def _table(section: type[BaseModel], prefix: str) -> str:
    return "| key | type | default | meaning |\n| --- | --- | --- | --- |\n" + "".join(_rows(section, prefix))


def _rows(section: type[BaseModel], prefix: str) -> list[str]:
    rows = []
    for name, field in section.model_fields.items():
        if name == "method" or (name == "tune" and prefix):  # a part of a contestant is not searched by itself
            continue
        kind = field.annotation
        part = section_of(kind)
        always_there = kind is part
        if part is not None and always_there:
            rows += _rows(part, f"{prefix}{name}.")
            continue
        default = field.get_default(call_default_factory=True)
        if default is PydanticUndefined:
            shown = "required"
        elif isinstance(default, BaseModel):
            shown = f"`{_plain(default.model_dump(exclude_none=True))}`"
        else:
            shown = f"`{_plain(default)}`"
        meaning = (field.description or _sentence(section)).replace("|", "\\|")
        rows.append(f"| `{prefix}{name}` | {_type(kind)} | {shown} | {meaning} |\n")
        if part is not None:
            rows += _rows(part, f"{prefix}{name}.")
    return rows


def _type(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Annotated:
        return _type(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(each) for each in get_args(kind) if each is not type(None)))
    if origin is Literal:
        return " \\| ".join(f"`{choice}`" for choice in get_args(kind))
    if origin is list:
        return f"list of {_type(get_args(kind)[0])}"
    if origin is dict:
        return "name: settings"
    if section_of(kind) is not None:
        return "settings"
    return {int: "whole number", float: "number", str: "text", bool: "true / false"}.get(kind, str(kind))


def _plain(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_plain(each) for each in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("\n", "\\n")


if __name__ == "__main__":
    print(reference(), end="")
