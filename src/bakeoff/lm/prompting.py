"""How a model that learned from examples is asked: its template, the examples before a prompt, the end of an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from bakeoff.copied_files import here
from bakeoff.data.example_texts import Message, Render, before_answer
from bakeoff.data.types import Answer, Corpus, Document
from bakeoff.errors import UserError
from bakeoff.lm.shots import Shots, read_shots
from bakeoff.lm.tokens import beginning_token, own_beginning
from bakeoff.runs.writing import write_text

_FILE = "prompting.json"

_TODAY = date(2024, 7, 26)
"""The date of every chat. The real one would change the data, and so the results, from day to day."""

_ASKS_FOR_TODAY = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")


@dataclass(frozen=True)
class Prompting:
    """The way from a question to the tokens of a prompt."""

    template: str | None  # as `data.template`; None: the chat template of the tokenizer
    stops: tuple[str, ...] = ()  # what ends an answer, besides the end-of-text token
    shots: Shots | None = None
    ends: tuple[int, ...] = ()  # tokens that end an answer, as `stops` do

    def document(self, tokenizer: Any, question: str) -> Document:
        """Return an example whose answer is still to be generated."""
        if self.template is None:
            text = before_answer([{"role": "user", "content": question}], chat_renderer(tokenizer))
        else:
            text = self.template.removesuffix("{completion}").replace("{prompt}", question).rstrip(" ")
        document = Document("prompt", text, [text], (Answer(len(text), len(text), len(text)),), question)
        return self.shots.before([document])[0] if self.shots else document

    def ids(self, tokenizer: Any, question: str) -> list[int]:
        """Return the tokens of a prompt, as `bakeoff.lm.examples.example_tokens` has them before an answer."""
        text = self.document(tokenizer, question).text
        ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        beginning = own_beginning(tokenizer) if self.template is not None else []
        return [*beginning, *ids] or [beginning_token(tokenizer, "An empty prompt", "Give a prompt of a word or more")]

    def write(self, folder: Path) -> None:
        """Write everything but the examples into a model's folder."""
        values = {"template": self.template, "stops": list(self.stops), "ends": list(self.ends)}
        write_text(prompting_path(folder), json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def prompting_path(folder: Path) -> Path:
    """Return the file that says how a model is asked, whether it exists or not."""
    return folder / _FILE


def read_prompting(name: str) -> Prompting | None:
    """Return how a contestant of a run is asked, or None for any other model and for contestants that saw no examples.

    Args:
        name: As `load_language_model` takes it.

    Raises:
        UserError: the file is damaged.
    """
    path = Path(here(name)).expanduser()
    for folder in (path, path / "model"):
        file = prompting_path(folder)
        if not file.is_file():
            continue
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            template = values["template"]
            known = template is None or isinstance(template, str)
            if not known:
                raise TypeError
            stops, ends = map(str, values["stops"]), map(int, values.get("ends", []))  # older files have no ends
            return Prompting(template, tuple(stops), read_shots(folder), tuple(ends))
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{file} is damaged.", "Train the contestant again.") from None
    return None


def chat_renderer(tokenizer: Any) -> Render:
    """Return the chat template of a tokenizer as a function.

    Raises:
        UserError: it has none. The function raises it where the template refuses a chat.
    """
    if not tokenizer.chat_template:
        raise UserError(
            "The model's tokenizer has no chat template, so it cannot read chats.",
            "Choose a model that was tuned on chats, or write prompts and answers into columns of their own.",
        )

    def render(messages: Sequence[Message], answering: bool) -> str:
        try:
            text: str = tokenizer.apply_chat_template(
                list(messages),
                chat_template=_with_a_fixed_date(tokenizer.get_chat_template()),
                tokenize=False,
                add_generation_prompt=answering,
            )
        except Exception as error:  # whatever a template raises, such as for a role that it does not know
            raise UserError(
                f"The chat template of the model refuses a chat: {error}", "Choose another model, or change the chat."
            ) from None
        return text

    return render


@cache
def _with_a_fixed_date(template: str) -> str:
    """Return a chat template that writes `_TODAY` where it would ask for the date of today."""
    return _ASKS_FOR_TODAY.sub(lambda call: json.dumps(_TODAY.strftime(call[2])), template)


def prompting_of_pairs(corpus: Corpus, template: str) -> Prompting:
    """Return how a model is asked that learns from prompts with answers.

    Where no training answer has a line break, a generated one ends at the first one; where none has a blank line, at
    the first blank line. An untrained model, which does not know where to end, is then judged by its answer as well.
    """
    references = [document.reference for document in corpus.documents]
    stop = next((stop for stop in ("\n", "\n\n") if not any(stop in reference for reference in references)), None)
    return Prompting(template, () if stop is None else (stop,))


def prompting_of_chats(corpus: Corpus, tokenizer: Any) -> Prompting:
    """Return how a model is asked that learns from chats: answers end by what the chat template writes after them.

    Where that has a special token, which a generated text does not show, the token ends an answer.
    """
    special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    answers = [(document.text, answer) for document in corpus.documents for answer in document.answers]
    stops, ends = set(), set()
    for mark in {text[answer.end : answer.closed] for text, answer in answers}:
        ids = tokenizer(mark, add_special_tokens=False)["input_ids"]
        end = next((token for token in ids if token in special), None)
        if end is None:
            stops.add(mark.strip() or mark)
        else:
            ends.add(int(end))
    unique = (stop for stop in stops if not any(stop in text[answer.start : answer.end] for text, answer in answers))
    return Prompting(None, tuple(sorted(unique)), ends=tuple(sorted(ends)))
