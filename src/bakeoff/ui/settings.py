"""Settings of contestants that the page offers: those that a search would try, within its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from bakeoff.errors import UserError
from bakeoff.methods.proposals import Proposal
from bakeoff.methods.registry import get_method, method_names
from bakeoff.methods.search_space import Choice, Range
from bakeoff.serve.shapes import Task
from bakeoff.ui.shapes import Setting, Value


def settings_of(task: Task, proposal: Proposal) -> list[Setting]:
    """Return what can be set of a contestant, with the value that it has if nobody decides."""
    given: dict[str, Any] = {"method": proposal.name, **yaml.safe_load(proposal.settings)}
    config = get_method(task, given["method"]).config
    proposed = config.model_validate(given)
    return [
        Setting(
            name=name,
            meaning=(config.model_fields[name].description or "").replace("`", ""),
            proposed=getattr(proposed, name),
            values=list(space.values) if isinstance(space, Choice) else None,
            low=space.low if isinstance(space, Range) else None,
            high=space.high if isinstance(space, Range) else None,
            whole=isinstance(space, Range) and isinstance(space.low, int) and isinstance(space.high, int),
        )
        for name, space in config.search_space.items()
    ]


def check_settings(
    task: Task, chosen: Mapping[str, Mapping[str, Value]], offered: Mapping[str, Sequence[Setting]]
) -> None:
    """Refuse settings that are never offered.

    Those of a contestant that is no longer offered, because of another language or other test rows, are used by nobody.

    Raises:
        UserError: one of them is never offered, or has a value beyond its limits.
    """
    for contestant, values in chosen.items():
        settings = {setting.name: setting for setting in offered.get(contestant, ())}
        for name, value in values.items():
            if contestant not in offered and _is_of_some_method(task, name):
                continue
            if name not in settings:
                raise UserError(f"{contestant}.{name} cannot be set on this page.")
            if not _fits(value, settings[name]):
                raise UserError(f"{contestant}.{name} cannot be {value!r}: {_limits(settings[name])}.")


def _is_of_some_method(task: Task, setting: str) -> bool:
    return any(setting in get_method(task, method).config.search_space for method in method_names(task))


def _fits(value: Value, setting: Setting) -> bool:
    if setting.values is not None:
        return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in setting.values)
    assert setting.low is not None
    assert setting.high is not None
    if isinstance(value, str | bool) or (setting.whole and not isinstance(value, int)):
        return False
    return setting.low <= value <= setting.high


def _limits(setting: Setting) -> str:
    if setting.values is not None:
        return f"it is one of {', '.join(map(str, setting.values))}"
    return f"it is {'a whole number' if setting.whole else 'a number'} from {setting.low:g} to {setting.high:g}"
