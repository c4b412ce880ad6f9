"""The metrics and generated texts that a language model's evaluation keeps."""

from __future__ import annotations

from bakeoff.data.types import Corpus
from bakeoff.evaluation.measuring import language_model_metrics
from bakeoff.evaluation.pairing import protocol_name
from bakeoff.evaluation.text_statistics import text_statistics, word_counts
from bakeoff.lm.config import LanguageModelEvaluationConfig
from bakeoff.lm.generation import stream_tokens
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.perplexity import Perplexity
from bakeoff.lm.protocols.registry import get_protocol
from bakeoff.lm.tokens import prompt_tokens
from bakeoff.runs.results import MetricValue, Sample
from bakeoff.tasks.answering import prompt_room
from bakeoff.training.progress import Progress


def check_prompt(model: LanguageModel, prompt: str) -> None:
    """Raise UserError if a prompt fills the model's context."""
    stream_tokens(model, prompt_tokens(model.tokenizer, prompt), max_new_tokens=1)


def write_samples(
    model: LanguageModel, config: LanguageModelEvaluationConfig, training: Corpus, progress: Progress
) -> list[Sample]:
    """Let the model continue every prompt. With a template and the examples of few-shot, one that is long is cut."""
    room = prompt_room(model, config) if model.prompting and config.prompts else model.context_length
    known = word_counts(document.text for document in training.documents) if config.prompts else None
    texts = model.write_all(
        [model.prompt_ids(prompt)[-room:] for prompt in config.prompts],
        max_new_tokens=config.max_new_tokens,
        whole=True,
        share=lambda share: progress.stage("writing texts", share),
    )
    return [
        Sample(
            prompt=prompt,
            text=text,
            tokens=report.tokens,
            seconds=report.seconds,
            engine=report.engine,
            statistics=text_statistics(text, known),
        )
        for prompt, (text, report) in zip(config.prompts, texts, strict=True)
    ]


def perplexity_metrics(loss: Perplexity, config: LanguageModelEvaluationConfig, documents: int) -> list[MetricValue]:
    """Return perplexity under a protocol; if it covers the whole text, also metrics that compare across tokenizers."""
    protocol = get_protocol(protocol_name(loss.protocol))
    return language_model_metrics(
        loss,
        whole_text=protocol.predicts_every_token,
        version=protocol.version,
        split=config.split,
        documents=documents,
        confidence=config.confidence,
    )
