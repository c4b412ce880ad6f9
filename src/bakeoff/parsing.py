"""Parse YAML and JSON that anybody may have written: malformed or enormous input is one short problem, never a crash.

PyYAML expands aliases without end, recurses into every bracket, and raises whatever Python's own types raise.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar

import yaml

MOST_CHARACTERS = 1_000_000
MOST_NODES = 50_000  # values of a document, with those that aliases repeat
DEEPEST = 50  # brackets and indentations inside each other
LONGEST_KEY = 200
LONGEST_NUMBER = 100  # characters of a number or date

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TRUTH = "tag:yaml.org,2002:bool"


class Loader(_SafeLoader):
    """Takes only true and false for truth values, as YAML 1.2 does: yes, no, on and off may be labels or columns."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TRUTH]
        for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver(_TRUTH, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))

_NUMBERS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp"))
# What PyYAML's constructors let through: of int(), datetime(), base64 and regular expressions without a match.
_CONSTRUCTION = (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError, RecursionError)


class MalformedError(ValueError):
    """Text that cannot be parsed.

    Args:
        problem: What is wrong, as the end of a sentence.
        line: Where, from 1, if that is known.
    """

    def __init__(self, problem: str, line: int | None = None, *, oversized: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.oversized = oversized  # rather than malformed


def parse_yaml(text: str, *, times: int = 1) -> tuple[yaml.Node | None, Any]:
    """Parse a YAML document with plain types only.

    Args:
        times: Factor of the limits on size, for documents that bakeoff itself wrote.

    Returns:
        The tree of nodes, which know their lines, and the values. Both are None for an empty document.

    Raises:
        MalformedError: it is not YAML, or beyond one of the limits above.
    """
    try:
        if len(text) > times * MOST_CHARACTERS:
            raise MalformedError(f"{len(text):,} characters are too many", oversized=True)
        _check_size(text, times * MOST_NODES)
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            return node, None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise MalformedError(problem, mark.line + 1 if mark else None) from None
    except MalformedError:
        raise
    except _CONSTRUCTION as error:
        raise MalformedError(str(error) or type(error).__name__) from None


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        MalformedError: it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise MalformedError(f"column {error.colno}: {error.msg}", error.lineno) from None
    except RecursionError:
        raise MalformedError("it is nested too deeply", oversized=True) from None
    except ValueError as error:  # numbers of thousands of digits, bytes that are no UTF-8
        raise MalformedError(str(error)) from None


@dataclass
class _Open:
    """A list or mapping whose end has not come yet."""

    anchor: str | None
    is_mapping: bool
    nodes: int = 1
    children: int = 0


def _check_size(text: str, most_nodes: int) -> None:
    """Check the limits on a stream of events, before anything is built from it."""
    open_: list[_Open] = [_Open(None, False)]  # the document
    nodes_of: dict[str | None, int] = {}  # by anchor, once it is complete
    for event in yaml.parse(text, Loader=Loader):
        line = event.start_mark.line + 1 if event.start_mark else None
        nodes = 0
        if isinstance(event, yaml.AliasEvent):
            if any(each.anchor == event.anchor for each in open_):
                raise MalformedError(f"*{_short(str(event.anchor))} contains itself", line, oversized=True)
            nodes = nodes_of.get(event.anchor, 1)
        elif isinstance(event, yaml.ScalarEvent):
            _check_scalar(event, open_[-1], line)
            nodes = nodes_of[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(open_) > DEEPEST:
                raise MalformedError(f"more than {DEEPEST} values are nested inside each other", line, oversized=True)
            open_[-1].children += 1
            open_.append(_Open(event.anchor, isinstance(event, yaml.MappingStartEvent)))
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = open_.pop()
            if ended.anchor is not None:
                nodes_of[ended.anchor] = ended.nodes
            open_[-1].nodes += ended.nodes
        if nodes:
            open_[-1].children += 1
            open_[-1].nodes += nodes
        if sum(each.nodes for each in open_) > most_nodes:
            raise MalformedError(
                f"it has more than {most_nodes:,} values, with those that aliases repeat", line, oversized=True
            )


def _check_scalar(event: yaml.ScalarEvent, inside: _Open, line: int | None) -> None:
    is_key = inside.is_mapping and inside.children % 2 == 0
    if is_key and len(event.value) > LONGEST_KEY:
        raise MalformedError(f"a key of {len(event.value):,} characters is too long", line, oversized=True)
    if len(event.value) > LONGEST_NUMBER and event.implicit[0] and _is_number(event.value):
        raise MalformedError(f"a number of {len(event.value):,} characters is too long", line, oversized=True)


def _is_number(value: str) -> bool:
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(value[0], [])
    return any(tag in _NUMBERS and pattern.match(value) for tag, pattern in resolvers)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
