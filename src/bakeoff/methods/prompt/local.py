"""Classify texts by the log-probabilities that a local language model gives the names of the labels.

The log-probability of a name is divided by its number of tokens, so that long names are not at a disadvantage. A model
prefers some labels whatever the text says; the mean over unlabeled training texts shows how much, and is taken off
(batch calibration, Zhou et al. 2024, "Batch Calibration: Rethinking Calibration for In-Context Learning and Prompt
Engineering").

Where a text can have several labels, each is a question of its own: the log-odds of "yes" against "no" after its name.
Both follow the same words, which cancel out, so whole continuations of the text are compared, and the text is computed
once for all labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_softmax, logit, softmax

from bakeoff.errors import UserError
from bakeoff.evaluation.wording import duration
from bakeoff.lm.causal_model import CausalModel
from bakeoff.lm.choices import Choices
from bakeoff.lm.sources import ready
from bakeoff.lm.tokens import prompt_tokens, tokenize
from bakeoff.methods.prompt.config import PromptConfig
from bakeoff.methods.prompt.template import NO, YES, Example, Question, Template
from bakeoff.pretrained.adapters import count_parameters
from bakeoff.pretrained.sources import load_weights
from bakeoff.training.progress import Progress

Array = npt.NDArray[np.float64]

LEAST_ROOM = 16
"""Tokens of a text that must fit into the context behind instruction and examples."""

_ROUNDS = 50
"""In which the bias of several labels moves the mean probabilities to the shares; each brings them closer."""

_LEAST = 1e-9  # mean probabilities are clipped to this distance from 0 and 1

_FINGERPRINT_VALUES = 64  # of each tensor


class LocalModel:
    """A language model on this machine, and the prompt that all texts share."""

    usage = None

    def __init__(
        self,
        config: PromptConfig,
        label_names: Sequence[str],
        examples: Sequence[Example],
        bias: Sequence[float],
        *,
        multilabel: bool = False,
    ) -> None:
        """
        Args:
            examples: Those that all texts share.
            bias: What is taken off the log-probabilities of each class, or the log-odds of each label; see
                `measure_bias`.
            multilabel: A text can have several labels.

        Raises:
            UserError: the model cannot be loaded, or the examples fill its context.
        """
        model, tokenizer, reference = load_weights(config.model)
        self.fingerprint = _fingerprint(model)
        self.parameters = count_parameters(model)
        self.model: CausalModel = ready(
            model, tokenizer, name=config.model, reference=reference, precision=config.precision
        )
        self.bias = np.array(bias)
        self.progress = Progress()
        self.notes: list[str] = []
        self._max_length = config.max_length
        self._multilabel = multilabel
        self._template = Template.of(config, label_names, self._cut, multilabel=multilabel)
        self._examples = tuple(examples)
        endings = [self._ids(ending) for ending in self._endings()]
        common = _common_beginning(endings)
        self._ending = endings[0][:common]
        continuations = [ending[common:] for ending in endings]
        self._lengths = np.array([len(continuation) for continuation in continuations])
        beginning = prompt_tokens(tokenizer, self._template.beginning(self._examples), split=True)
        self._choices = Choices(self.model, beginning, continuations)
        self._room = (
            self.model.context_length
            - len(self._choices.beginning)
            - len(self._ending)
            - self._choices.longest_continuation
        )
        if self._room < LEAST_ROOM:
            raise UserError(
                f"{config.model} sees {self.model.context_length:,} tokens at once, and the instruction with "
                f"{len(self._examples)} examples leaves no room for a text.",
                "Lower examples or max_length.",
            )

    def probabilities(self, questions: Sequence[Question]) -> Array:
        """Return shape (questions, labels)."""
        scores = self._scores(questions) - self.bias
        found: Array = expit(scores) if self._multilabel else softmax(scores, axis=1)
        return found

    def add_spent(self, money: float) -> None:
        """Do nothing: it costs nothing."""

    def measure_bias(self, questions: Sequence[Question], shares: Sequence[float]) -> None:
        """Set the bias so that the mean probabilities of texts are about the shares of the classes.

        Args:
            questions: Texts whose labels stand nowhere, in no example either.
            shares: Share of each class, or of the texts with each label, in the training split, above 0.
        """
        if self._multilabel:
            self.bias = _moving_means(self._scores(questions), np.array(shares))
            return
        mean = softmax(self._scores(questions), axis=1).mean(axis=0)
        self.bias = np.log(mean) - np.log(shares)

    def _scores(self, questions: Sequence[Question]) -> Array:
        """Return the log-probability of each class, or the log-odds of each label, shape (questions, labels)."""
        prompts = [self._tokens(question) for question in questions]
        self.progress.stage(f"asking {self.model.name}", 0.0)
        started = _Clock()
        scores = self._choices.log_probabilities(
            prompts,
            lambda share: self.progress.stage(f"asking {self.model.name}, {started.left(share)} left", share),
        )
        if self._multilabel:
            log_odds: Array = scores[:, 0::2] - scores[:, 1::2]
            return log_odds
        found: Array = log_softmax(scores / self._lengths, axis=1)
        return found

    def _tokens(self, question: Question) -> list[int]:
        """Return the part of a prompt that is the text's own; its first examples are left out if there is no room."""
        own = question.examples[len(self._examples) :]
        text = self._ids(self._template.text(question.text))
        for first in range(len(own) + 1):
            examples = self._ids(self._template.written(own[first:]))
            if len(examples) + len(text) <= self._room:
                return [*examples, *text, *self._ending]
        tail = self._room // 2
        return [*text[: self._room - tail], *text[len(text) - tail :], *self._ending]

    def _endings(self) -> list[str]:
        """Return what can follow a text: the names of the labels, or yes and no to each.

        A newline marks the end of names if one of them is the beginning of another.
        """
        template, names = self._template, self._template.names
        if self._multilabel:
            return [template.judged(label, answer) for label in range(len(names)) for answer in (YES, NO)]
        nested = any(one != other and other.startswith(one) for one in names for other in names)
        return [template.ending + name + ("\n" if nested else "") for name in names]

    def _ids(self, text: str) -> list[int]:
        (tokens,) = tokenize(self.model.tokenizer, [text], special_tokens=False, split=True)
        return [int(token) for token in tokens.ids]

    def _cut(self, text: str) -> str:
        """Shorten a text to `max_length` tokens, half of them from each end."""
        (tokens,) = tokenize(self.model.tokenizer, [text], special_tokens=False, split=True)
        if len(tokens.ids) <= self._max_length:
            return text
        tail = self._max_length // 2
        head_end = int(tokens.starts[self._max_length - tail])
        return text[:head_end] + (text[int(tokens.starts[len(tokens.ids) - tail]) :] if tail else "")


def _moving_means(log_odds: Array, shares: Array) -> Array:
    """Return what to take off the log-odds, shape (texts, labels), so that the mean probabilities are the shares."""
    bias = np.zeros(len(shares))
    for _ in range(_ROUNDS):
        bias += logit(np.clip(expit(log_odds - bias).mean(axis=0), _LEAST, 1 - _LEAST)) - logit(shares)
    return bias


class _Clock:
    """The time that is left."""

    def __init__(self) -> None:
        import time

        self._now = time.monotonic
        self._started = self._now()

    def left(self, share: float) -> str:
        return duration((self._now() - self._started) * (1 - share) / share)


def _common_beginning(rows: Sequence[Sequence[int]]) -> int:
    """Return how many first tokens all rows share, leaving at least one to each."""
    most = min(map(len, rows)) - 1
    return next((index for index in range(most) if len({row[index] for row in rows}) > 1), most)


def _fingerprint(model: Any) -> str:
    """Return a hash of the names, shapes and first values of all weights: quick, whatever the size of the model."""
    digest = hashlib.sha256()
    for name, weights in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(weights.shape)}".encode())
        digest.update(weights.flatten()[:_FINGERPRINT_VALUES].float().numpy().tobytes())
    return digest.hexdigest()
