"""A first config for prompts with answers, or for chats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bakeoff.config.choices import Choices
from bakeoff.config.seen import Seen
from bakeoff.data.config import TableFormat
from bakeoff.data.example_config import ExampleData
from bakeoff.data.example_texts import Message
from bakeoff.data.examples import prepare_examples
from bakeoff.data.profile import WordCounts, word_counts
from bakeoff.data.raw_tables import RawTable
from bakeoff.data.text_cells import ExampleColumns, example_columns
from bakeoff.methods.proposals import Proposal, lineup_yaml

_MANY = 2_000
_MOST_ANSWERED = 200
_TOKENS_A_WORD = 2  # rather more than most have


@dataclass(frozen=True)
class ExampleFacts:
    """The facts about examples that decide what is proposed."""

    training: int  # examples
    tested: int
    answers: WordCounts  # of the test examples


EXAMPLES_LINEUP = (
    Proposal("pretrained", "the model without any training: the baseline", is_quick=True, is_baseline=True),
    Proposal("few-shot", "no training either, but examples in the prompt", "{examples: 4}"),
    Proposal("lora", "small adapters are trained: less memory and disk", "{batch_size: 16}"),
    Proposal("full", "every weight is trained", "{batch_size: 16, learning_rate: 5.0e-5}"),
)
"""The contestants of a first bake-off on prompts with answers."""


def find_examples(table: RawTable) -> ExampleColumns | None:
    """Return the columns of prompts and answers, or of chats, of a table that has no column `text`."""
    found = example_columns(table.columns)
    has_any = found.messages is not None or found.completion is not None
    return found if has_any and "text" not in table.columns else None


def look_at_examples(
    table: RawTable, found: ExampleColumns, files: Mapping[str, str], names: Mapping[str, str], seed: int
) -> tuple[Seen, ExampleFacts]:
    """Read and split examples as a run does, and return what was found.

    Args:
        files: The source under `examples`, or files by split.
        names: What the config calls files.

    Raises:
        UserError: they cannot be read or split.
    """
    columns = {"prompt": found.prompt or None, "completion": found.completion, "messages": found.messages}
    data = ExampleData(**files, **columns, format=table.format or TableFormat())
    split, report = prepare_examples(data, seed, lambda: _stand_in)
    assert split.test is not None
    documents = [*split.train.documents, *split.validation.documents, *split.test.documents]
    reason = f"messages: {found.messages}, for its name"
    if found.messages is None:
        reason = f"prompt: {' and '.join(found.prompt)}, and completion: {found.completion}, for their names"
    seen = Seen(
        source=names.get(table.source, table.source),
        task="language-model",
        rows=len(documents),
        columns=list(table.columns),
        text=[found.messages] if found.messages else [*found.prompt, str(found.completion)],
        files={key: names.get(file, file) for key, file in files.items() if key != "examples"},
        words=word_counts([document.text for document in documents]),
        skipped=report.skipped,
        duplicate_texts=report.duplicate_texts,
        near_duplicate_texts=report.near_duplicate_texts,
        notes=report.notes,
        format=table.format,
        reasons=[reason],
        examples=True,
    )
    answers = word_counts([document.reference for document in split.test.documents])
    return seen, ExampleFacts(len(split.train.documents), len(split.test.documents), answers)


def _stand_in(messages: Sequence[Message], answering: bool) -> str:
    """Write a chat without the template of a model, whose tokenizer takes seconds to load."""
    return "".join(f"{message['role']}: {message['content']}\n" for message in messages) + "assistant: " * answering


def examples_yaml(
    found: ExampleColumns,
    facts: ExampleFacts,
    files: str,
    scalar: Callable[[str], str],
    lineup: Sequence[Proposal],
    choices: Choices,
) -> str:
    """Return the keys of a config.

    Args:
        files: The lines of `data` that name the files.
        scalar: Returns a string as YAML.
        lineup: The contestants.
    """
    if found.messages is not None:
        roles = f"  messages: {scalar(found.messages)} # the model's chat template makes texts of them"
    else:
        several = len(found.prompt) > 1
        prompt = f"[{', '.join(map(scalar, found.prompt))}]" if several else scalar(found.prompt[0])
        roles = f"""\
  prompt: {prompt}
  completion: {scalar(str(found.completion))}
  template: "{{prompt}}\\n{{completion}}" # try: "Question: {{prompt}}\\nAnswer: {{completion}}\""""
    many = facts.training > _MANY
    budget = (
        "{tokens: 65536, evaluations: 4} # for a first look"
        if many and not choices.epochs
        else f"{{epochs: {choices.epochs or 3}}} # passes over the examples"
    )
    words = facts.answers.percentile_95 if facts.answers.units == "words" else facts.answers.percentile_95 // 2
    return f"""\
task: language-model
model: smollm2-135m # or a hub id, a local folder, a GGUF file
data:
{files}
{roles}
  split: {{validation: 0.1, test: 0.2}} # random, near-identical prompts kept together
budget: {budget}; the same for every contestant that is trained
contestants: # to change a setting: lora: {{r: 64}}
{lineup_yaml(choices.applied(lineup))}
evaluation:
  answers: {min(_MOST_ANSWERED, facts.tested)} # test prompts that every contestant answers
  max_new_tokens: {max(8, min(_MOST_ANSWERED, words * _TOKENS_A_WORD))} # most tokens of an answer
  metric: token_f1 # decides; also exact_match, rouge_l, chrf, perplexity
seed: 12 # for the split, the examples in prompts and the order of texts
{choices.repeats_yaml}"""
