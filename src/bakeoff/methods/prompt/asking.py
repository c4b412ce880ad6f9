"""Classify texts by asking an endpoint, many at a time, each question once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.evaluation.wording import count, duration
from bakeoff.methods.prompt.answers import Answer, AnswerCache, key_of
from bakeoff.methods.prompt.config import PromptConfig
from bakeoff.methods.prompt.endpoint import Endpoint, StoppedError
from bakeoff.methods.prompt.matching import SURE, label_list_probabilities, label_probabilities
from bakeoff.methods.prompt.spending import Meter, Tokens
from bakeoff.methods.prompt.template import Messages, Question, Template
from bakeoff.runs.results import Usage
from bakeoff.training import distributed, torchrun
from bakeoff.training.progress import Progress


class EndpointModel:
    """A language model behind an endpoint. Every answer comes from the cache, or is put there as soon as it arrives."""

    parameters = None  # nobody but the endpoint knows
    fingerprint = ""

    def __init__(self, config: PromptConfig, template: Template, shares: Sequence[float]) -> None:
        """
        Args:
            shares: Share of each class in the training split: the probabilities where an answer names no label, or
                is no list of labels.
        """
        self._config = config
        self._template = template
        self._lists = template.asking == "list"
        self._shares = np.array(shares)
        self._meter = Meter(config.prices, config.max_cost)
        self._cache = AnswerCache()
        self._endpoint: Endpoint | None = None
        self._answers: dict[str, Answer] = {}  # all so far
        self._asked: set[str] = set()  # now, not in an earlier session
        self.progress = Progress()

    def probabilities(self, questions: Sequence[Question]) -> npt.NDArray[np.float64]:
        """Return shape (questions, labels). Under torchrun the main process asks for all.

        Raises:
            UserError: the endpoint does not answer, or the limit of spending is reached; what was answered is kept.
        """
        rows = torch.zeros(len(questions), len(self._shares), dtype=torch.float64)
        if torchrun.is_main_process():
            answers = self._answer(questions)
            for number, answer in enumerate(answers):
                found = self._understood(answer)
                rows[number] = torch.from_numpy(self._shares if found is None else found)
        distributed.broadcast_tensors([rows])
        return rows.numpy()

    def add_spent(self, money: float) -> None:
        self._meter.earlier += money

    @property
    def usage(self) -> Usage:
        """What all answers took, whether they were asked for now or earlier."""
        answers = list(self._answers.values())
        tokens = sum((answer.tokens for answer in answers), Tokens())
        seconds = sorted(answer.seconds for answer in answers)
        return Usage(
            requests=len(answers),
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            money=self._meter.spent if self._config.prices is not None else None,
            median_seconds=statistics.median(seconds) if seconds else None,
            slow_seconds=float(np.percentile(seconds, 95)) if seconds else None,
        )

    @property
    def notes(self) -> list[str]:
        answers = list(self._answers.values())
        unmatched = sum(self._understood(answer) is None for answer in answers)
        worded = sum(answer.top is None for answer in answers)
        notes = [f"Texts were sent to {self._config.base_url}."]
        if len(self._asked) < len(answers):
            notes.append(
                f"{count(len(answers) - len(self._asked))} of {count(len(answers))} answers came from the cache."
            )
        if self._lists:
            notes.append(
                f"Answers are lists of labels without probabilities: before the temperatures are fitted, a label that "
                f"is listed counts as {SURE:g}, and another as {1 - SURE:g}."
            )
            if unmatched:
                notes.append(
                    f"{count(unmatched)} of {count(len(answers))} answers were no list of the labels: each label is "
                    f"taken to be as likely as in the training split. Lists that were cut off need a higher max_tokens."
                )
            return notes
        if unmatched:
            notes.append(
                f"{count(unmatched)} of {count(len(answers))} answers named none of the labels, or several: each class "
                f"is taken to be as likely as in the training split."
            )
        if worded:
            notes.append(
                f"{count(worded)} of {count(len(answers))} answers came without log-probabilities: their probabilities "
                f"are the same for every answer, up to the temperature."
            )
        return notes

    def _understood(self, answer: Answer) -> npt.NDArray[np.float64] | None:
        """Return the probability of each label, shape (labels,), or None if an answer does not tell."""
        read = label_list_probabilities if self._lists else label_probabilities
        return read(answer, self._template.names)

    def _answer(self, questions: Sequence[Question]) -> list[Answer]:
        prompts = [self._prompt(question) for question in questions]
        config = self._config
        keys = [key_of(config.base_url, config.api, config.model, config.max_tokens, prompt) for prompt in prompts]
        missing: dict[str, str | Messages] = {}
        for key, prompt in zip(keys, prompts, strict=True):
            if key not in self._answers and key not in missing:
                known = self._cache.get(key)
                if known is None:
                    missing[key] = prompt
                else:
                    self._answers[key] = known
                    self._meter.add(known.tokens)
        if missing:
            self._ask_all(missing)
        return [self._answers[key] for key in keys]

    def _prompt(self, question: Question) -> str | Messages:
        chat = self._config.api == "chat"
        return self._template.chat(question) if chat else self._template.completion(question)

    def _ask_all(self, missing: dict[str, str | Messages]) -> None:
        names = self._template.names
        self._endpoint = self._endpoint or Endpoint(self._config, names, self._meter, lists=self._lists)
        endpoint, started, (first, *rest) = self._endpoint, time.monotonic(), missing
        endpoint.stop.clear()  # by an earlier failure: a server goes on to ask

        def ask(key: str) -> None:
            answer = endpoint.ask(missing[key])
            self._cache.put(key, answer)
            self._answers[key] = answer
            self._asked.add(key)

        ask(first)  # alone: it shows what the endpoint understands, and whether the key is right
        with ThreadPoolExecutor(self._config.parallel) as threads:
            futures = [threads.submit(ask, key) for key in rest]
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    future.result()
                    share = (done + 1) / len(missing)
                    left = (time.monotonic() - started) * (1 - share) / share
                    self.progress.stage(f"asking {self._config.model}, {duration(left)} left", share)
            except BaseException:
                endpoint.stop.set()  # requests under way may end: they are paid for, and their answers are kept
                threads.shutdown(cancel_futures=True)
                _raise_the_cause(futures)
                raise


def _raise_the_cause(futures: Sequence[Future[Any]]) -> None:
    """Raise what ended the work if it was one of the requests, rather than that another one was interrupted."""
    for future in futures:
        error = None if future.cancelled() else future.exception()
        if error is not None and not isinstance(error, StoppedError):
            raise error
