"""Find perplexity protocols by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bakeoff.errors import UserError
from bakeoff.lm.protocols.answer import AnswerProtocol
from bakeoff.lm.protocols.base import PerplexityProtocol
from bakeoff.spelling import nearest
from bakeoff.targets import load_target

_CLASSES = (
    "window:WindowProtocol",
    "document:DocumentProtocol",
    "lab:LabProtocol",
)
"""A module of this folder and its class for each protocol of texts, in the order in which users see them."""


_INSTANCES: list[PerplexityProtocol] = [load_target(f"{__package__}.{target}")() for target in _CLASSES]

PROTOCOLS: dict[str, PerplexityProtocol] = {protocol.name: protocol for protocol in _INSTANCES}
"""The protocols of texts, among which a config chooses."""

EXAMPLES = AnswerProtocol()
"""The one protocol of prompts with answers."""

if TYPE_CHECKING:
    ProtocolName = str
else:
    # A Literal makes pydantic, typer and the generated reference list the names, and suggest the nearest one.
    ProtocolName = Literal[tuple(PROTOCOLS)]


def get_protocol(name: str) -> PerplexityProtocol:
    """Return the protocol of that name.

    Raises:
        UserError: there is none.
    """
    if name == EXAMPLES.name:
        return EXAMPLES
    if name not in PROTOCOLS:
        near = nearest(name, PROTOCOLS)
        raise UserError(
            f"'{name}' is not a perplexity protocol.",
            f"Did you mean '{near}'? " * bool(near) + f"Protocols: {', '.join(PROTOCOLS)}.",
        )
    return PROTOCOLS[name]
