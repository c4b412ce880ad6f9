"""Write prompts: for models that continue a text, and as chats."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bakeoff.methods.prompt.config import LabelWords, PromptConfig

Cut = Callable[[str], str]
Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Example:
    """A training text and the index of its label."""

    text: str
    label: int


@dataclass(frozen=True)
class Question:
    """A text to classify, with the examples that stand before it."""

    text: str
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Template:
    """The words of a prompt."""

    instruction: str
    labels: tuple[LabelWords, ...]
    example: str  # with {text} and {label}
    cut: Cut  # shortens a long text

    @classmethod
    def of(cls, config: PromptConfig, label_names: Sequence[str], cut: Cut) -> Template:
        words = (config.labels.get(label, LabelWords(name=label)) for label in label_names)
        return cls(config.instruction, tuple(words), config.template, cut)

    @property
    def names(self) -> list[str]:
        """What the model is to answer, one name a class."""
        return [words.name for words in self.labels]

    @functools.cached_property
    def task(self) -> str:
        """The instruction and the labels."""
        described = [f"\n- {words.name}: {words.description}" for words in self.labels if words.description]
        return f"{self.instruction}\nLabels: {', '.join(self.names)}{''.join(described)}"

    def beginning(self, examples: Sequence[Example] = ()) -> str:
        """Return the start of a prompt to continue, which all texts may share."""
        return f"{self.task}\n\n{self.written(examples)}"

    def written(self, examples: Sequence[Example]) -> str:
        """Return examples as text."""
        return "".join(
            self._before + self.cut(example.text) + self.ending + self.names[example.label] + self._after
            for example in examples
        )

    def text(self, text: str) -> str:
        """Return a text to classify, without what follows it."""
        return self._before + self.cut(text)

    @property
    def ending(self) -> str:
        """The words between a text and its label."""
        return self.example.partition("{text}")[2].partition("{label}")[0]

    def completion(self, question: Question) -> str:
        """Return a whole prompt to continue."""
        return self.beginning(question.examples) + self.text(question.text) + self.ending.rstrip(" ")

    def chat(self, question: Question) -> Messages:
        """Return a whole prompt as a chat, its examples as earlier turns."""
        turns = [turn for example in question.examples for turn in self._turns(example)]
        ask = f"{self.task}\n\nAnswer with the label alone."
        return [{"role": "system", "content": ask}, *turns, self._user(question.text)]

    def _turns(self, example: Example) -> Messages:
        return [self._user(example.text), {"role": "assistant", "content": self.names[example.label]}]

    def _user(self, text: str) -> dict[str, str]:
        return {"role": "user", "content": (self.text(text) + self.ending).rstrip()}

    @property
    def _before(self) -> str:
        return self.example.partition("{text}")[0]

    @property
    def _after(self) -> str:
        return self.example.partition("{label}")[2]


def cut_characters(text: str, most: int) -> str:
    """Return a text of at most `most` characters, half of them from each end."""
    if len(text) <= most:
        return text
    tail = most // 2
    return f"{text[: most - tail]} … {text[len(text) - tail :]}"
