"""The metrics and generated texts that a language model's evaluation keeps."""

from __future__ import annotations

from bakeoff.data.types import Corpus
from bakeoff.evaluation.measuring import language_model_metrics
from bakeoff.evaluation.pairing import protocol_name
from bakeoff.evaluation.text_statistics import text_statistics, word_counts
from bakeoff.lm.config import LanguageModelEvaluationConfig
from bakeoff.lm.generation import WritingReport, stream_tokens
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.perplexity import Perplexity
from bakeoff.lm.protocols.registry import get_protocol
from bakeoff.lm.streaming import text_pieces
from bakeoff.lm.tokens import prompt_tokens
from bakeoff.runs.results import MetricValue, Sample
from bakeoff.training.progress import Progress


def check_prompt(model: LanguageModel, prompt: str) -> None:
    """Raise UserError if a prompt fills the model's context."""
    stream_tokens(model, prompt_tokens(model.tokenizer, prompt), max_new_tokens=1)


def write_samples(
    model: LanguageModel, config: LanguageModelEvaluationConfig, training: Corpus, progress: Progress
) -> list[Sample]:
    """Let the model continue every prompt."""
    samples = []
    known = word_counts(document.text for document in training.documents) if config.prompts else None
    model.decoder_for(len(config.prompts) * config.max_new_tokens)
    for number, prompt in enumerate(config.prompts):
        progress.stage("writing texts", number / len(config.prompts))
        report = WritingReport()
        prompt_ids = model.prompt_ids(prompt)
        new_ids = list(stream_tokens(model, prompt_ids, max_new_tokens=config.max_new_tokens, report=report))
        text = "".join(text_pieces(model.tokenizer, prompt_ids, iter(new_ids)))
        samples.append(
            Sample(
                prompt=prompt,
                text=text,
                tokens=len(new_ids),
                seconds=report.seconds,
                engine=report.engine,
                statistics=text_statistics(text, known),
            )
        )
    return samples


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
