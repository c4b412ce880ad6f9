"""Read YAML with line numbers, and apply values set on the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from bakeoff.errors import UserError
from bakeoff.parsing import MalformedError, parse_yaml

Path = tuple[str | int, ...]


@dataclass
class Located:
    """The values of a config and the place where each was written."""

    values: dict[str, Any]
    places: dict[Path, str] = field(default_factory=dict)  # ("data", "table") -> "my.yaml, line 4"
    problems: list[str] = field(default_factory=list)

    def place(self, path: Path) -> str:
        """Return where a value, or the closest section around it, was written."""
        for length in range(len(path), -1, -1):
            if found := self.places.get(path[:length]):
                return found
        return ""


def read_yaml(text: str, file: str) -> Located:
    """Parse a config.

    Raises:
        UserError: the text is not YAML, or not a mapping of keys to values.
    """
    try:
        node, values = parse_yaml(text)
    except MalformedError as error:
        line = f", line {error.line}" if error.line else ""
        what = "this is too large" if error.oversized else "this is not valid YAML"
        raise UserError(f"{file}{line}: {what}: {error.problem}.") from None
    if not isinstance(values, dict) or node is None:
        raise UserError(f"{file} holds no keys.", "It starts with `task: classification` or `task: language-model`.")
    located = Located(values)
    _locate(node, (), file, located)
    return located


def _locate(node: yaml.Node, path: Path, file: str, located: Located) -> None:
    located.places.setdefault(path, f"{file}, line {node.start_mark.line + 1}")
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in seen:
                located.problems.append(f"{file}, line {key_node.start_mark.line + 1}: the key '{key}' appears twice")
            seen.add(key)
            located.places[(*path, key)] = f"{file}, line {key_node.start_mark.line + 1}"
            _locate(value_node, (*path, key), file, located)
    elif isinstance(node, yaml.SequenceNode):
        for index, value_node in enumerate(node.value):
            _locate(value_node, (*path, index), file, located)


def apply_override(located: Located, assignment: str) -> None:
    """Set one value from `--set data.table=reviews.csv`; the value is read as YAML, but has no comments.

    Raises:
        UserError: there is no `=`, or the key leads through a value that is not a section.
    """
    key, equals, text = assignment.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path):
        raise UserError(f"--set {assignment}: this is not KEY=VALUE.", "For example --set budget.epochs=3")
    try:
        node, value = parse_yaml(text)
    except MalformedError as error:
        if error.oversized:
            raise UserError(f"--set {key}: the value is too large: {error.problem}.") from None
        node, value = None, text
    whole = text.strip()
    shortened = isinstance(node, yaml.ScalarNode) and not node.style and node.value != whole  # `Comment #1`
    if shortened or (whole.startswith(("#", "|", ">")) and "\n" not in whole):
        value = whole
    if isinstance(value, dict) and not text.lstrip().startswith("{"):
        value = text  # `a: b.csv` is the name of a file
    section = located.values
    for index, part in enumerate(path[:-1]):
        if section.get(part) is None:
            section[part] = {}
        if not isinstance(section[part], dict):
            raise UserError(f"--set {assignment}: {'.'.join(path[: index + 1])} is a value, not a section.")
        section = section[part]
    section[path[-1]] = value
    for length in range(1, len(path) + 1):
        located.places.setdefault(path[:length], f"--set {assignment}")
    located.places[path] = f"--set {assignment}"
