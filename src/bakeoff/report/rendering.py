"""The jinja2 environments of the reports. Each escapes every value that a template prints, for its own format.

Only `Markup` is printed as it is: SVGs, YAML, code blocks and the Markdown of a method's description.
"""

from __future__ import annotations

import functools
import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bakeoff.evaluation.wording import count, duration, level, number, parameters, percent, size
from bakeoff.report.highlighting import signed_log_odds
from bakeoff.report.safe_text import one_line, visible

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")
_STARTS_A_BLOCK = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")  # a list, a rule, an underlined heading

_FILTERS = {
    "count": count,
    "duration": duration,
    "level": level,
    "log_odds": signed_log_odds,
    "number": number,
    "parameters": parameters,
    "percent": percent,
    "size": size,
}


@functools.cache
def html_environment() -> Environment:
    """Return the environment of the HTML templates."""
    environment = _environment()
    environment.finalize = lambda value: visible(value) if _is_plain(value) else value  # jinja2 then escapes it
    environment.filters["unbroken"] = _unbroken
    return environment


@functools.cache
def markdown_environment() -> Environment:
    """Return the environment of the Markdown templates."""
    environment = _environment()
    environment.finalize = lambda value: escape_markdown(value) if _is_plain(value) else value
    environment.filters.update(code=code, code_block=code_block)
    return environment


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bakeoff.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(_FILTERS)
    return environment


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, Markup)


def _unbroken(sentence: str) -> str:
    """Keep numbers and their units on one line."""
    return re.sub(r"(?<=\d) (?=(%|s|min|h|k|M|G|kB|MB|GB)\b|%)", "\u00a0", sentence)


def escape_markdown(text: str) -> Markup:
    """Return one line of Markdown that shows `text` as it is, without markup or HTML."""
    escaped = _SPECIAL.sub(r"\\\1", one_line(text)).replace("&", "&amp;")
    return Markup(_STARTS_A_BLOCK.sub(r"\1\\\2", escaped))


def code(text: str) -> Markup:
    """Return `text` as inline code in Markdown."""
    shown = one_line(text)
    fence = _fence(shown, 1)
    padding = " " if shown.startswith("`") or shown.endswith("`") else ""
    return Markup(f"{fence}{padding}{shown}{padding}{fence}")


def code_block(text: str) -> Markup:
    """Return `text` as a fenced block in Markdown."""
    shown = visible(text)
    fence = _fence(shown, 3)
    return Markup(f"{fence}text\n{shown}\n{fence}")


def _fence(text: str, shortest: int) -> str:
    """Return a fence that is longer than any run of backticks in `text`."""
    return "`" * max(shortest, 1 + max(map(len, re.findall("`+", text)), default=0))
