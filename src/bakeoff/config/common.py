"""The keys that both tasks have, and the types of contestants, which depend on their methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationInfo, field_validator

from bakeoff.methods.base import MethodConfig, Task
from bakeoff.methods.registry import get_method
from bakeoff.sections import FORMAT, Distributed, Section, Seed, Tracker


def _settings(task: Task) -> Callable[[Any], Any]:
    """Return a validator that turns a contestant's values into the config of the method that they name."""

    def settings(value: Any) -> Any:
        if isinstance(value, Mapping) and "method" in value:
            return _with_settings_to_search(get_method(task, str(value["method"])).config.model_validate(value), value)
        return value

    return settings


def _with_settings_to_search(config: MethodConfig, given: Mapping[str, Any]) -> MethodConfig:
    """Spell out the settings that `tune` searches: what a config gives is not searched."""
    if config.tune is None or config.tune.settings is not None:
        return config
    names = [name for name in config.search_space if name not in given]
    if not names:
        raise ValueError("tune: nothing is left to search, because every setting that can be searched is given")
    return config.model_copy(update={"tune": config.tune.model_copy(update={"settings": names})})


ClassificationContestant = Annotated[SerializeAsAny[MethodConfig], BeforeValidator(_settings("classification"))]
LanguageModelContestant = Annotated[SerializeAsAny[MethodConfig], BeforeValidator(_settings("language-model"))]


class CommonConfig(Section):
    """The keys that bake-offs of both tasks have, besides data, budget, contestants and evaluation."""

    format: Literal[2] = Field(FORMAT, description="Version of the config's format.")
    name: str | None = Field(None, description="Name of the bake-off. Its output folder is runs/NAME.")
    seed: Seed = Field(12, description="Seed for the split, new weights, dropout and the order of texts.")
    repeats: Annotated[int, Field(gt=0, le=1000)] = Field(
        1,
        description="Train every contestant with this many seeds (seed, seed + 1, ...) on the same split. Methods that "
        "do not depend on a seed are trained once.",
    )
    tracker: Tracker = Field(
        "none", description="Where to also send losses, accuracies and learning rates during training."
    )

    distributed: Distributed = Field(
        default_factory=Distributed, description="How the processes of `torchrun` share the training of a model."
    )

    def local_paths(self) -> Mapping[str, str | list[str]]:
        """Return the files and folders that the config may name itself, by dotted key."""
        return {}

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str | None) -> str | None:
        if name is not None and (not name.strip(" .") or not name.isprintable() or set(name) & set("/\\:")):
            raise ValueError(f"must be the name of a folder in runs/, without '/', '\\' and ':', not {name!r}")
        return name

    @field_validator("contestants", check_fields=False)
    @classmethod
    def _members_come_first(cls, contestants: dict[str, MethodConfig]) -> dict[str, MethodConfig]:
        before: list[str] = []
        for name, config in contestants.items():
            members = list(config.builds_on)
            if not members:
                before.append(name)
            elif wrong := [member for member in members if member not in before]:
                raise ValueError(
                    f"'{name}' cannot use '{wrong[0]}': members must be contestants listed before it, without members "
                    f"of their own: {', '.join(before) or 'there are none'}"
                )
            elif len(set(members)) < len(members):
                raise ValueError(f"'{name}' lists a member twice: {', '.join(members)}")
        return contestants

    @field_validator("contestants", check_fields=False)
    @classmethod
    def _can_be_sharded(cls, contestants: dict[str, MethodConfig], info: ValidationInfo) -> dict[str, MethodConfig]:
        if "task" in info.data and "distributed" in info.data and info.data["distributed"].strategy == "fsdp":
            for name, config in contestants.items():
                if why := get_method(info.data["task"], config.method).sharding_refusal(config):
                    raise ValueError(f"'{name}' cannot be trained with `distributed.strategy: fsdp`: {why}")
        return contestants
