"""The language model that users hold: perplexity and generation in one object."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from bakeoff.data.corpora import corpus_from_text, read_corpus
from bakeoff.data.text_cleaning import LineEnds
from bakeoff.data.types import Corpus
from bakeoff.lm.causal_model import CausalModel
from bakeoff.lm.decoding.batched import decode_all
from bakeoff.lm.generation import WritingOptions, WritingReport, stream_tokens
from bakeoff.lm.perplexity import Perplexity, score, summary
from bakeoff.lm.prompting import Prompting
from bakeoff.lm.special_tokens import special_token_notes
from bakeoff.lm.streaming import answer_pieces, text_pieces, until_stop
from bakeoff.lm.tokens import prompt_tokens
from bakeoff.training.progress import Progress


@dataclass(frozen=True)
class LanguageModel(CausalModel):
    """A causal language model that scores and generates text. `load_language_model` makes one."""

    prompting: Prompting | None = None  # of a contestant that was trained on, or evaluated by, examples

    @property
    def ends(self) -> set[int]:
        """Return the tokens that end a text, or an answer of a contestant that was trained on chats."""
        return super().ends.union(self.prompting.ends if self.prompting else ())

    def prompt_ids(self, prompt: str) -> list[int]:
        """Return the tokens of a prompt, in the template of the examples that the contestant is for, if any.

        Raises:
            UserError: the prompt is empty, and the tokenizer has neither BOS nor EOS.
        """
        if self.prompting is None:
            return prompt_tokens(self.tokenizer, prompt)
        return self.prompting.ids(self.tokenizer, prompt)

    def perplexity(
        self,
        text: Corpus | str | Path,
        *,
        protocol: str = "window",
        stride: int | None = None,
        context_length: int | None = None,
        line_ends: LineEnds = "normalize",
        split_special_tokens: bool = False,
        progress: Progress | None = None,
    ) -> Perplexity:
        """Measure how well the model predicts a text.

        Args:
            text: The text itself, the `Path` of a file (.txt, .raw, .jsonl, .parquet), or a corpus. A string is always
                the text, even if there is a file of that name.
            protocol: `window` (Hugging Face's guide, each token counted once), `document` (lm-evaluation-harness; the
                one to compare models with different tokenizers) or `lab` (each line on its own).
            stride: Step between windows; absent: half the context.
            context_length: Tokens that the model sees at once; absent: its own, at most 1,024.
            line_ends: `keep` leaves Windows and old Mac line ends of a text or file as they are.
            split_special_tokens: Read special tokens that are spelled out in a text or file, such as `</s>`, as
                characters. A corpus brings its own setting.

        Raises:
            UserError: there is no such protocol, there is too little text, the file cannot be read, or the settings do
                not fit the model.
        """
        if isinstance(text, Path):
            text = read_corpus(str(text), line_ends=line_ends, split_special_tokens=split_special_tokens)
        elif isinstance(text, str):
            text = corpus_from_text("the text", text, line_ends=line_ends, split_special_tokens=split_special_tokens)
        scores = score(self, text, protocol, context_length=context_length, stride=stride, progress=progress)
        notes = special_token_notes(self.tokenizer, [text], "--split-special-tokens")
        return replace(summary(scores), notes=(*text.notes, *notes))

    def generate(self, prompt: str, **options: Unpack[WritingOptions]) -> str:
        """Return the continuation of a prompt, without the prompt. Options as in `stream`."""
        return "".join(self.stream(prompt, **options))

    def stream(self, prompt: str, **options: Unpack[WritingOptions]) -> Iterator[str]:
        """Yield the continuation of a prompt piece by piece as it is generated.

        A contestant of a bake-off of examples gets the prompt in their template, with the examples of `few-shot`, and
        yields the answer. For any other model the prompt is the text itself: no chat template is applied.

        Args:
            options: `max_new_tokens` (100), `temperature` (0: always the most probable token), `top_k`, `top_p`,
                `seed` and `report`, as `bakeoff.lm.generation.stream_tokens` describes them.

        Raises:
            UserError: the prompt fills the context, or a setting is out of range.
        """
        return self.stream_ids(self.prompt_ids(prompt), **options)

    def stream_ids(self, prompt_ids: list[int], **options: Unpack[WritingOptions]) -> Iterator[str]:
        """Yield the continuation of a prompt's tokens; see `stream`."""
        return self._text(prompt_ids, stream_tokens(self, prompt_ids, **options))

    def write_all(
        self,
        prompts: Sequence[list[int]],
        *,
        max_new_tokens: int,
        whole: bool = False,
        share: Callable[[float], None] = lambda _: None,
    ) -> list[tuple[str, WritingReport]]:
        """Continue every prompt's tokens greedily, as `stream_ids` does; all at once where the model allows it.

        Args:
            whole: Do not cut the text of a contestant that answers to its answer.
            share: Is told the share of the prompts that are done.
        """
        longest = max(map(len, prompts), default=0) + max_new_tokens
        if len(prompts) < 2 or longest > self.context_length or not self.decodes_batches:
            self.decoder_for(len(prompts) * max_new_tokens)
            return [self._write(prompt_ids, max_new_tokens, whole) for prompt_ids in prompts]
        stops = self.prompting.stops if self.prompting and not whole else ()

        def ended(number: int, ids: list[int]) -> bool:
            if not any(stop in self.tokenizer.decode(ids) for stop in stops):  # a quick look
                return False
            found: list[str] = []
            deque(self._text(prompts[number], iter(ids), found=found), 0)
            return bool(found)

        answers = decode_all(self.forward, prompts, limit=max_new_tokens, ends=self.ends, ended=ended, share=share)
        return [
            (
                "".join(self._text(ids, iter(answer.ids), whole=whole)),
                WritingReport(tokens=len(answer.ids), seconds=answer.seconds),
            )
            for ids, answer in zip(prompts, answers, strict=True)
        ]

    def _write(self, prompt_ids: list[int], max_new_tokens: int, whole: bool) -> tuple[str, WritingReport]:
        report = WritingReport()
        new_ids = stream_tokens(self, prompt_ids, max_new_tokens=max_new_tokens, report=report)
        return "".join(self._text(prompt_ids, new_ids, whole=whole)), report

    def _text(
        self, prompt_ids: list[int], new_ids: Iterator[int], *, whole: bool = False, found: list[str] | None = None
    ) -> Iterator[str]:
        """Yield the text of new tokens, of a contestant that answers up to the stop string, which `found` gets."""
        pieces = text_pieces(self.tokenizer, prompt_ids, new_ids)
        if self.prompting is None or whole:
            return pieces
        return until_stop(answer_pieces(pieces), self.prompting.stops, [] if found is None else found)
