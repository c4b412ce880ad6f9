"""The model, the text and the settings that all peers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.data.config import TextData
from bakeoff.data.corpora import prepare_corpus
from bakeoff.data.types import Corpus, Document, SplitCorpus
from bakeoff.lm.perplexity import DEFAULT_CONTEXT_LENGTH
from bakeoff.lm.scoring_plan import Row
from bakeoff.methods.fine_tuning import sequences
from bakeoff.methods.full.config import FullConfig
from bakeoff.methods.lora.config import LoraConfig
from peers.job import Job

SEED = 12
PROMPT = "GPT-2 is a language model based on transformer developed by OpenAI"


def contestant(job: Job) -> FullConfig | LoraConfig:
    """Return the training settings of all peers; for LoRA, with the adapters of the published lab.

    The learning rate is constant, so that it does not depend on how a trainer counts its progress.
    """
    shared: dict[str, Any] = {
        "schedule": "constant",
        "weight_decay": 0.0,
        "gradient_clip": 1.0,
        "sequences": "blocks",
        "max_length": 512,
        "batch_size": 4,
    }
    if job.method == "full":
        return FullConfig(learning_rate=5e-5, **shared)
    return LoraConfig(learning_rate=2e-4, r=64, lora_alpha=16, lora_dropout=0.1, target_modules="default", **shared)


def split(job: Job) -> SplitCorpus:
    return prepare_corpus(TextData(text=job.text), SEED)[0]


def evaluated_split(job: Job) -> Corpus:
    splits = split(job)
    return splits.test or splits.validation


def training_blocks(job: Job, tokenizer: Any) -> list[Row]:
    """Return the blocks that `bakeoff run` trains on, in its order, so that losses can be compared step by step."""
    settings = contestant(job)
    rows = sequences.blocks(tokenizer, split(job).train, settings.max_length)
    order = np.random.default_rng([SEED, 1]).permutation(len(rows))
    needed = (job.warmup_steps + job.steps) * settings.batch_size
    return [rows[number] for number in order[:needed]]


def typical_lines(lines: Sequence[str], count: int) -> list[str]:
    """Return `count` of the lines, in order, whose lengths are distributed like those of all lines."""
    by_length = sorted(range(len(lines)), key=lambda number: len(lines[number]))
    count = min(count, len(lines))
    chosen = sorted(by_length[(2 * place + 1) * len(lines) // (2 * count)] for place in range(count))
    return [lines[number] for number in chosen]


def evaluated_lines(job: Job) -> Corpus:
    """Return lines as one document, for protocol `lab`."""
    lines = typical_lines(evaluated_split(job).lines, job.rows)
    return Corpus("lines", [Document("lines", "".join(lines), lines)], separator="")


def evaluated_documents(job: Job) -> Corpus:
    """Return the first documents, `job.characters` characters in total, for protocol `document`."""
    part = evaluated_split(job)
    documents: list[Document] = []
    room = job.characters
    for document in part.documents:
        if room <= 0:
            break
        text = document.text[:room]
        documents.append(Document(document.name, text, text.splitlines(keepends=True)))
        room -= len(text)
    return Corpus("documents", documents, part.separator)


def context_length(config: Any) -> int:
    """Return the default context length of the protocols."""
    return min(int(config.max_position_embeddings), DEFAULT_CONTEXT_LENGTH)
