"""A prompt with its language model, as saved and loaded: settings, names, examples, and what they belong to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bakeoff.errors import UserError
from bakeoff.methods.prompt.config import PromptConfig
from bakeoff.methods.prompt.examples import Nearest
from bakeoff.methods.prompt.template import Example, Question, Template, cut_characters
from bakeoff.runs.results import Usage
from bakeoff.runs.writing import write_text
from bakeoff.training.progress import Progress

CHARACTERS_PER_TOKEN = 4
"""By which `max_length` shortens what is sent to an endpoint, whose tokens are unknown."""

_FILE = "prompt.json"


class Backend(Protocol):
    """A language model that answers questions."""

    progress: Progress

    @property
    def fingerprint(self) -> str: ...  # of a local model's weights

    @property
    def parameters(self) -> int | None: ...  # None: only an endpoint knows

    @property
    def usage(self) -> Usage | None: ...

    @property
    def notes(self) -> list[str]: ...

    def add_spent(self, money: float) -> None: ...

    def probabilities(self, questions: Sequence[Question]) -> npt.NDArray[np.float64]: ...


@dataclass(frozen=True)
class Prompt:
    """What a fit chooses."""

    examples: list[Example]  # for all texts, or to look for the nearest among
    shares: list[float]  # of the classes in the training split, smoothed
    bias: list[float]  # of a local model, by class
    model_fingerprint: str  # of a local model

    def save(self, folder: Path) -> None:
        write_text(folder / _FILE, self._json)

    @property
    def size(self) -> int:
        """Size on disk in bytes."""
        return len(self._json.encode())

    @property
    def _json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, folder: Path) -> Prompt:
        values: dict[str, Any] = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return cls(**values | {"examples": [_example(**example) for example in values["examples"]]})


def _example(text: str, label: int | list[int]) -> Example:
    return Example(text, label if isinstance(label, int) else tuple(label))


class PromptModel:
    """A classifier that asks a language model."""

    def __init__(
        self,
        config: PromptConfig,
        label_names: Sequence[str],
        prompt: Prompt,
        backend: Backend | None = None,
        *,
        multilabel: bool = False,
    ) -> None:
        """
        Args:
            backend: The language model; absent: loaded when it is first needed.
            multilabel: A text can have several labels.
        """
        self._multilabel = multilabel
        if backend is not None:
            self.backend = backend
        self._config = config
        self._label_names = label_names
        self._prompt = prompt
        self._nearest = (
            Nearest(prompt.examples, config.examples) if config.choose == "nearest" and config.examples else None
        )

    @classmethod
    def load(
        cls, folder: Path, config: PromptConfig, label_names: Sequence[str], *, multilabel: bool = False
    ) -> PromptModel:
        """Load a saved prompt and its model.

        Raises:
            UserError: the local model cannot be loaded, or is not the one that was evaluated.
        """
        prompt = Prompt.load(folder)
        model = cls(config, label_names, prompt, multilabel=multilabel)
        if model.backend.fingerprint != prompt.model_fingerprint:
            raise UserError(
                f"{config.model} has other weights than when the contestant was evaluated.",
                "Put the old model back, or run the bake-off again.",
            )
        return model

    @cached_property
    def backend(self) -> Backend:
        """The language model.

        Raises:
            UserError: a local one cannot be loaded.
        """
        config, prompt, several = self._config, self._prompt, self._multilabel
        if config.base_url is not None:
            from bakeoff.methods.prompt.asking import EndpointModel

            most = CHARACTERS_PER_TOKEN * config.max_length
            template = Template.of(
                config, self._label_names, lambda text: cut_characters(text, most), multilabel=several
            )
            return EndpointModel(config, template, prompt.shares)
        from bakeoff.methods.prompt.local import LocalModel

        return LocalModel(config, self._label_names, self._shared, prompt.bias, multilabel=several)

    @property
    def lists_labels(self) -> bool:
        """Return whether its answers are lists of labels, without probabilities of their own."""
        return self._multilabel and self._config.base_url is not None

    @property
    def parameters(self) -> int | None:
        return self.backend.parameters

    @property
    def usage(self) -> Usage | None:
        return self.backend.usage

    def add_spent(self, money: float) -> None:
        self.backend.add_spent(money)

    @property
    def notes(self) -> list[str]:
        return self.backend.notes

    @property
    def progress(self) -> Progress:
        return self.backend.progress

    @progress.setter
    def progress(self, progress: Progress) -> None:
        self.backend.progress = progress

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return shape (texts, classes)."""
        return self.backend.probabilities(self.questions(texts))

    def questions(self, texts: Sequence[str], *, itself: bool = True) -> list[Question]:
        """Return what to ask; `itself` is False for training texts, which would be their own nearest examples."""
        nearest = self._nearest
        return [Question(text, nearest.of(text, itself=itself) if nearest else self._shared) for text in texts]

    @property
    def _shared(self) -> tuple[Example, ...]:
        """The examples that all texts share."""
        return () if self._nearest else tuple(self._prompt.examples)
