"""What an endpoint understands of OpenAI's API, found out while it is asked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from bakeoff.methods.prompt.answers import Answer
from bakeoff.methods.prompt.spending import Tokens
from bakeoff.methods.prompt.template import Messages

_MOST_TOKENS = {"chat": 20, "completions": 5}  # whose log-probabilities OpenAI gives at most
_FEWER = 5


@dataclass
class Dialect:
    """The optional settings of a request. What an endpoint refuses or ignores is left out from then on.

    Log-probabilities are asked for first. Without them, a chat is held to the names of the labels by a JSON schema if
    the endpoint knows schemas, and otherwise only asked to. Of a list of labels no log-probabilities are asked for.
    """

    api: Literal["chat", "completions"]
    names: tuple[str, ...]
    lists: bool = False  # the answer is a list of labels
    length_key: str = "max_tokens"
    tokens: int = 0  # whose log-probabilities are asked for; 0: none
    refused: set[str] = field(default_factory=set)
    understood: bool = False  # an answer has come

    def __post_init__(self) -> None:
        self.tokens = 0 if self.lists else _MOST_TOKENS[self.api]

    def question(self, prompt: str | Messages) -> dict[str, Any]:
        return {"messages" if self.api == "chat" else "prompt": prompt}

    def settings(self) -> dict[str, Any]:
        """Return the optional settings of the next request."""
        wanted: dict[str, Any] = {"temperature": 0}
        if self.api == "completions":
            wanted["stop"] = ["\n"]
        if self.tokens:
            wanted |= {"logprobs": True, "top_logprobs": self.tokens} if self.api == "chat" else {"logprobs": _FEWER}
        elif self.api == "chat":
            wanted["response_format"] = self._format
        return {key: value for key, value in wanted.items() if key not in self.refused}

    @property
    def _format(self) -> dict[str, Any]:
        name: dict[str, Any] = {"type": "string", "enum": list(self.names)}
        key, value = ("labels", {"type": "array", "items": name}) if self.lists else ("label", name)
        schema = {"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": False}
        return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}

    def adapt(self, said: str, sent: dict[str, Any]) -> bool:
        """Leave out what an endpoint has refused; return False if nothing is left to leave out.

        Args:
            said: Its message.
            sent: The optional settings of the request.
        """
        if "max_completion_tokens" in said and self.length_key == "max_tokens":
            self.length_key = "max_completion_tokens"
            return True
        if "logprobs" in said and "logprobs" in sent:
            self._fewer_log_probabilities(sent)
            return True
        for key, words in (("response_format", "json_schema"), ("temperature", "temperature"), ("stop", "stop")):
            if key in sent and (key in said or words in said):
                self.refused.add(key)
                return True
        if self.understood:  # it has answered the like before, so this is about the text
            return False
        if "logprobs" in sent:
            self.tokens = 0
            return True
        if "response_format" in sent:
            self.refused.add("response_format")
            return True
        return False

    def _fewer_log_probabilities(self, sent: dict[str, Any]) -> None:
        """Ask for fewer, then for none. Several requests may be refused for the same reason."""
        if sent.get("top_logprobs", 0) > _FEWER:
            self.tokens = min(self.tokens, _FEWER)
        else:
            self.tokens = 0

    def read(self, body: Any, sent: dict[str, Any], most: Tokens, seconds: float) -> Answer | None:
        """Return what a body of JSON answers, or None if it is no answer.

        Args:
            most: Tokens to count if it does not say how many it took.
        """
        try:
            choice = body["choices"][0]
            text = choice["message"]["content"] if self.api == "chat" else choice["text"]
        except (TypeError, KeyError, IndexError):
            return None
        top = _top(choice.get("logprobs"))
        if top is None and "logprobs" in sent:
            self.tokens = 0
        self.understood = True
        usage = body.get("usage") or {}
        return Answer(
            text=text if isinstance(text, str) else "",
            top=top,
            input_tokens=_count(usage, "prompt_tokens", most.input),
            output_tokens=_count(usage, "completion_tokens", most.output),
            seconds=seconds,
        )


def _count(usage: Any, key: str, otherwise: int) -> int:
    value = usage.get(key) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and value >= 0 else otherwise


def _top(logprobs: Any) -> dict[str, float] | None:
    """Return the log-probabilities of the first token's alternatives, in either form of the API."""
    try:
        if "content" in logprobs:
            first = {each["token"]: each["logprob"] for each in logprobs["content"][0]["top_logprobs"]}
        else:
            first = logprobs["top_logprobs"][0]
        top = {str(token): float(value) for token, value in first.items() if not math.isnan(float(value))}
    except (TypeError, KeyError, IndexError, ValueError, AttributeError):
        return None
    return top or None
