"""Export a language model, and compare its perplexity in another program with the original's."""

from __future__ import annotations

import gc
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.config.load import load_config
from bakeoff.data.config import TextData
from bakeoff.data.corpora import prepare_corpus
from bakeoff.data.types import Corpus, Document
from bakeoff.errors import UserError
from bakeoff.lm.exporting.reading import ReadBack
from bakeoff.lm.perplexity import plan_scoring, score_plan, score_with, summary
from bakeoff.lm.prompting import prompting_path
from bakeoff.lm.protocols.registry import EXAMPLES
from bakeoff.lm.scoring_plan import ScoringPlan
from bakeoff.lm.sources import load_language_model
from bakeoff.methods.base import LanguageModelMethod
from bakeoff.methods.export_formats import FORMATS, ExportFormat
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.writing import write_text
from bakeoff.tasks.language_model import read_splits

CHARACTERS = 10_000
"""The validation text is compared up to about here: some 2,500 tokens."""

CONTEXT = 512


@dataclass(frozen=True)
class LanguageModelParity:
    """Perplexity of the exported model in another program, beside that of the trained one; both compute in fp32."""

    source: str  # of the text
    protocol: str
    tokens: int
    program: str  # that read the files
    original: float
    exported: float
    difference: float  # relative
    tolerance: float

    @property
    def sentence(self) -> str:
        return (
            f"Perplexity on {self.tokens:,} tokens of {self.source}: {self.original:.4f} as trained, "
            f"{self.exported:.4f} as read by {self.program} ({self.difference:+.3%}; at most {self.tolerance:.2%} is "
            f"allowed; {self.protocol})."
        )


def export_language_model(
    run: RunFolder,
    contestant: ContestantFolder,
    method: LanguageModelMethod[Any],
    format: ExportFormat,
    folder: Path,
) -> tuple[LanguageModelParity, str]:
    """Fill `folder`; return the comparison, and a command that uses the files.

    Raises:
        UserError: packages are missing, the format has no place for such a model, or the exported model tokenizes or
            predicts differently.
    """
    config = load_config(run.config_values())
    assert isinstance(config, LanguageModelConfig)
    source, text = _text(config)
    # Adapters are computed apart, as they were trained, so that merging is compared as well.
    original = load_language_model(str(contestant.path), precision="fp32", merged=False)
    plan = _plan(original.tokenizer, text, original.context_length)
    expected = summary(score_plan(original, plan)).perplexity
    context = original.context_length
    del original
    gc.collect()  # the exported model needs the memory
    written = method.export(format, contestant.model, folder)
    _compare_tokens(written, plan, _plan(written.tokenizer, text, context), format)
    found = summary(score_with(written.forward, plan)).perplexity
    parity = LanguageModelParity(
        source,
        plan.protocol,
        sum(len(row.targets) for row in plan.rows),
        written.program,
        expected,
        found,
        found / expected - 1,
        FORMATS[format].tolerance,
    )
    if not abs(parity.difference) <= parity.tolerance:  # NaN is not
        raise UserError(
            f"The exported model differs from the contestant. {parity.sentence}",
            _nothing_written(format),
        )
    if prompting_path(contestant.model).exists():
        shutil.copyfile(prompting_path(contestant.model), prompting_path(folder))
    title = f"{run.path.resolve().name}-{contestant.name}"
    write_text(folder / "README.md", _readme(title, format, parity, written.try_it.replace("{folder}", ".")))
    return parity, written.try_it


def _text(config: LanguageModelConfig) -> tuple[str, Corpus]:
    """Return the beginning of the run's validation text, or of a packaged one if its data are gone."""
    try:
        data, report = read_splits(config)
        return f"the run's validation text ({report.source})", beginning(data.validation)
    except UserError:
        data, _ = prepare_corpus(TextData(text="wikitext-2-part"), config.seed)
        return "packaged text, because the run's data can no longer be read", beginning(data.validation)


def beginning(corpus: Corpus) -> Corpus:
    """Return the first `CHARACTERS` or so of a corpus: whole examples, or whole lines of a text."""
    kept: list[Document] = []
    left = CHARACTERS
    for document in corpus.documents:
        if left <= 0:
            break
        if not document.answers and len(document.text) > left:
            text = document.text[:left]
            lines = ["" if not line.strip() else line for line in text.splitlines(keepends=True)]
            document = replace(document, text=text, lines=lines)
        kept.append(document)
        left -= len(document.text)
    return replace(corpus, documents=kept)


def _plan(tokenizer: Any, text: Corpus, context: int) -> ScoringPlan:
    if text.has_examples:
        return plan_scoring(tokenizer, text, EXAMPLES.name, model_context=context)
    length = min(context, CONTEXT, len(tokenizer(text.stream, verbose=False)["input_ids"]))
    return plan_scoring(tokenizer, text, "window", model_context=context, context_length=length, stride=length)


def _nothing_written(format: ExportFormat) -> str:
    return "Nothing was written." + ("" if format == "merged" else " Try another format: --to merged.")


def _compare_tokens(written: ReadBack, plan: ScoringPlan, other: ScoringPlan, format: ExportFormat) -> None:
    """Raise UserError if the exported tokenizer reads the text in another way."""
    if len(plan.rows) == len(other.rows) and all(
        np.array_equal(one.inputs, two.inputs) for one, two in zip(plan.rows, other.rows, strict=True)
    ):
        return
    raise UserError(
        f"The exported tokenizer, as read by {written.program}, does not split texts as the contestant's does.",
        _nothing_written(format),
    )


def _readme(title: str, format: ExportFormat, parity: LanguageModelParity, command: str) -> str:
    return (
        f"# {title}\n\nExported by bakeoff: {FORMATS[format].meaning}.\n\n{parity.sentence}\n\n"
        f"```console\n$ {command}\n```\n"
    )
