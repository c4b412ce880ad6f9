"""Read prompts with their answers, or chats, check them and split them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bakeoff.data.columns import choose_column, choose_text_columns, path_notes, row_texts, text_notes
from bakeoff.data.dividing import SPLITS, Rows
from bakeoff.data.example_config import ExampleData
from bakeoff.data.example_texts import Render, chat_document, chat_of, pair_document
from bakeoff.data.fingerprint import fingerprint
from bakeoff.data.leakage import Duplicates, find_duplicates, report_leakage
from bakeoff.data.raw_tables import RawTable
from bakeoff.data.shared_words import find_shared_words
from bakeoff.data.split_rules import divide, split_name, split_values
from bakeoff.data.table_sources import TableSource, read_source, refuse_if_empty
from bakeoff.data.text_cells import example_columns
from bakeoff.data.types import Corpus, Document, SplitCorpus
from bakeoff.errors import UserError
from bakeoff.runs.data_report import DataReport, SplitReport

BETWEEN = "\n\n"
"""Between examples where several stand in one text."""


@dataclass
class _Examples:
    """The rows that can be used; lists of the same length."""

    ids: list[str] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    chats: list[str] = field(default_factory=list)  # their messages as JSON; empty where the rows are no chats
    split_values: list[Any] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def fingerprinted(self, row: int) -> tuple[str, ...]:
        """Return what tells whether a row is the same as before, or in another run: nothing of a model's template."""
        document = self.documents[row]
        if self.chats:
            return document.name, self.chats[row]
        return document.name, document.prompt, document.reference


def prepare_examples(data: ExampleData, seed: int, renderer: Callable[[], Render]) -> tuple[SplitCorpus, DataReport]:
    """Read a table of examples and split its rows into train, validation and test, as `prepare_table` does.

    Args:
        renderer: Returns the chat template of the model; called for chats only.

    Raises:
        UserError: the source or a column is missing, empty or malformed, or there are too few rows.
    """
    source = read_source(data, lambda table: _columns(table, data))
    chat = source.label[0] in source.text
    examples = _usable(source, data, renderer() if chat else None)
    name = source.table.source
    random = np.random.default_rng(seed)
    chosen = list(range(len(examples.ids)))
    notes = [*source.table.notes, *examples.notes]
    if data.rows is not None and data.rows < len(chosen):
        notes.append(f"A random sample of {data.rows:,} of {len(chosen):,} rows is used.")
        chosen = sorted(random.choice(len(chosen), size=data.rows, replace=False).tolist())
    prompts = [document.question for document in examples.documents]
    shared = find_shared_words(prompts[row] for row in chosen)
    # Short questions behind one long instruction would all be near-duplicates, and none of them in a test split.
    duplicates = replace(find_duplicates([shared.shortened(prompt) for prompt in prompts], chosen), texts=prompts)
    rows = Rows(name, chosen, [0] * len(examples.ids), ["example"], duplicates)
    division = divide(data, source, rows, examples.split_values, random)
    for split in SPLITS:
        if not division.rows[split]:
            different = len(np.unique(duplicates.keys))
            raise UserError(
                f"{name} leaves no example for the {split} split: it has {different} different prompts.",
                "Give more examples, or change data.split.",
            )
    shuffled: dict[str, list[int]] = {}
    corpora: dict[str, Corpus] = {}
    for split in SPLITS:
        order = random.permutation(len(division.rows[split])).tolist()
        shuffled[split] = [division.rows[split][place] for place in order]
        documents = [examples.documents[row] for row in shuffled[split]]
        corpora[split] = Corpus(split, documents, "" if chat else BETWEEN, chat=chat)
    report = _report(source.table, examples, corpora, shuffled)
    is_random = source.splits is None and data.split.rule is None
    report.split_seed = seed if is_random or data.split.group is not None else None
    report.split_rule = division.rule
    report.notes = notes + division.notes + _contradictions(examples, duplicates, chosen)
    report_leakage(report, duplicates, division.rows, examples.ids, [], "prompts")
    return SplitCorpus(corpora["train"], corpora["validation"], corpora["test"]), report


def _columns(table: RawTable, data: ExampleData) -> tuple[list[str], list[str]]:
    """Return the columns of the prompts and of the answers; for chats, their column as both."""
    found = example_columns(table.columns)
    if data.messages is not None or (data.prompt is None and data.completion is None and found.messages):
        column = choose_column(table, data.messages or found.messages, (), "data.messages")
        return [column], [column]
    if data.prompt is None and not found.prompt:
        raise UserError(
            f"No columns of {table.source} have usual names of prompts and answers; it has {', '.join(table.columns)}.",
            "Name them: --set data.prompt=NAME --set data.completion=NAME",
        )
    completion, usual = data.completion or found.completion, ("completion", "answer", "output")
    return (
        choose_text_columns(table, data.prompt or found.prompt, "data.prompt"),
        [choose_column(table, completion, usual, "data.completion", "answer")],
    )


def _usable(source: TableSource, data: ExampleData, render: Render | None) -> _Examples:
    """Collect the rows that have a prompt, an answer and what the split needs, and count the others by reason."""
    table = source.table
    examples = _Examples()
    splits = split_values(source, data, examples.notes)
    if render is None:
        examples.notes += [*text_notes(table, source.text), *path_notes(table, source.label)]
        prompts, answers = row_texts(table, source.text), row_texts(table, source.label)
    (label,) = source.label
    cells = table.column(label)
    for row, (name, (split_value, problem)) in enumerate(zip(source.names, splits, strict=True)):
        if render is None:
            prompt, answer = prompts[row], answers[row]
            if prompt is None or answer is None:
                examples.skipped[f"the {'prompt' if prompt is None else 'answer'} is empty or missing"] += 1
                continue
            document = pair_document(name, data.template, prompt, answer)
        else:
            if not cells[row]:
                examples.skipped["the chat is empty or missing"] += 1
                continue
            messages = chat_of(cells[row], name, label, table.source)
            document = chat_document(name, messages, render, table.source)
        if problem:
            examples.skipped[problem] += 1
            continue
        if data.split.column is not None:
            split_value = split_name(table.source, data.split.column, split_value)
        examples.ids.append(name)
        examples.documents.append(document)
        if render is not None:
            examples.chats.append(json.dumps(messages))
        examples.split_values.append(split_value)
    way_out = f"The prompts were read from {' and '.join(map(repr, source.text))}, the answers from {label!r}."
    refuse_if_empty(source, examples.ids, examples.skipped, way_out)
    return examples


def _contradictions(examples: _Examples, duplicates: Duplicates, chosen: list[int]) -> list[str]:
    answers: dict[int, set[str]] = {}
    for row, key in zip(chosen, duplicates.keys[chosen].tolist(), strict=True):
        answers.setdefault(key, set()).add(examples.documents[row].reference)
    several = sum(len(different) > 1 for different in answers.values())
    return [f"{several:,} prompt{'s occur' if several > 1 else ' occurs'} with different answers."] if several else []


def _report(
    table: RawTable, examples: _Examples, corpora: Mapping[str, Corpus], rows: Mapping[str, list[int]]
) -> DataReport:
    strings = {
        split: [string for row in its_rows for string in examples.fingerprinted(row)]
        for split, its_rows in rows.items()
    }
    return DataReport(
        source=table.source,
        files=table.files,
        fingerprint=fingerprint(strings.items()),
        splits=[
            SplitReport(
                name=split,
                rows=len(corpus.documents),
                characters=sum(len(document.text) for document in corpus.documents),
                fingerprint=fingerprint([(split, strings[split])]),
            )
            for split, corpus in corpora.items()
        ],
        skipped=dict(examples.skipped),
    )
