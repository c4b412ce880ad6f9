"""A loaded language model and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

from bakeoff.data.corpora import corpus_from_text, read_corpus
from bakeoff.data.types import Corpus
from bakeoff.evaluation.config import Protocol
from bakeoff.lm.decoding.openvino_decoder import NoDecoderError, OpenVinoDecoder
from bakeoff.lm.forward import CausalForward
from bakeoff.lm.generation import WritingOptions, stream_text
from bakeoff.lm.perplexity import Perplexity, score, summary
from bakeoff.training.precision import Precision
from bakeoff.training.progress import Progress

DECODER_PAYS_FROM = 64
"""Tokens from which on building the OpenVINO decoder takes less time than it spares, whatever the model's size."""


@dataclass(frozen=True)
class LanguageModel:
    """A causal language model with its tokenizer, ready to read and write.

    `model` is transformers' own, in evaluation mode; a LoRA adapter is merged into its weights. They must not change
    after the first text: the decoder that writes keeps a copy of them.
    """

    model: Any  # transformers.PreTrainedModel
    tokenizer: Any  # transformers.PreTrainedTokenizerFast
    name: str  # as the user wrote it
    reference: str  # what plain transformers would load: a hub id or a folder
    context_length: int  # tokens that the model can see at most
    precision: Precision
    forward: CausalForward

    def perplexity(
        self,
        text: Corpus | str | Path,
        *,
        protocol: Protocol = "window",
        stride: int | None = None,
        context_length: int | None = None,
        progress: Progress | None = None,
    ) -> Perplexity:
        """How well the model predicts a text.

        Args:
            text: A corpus, the path of a file (.txt, .raw, .jsonl, .parquet), or the text itself.
            protocol: `window` (Hugging Face's guide, counted right), `document` (lm-evaluation-harness; the one to
                compare models with different tokenizers) or `lab` (every line on its own).
            stride: Step between windows; absent: half the context.
            context_length: Tokens that the model sees at once; absent: its own, at most 1,024.

        Raises:
            UserError: too little text, a file that cannot be read, or settings that do not fit the model.
        """
        scores = score(self, _corpus(text), protocol, context_length=context_length, stride=stride, progress=progress)
        return summary(scores)

    def generate(self, prompt: str, **options: Unpack[WritingOptions]) -> str:
        """The continuation of a prompt (without the prompt). Options as in `stream`."""
        return "".join(self.stream(prompt, **options))

    def stream(self, prompt: str, **options: Unpack[WritingOptions]) -> Iterator[str]:
        """The continuation of a prompt, piece by piece as it is written. No chat template is applied.

        Args:
            options: `max_new_tokens` (100), `temperature` (0: always the most probable token), `top_k`, `top_p`,
                `seed` and `report`, as `bakeoff.lm.generation.stream_tokens` describes them.

        Raises:
            UserError: the prompt fills the context, or a setting is out of its range.
        """
        return stream_text(self, prompt, **options)

    def decoder_for(self, tokens: int) -> OpenVinoDecoder | str:
        """The fast decoder, built once if this many tokens are worth it, or why there is none."""
        if "_decoder" not in self.__dict__ and tokens < DECODER_PAYS_FROM:
            return f"it pays from {DECODER_PAYS_FROM} tokens on"
        return self._decoder

    @cached_property
    def _decoder(self) -> OpenVinoDecoder | str:
        try:
            return OpenVinoDecoder(self.model, self.context_length)
        except NoDecoderError as reason:
            return str(reason)


def _corpus(text: Corpus | str | Path) -> Corpus:
    if isinstance(text, Corpus):
        return text
    if isinstance(text, Path) or _names_a_file(text):
        return read_corpus(str(text))
    return corpus_from_text("the text", text)


def _names_a_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # far too long for a path, or with a zero byte
        return False
