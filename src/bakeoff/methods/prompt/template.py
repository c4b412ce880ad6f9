"""Write prompts: for models that continue a text, and as chats."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from bakeoff.methods.prompt.config import LabelWords, PromptConfig

Cut = Callable[[str], str]
Messages = list[dict[str, str]]
Asking = Literal["label", "list", "yes or no"]
"""What is asked for: the only label, a list of all labels that apply, or for each label whether it applies."""

YES, NO = "yes", "no"

_LIST = (
    "A text can have several of these labels, or none. Answer with all labels that apply, as JSON: "
    '{"labels": ["...", "..."]}, or {"labels": []} if none applies.'
)
_YES_OR_NO = f"A text can have several of these labels, or none. Each is answered with {YES} or {NO}."


@dataclass(frozen=True)
class Example:
    """A training text and the index of its label, or the indices of all its labels where a text can have several."""

    text: str
    label: int | tuple[int, ...]


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
    asking: Asking = "label"

    @classmethod
    def of(cls, config: PromptConfig, label_names: Sequence[str], cut: Cut, *, multilabel: bool = False) -> Template:
        """
        Args:
            multilabel: A text can have several labels. An endpoint lists them; a local model says yes or no to each.
        """
        words = (config.labels.get(label, LabelWords(name=label)) for label in label_names)
        several: Asking = "list" if config.base_url is not None else "yes or no"
        return cls(config.instruction, tuple(words), config.template, cut, several if multilabel else "label")

    @property
    def names(self) -> list[str]:
        """What the labels are called, one name a class."""
        return [words.name for words in self.labels]

    @functools.cached_property
    def task(self) -> str:
        """The instruction and the labels."""
        described = [f"\n- {words.name}: {words.description}" for words in self.labels if words.description]
        how = {"label": "", "list": f"\n\n{_LIST}", "yes or no": f"\n\n{_YES_OR_NO}"}[self.asking]
        return f"{self.instruction}\nLabels: {', '.join(self.names)}{''.join(described)}{how}"

    def beginning(self, examples: Sequence[Example] = ()) -> str:
        """Return the start of a prompt to continue, which all texts may share."""
        return f"{self.task}\n\n{self.written(examples)}"

    def written(self, examples: Sequence[Example]) -> str:
        """Return examples as text."""
        return "".join(
            self._before + self.cut(example.text) + self._answered(example) + self._after for example in examples
        )

    def answer(self, label: int | tuple[int, ...]) -> str:
        """Return the right answer for a text with this label, or these labels, as a model is to write it."""
        if isinstance(label, int):
            return self.names[label]
        return json.dumps({"labels": [self.names[each] for each in label]}, ensure_ascii=False)

    def judged(self, label: int, answer: str) -> str:
        """Return what follows a text and says `answer`, yes or no, to one of the labels."""
        return f"{self.ending}{self.names[label]}? {answer}"

    def _answered(self, example: Example) -> str:
        """Return what follows the text of an example."""
        if self.asking == "yes or no" and not isinstance(example.label, int):
            has = example.label
            return "".join(self.judged(label, YES if label in has else NO) for label in range(len(self.names)))
        return self.ending + self.answer(example.label)

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
        ask = f"{self.task}\n\nAnswer with the label alone." if self.asking == "label" else self.task
        return [{"role": "system", "content": ask}, *turns, self._user(question.text)]

    def _turns(self, example: Example) -> Messages:
        return [self._user(example.text), {"role": "assistant", "content": self.answer(example.label)}]

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
