"""Write a first config for somebody's data, with comments on what was found, ready to run."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import ValidationError

from bakeoff.config.choices import Choices
from bakeoff.config.classification import ClassificationConfig
from bakeoff.config.seen import Seen, describe, shown
from bakeoff.config.starting_examples import EXAMPLES_LINEUP, examples_yaml, find_examples, look_at_examples
from bakeoff.data.compression import TEXT_ENDINGS, ending_of, unpack
from bakeoff.data.config import PACKAGED_TEXTS, LabelFormat, TableData, TableFormat, TableSplit, TextData
from bakeoff.data.corpora import prepare_corpus
from bakeoff.data.encodings import decode_found
from bakeoff.data.fasttext_files import is_fasttext
from bakeoff.data.files import read_bytes
from bakeoff.data.profile import guess_columns, look_english, mean_words, word_counts
from bakeoff.data.raw_tables import RawTable, read_raw_table
from bakeoff.data.spreadsheets import naming_sheets
from bakeoff.data.tables import prepare_table
from bakeoff.data.text_cells import ExampleColumns, refuse_other_shapes
from bakeoff.data.text_sources import HUB_NAMES
from bakeoff.data.types import LabeledTexts
from bakeoff.errors import UserError
from bakeoff.evaluation.wording import listed
from bakeoff.methods.proposals import Proposal, TableFacts, lineup_yaml
from bakeoff.methods.registry import get_classification_method, method_names
from bakeoff.methods.table_columns.leaks import leak_note, leaking_columns
from bakeoff.methods.table_columns.proposing import usable_columns
from bakeoff.pretrained.names import has_small_language_model
from bakeoff.runs.data_report import DataReport

_SEED: int = ClassificationConfig.model_fields["seed"].default
_MANY_WORDS = 4_000_000  # in the training texts: an epoch takes minutes on two cores
_FEW_ROWS = 1_500  # for training
_VERY_FEW_ROWS = 150  # with 10 epochs, a network would take fewer than a hundred steps
_ROWS_FOR_ONE_TEST = 1_000  # of fewer, a fifth is too few to tell contestants apart
_FOLDS = 5
_FEW_TOKENS = 32_768
_AS_PROPOSED = Choices()
_LONGEST_WINDOW = 1024  # tokens: the default of protocol `window`

_LANGUAGE_MODELS = (
    Proposal("pretrained", "the model without any training: the baseline", is_quick=True, is_baseline=True),
    Proposal("full", "every weight is trained"),
    Proposal("lora", "small adapters are trained: less memory and disk"),
)


@dataclass(frozen=True)
class StartingConfig:
    """A config as the text of a YAML file, and what it was made from."""

    yaml: str
    seen: Seen
    lineup: list[Proposal]  # its contestants as proposed, and why
    among: Callable[[Collection[str]], StartingConfig]
    """Writes the config once more with these of its contestants. It reads nothing again, and holds no texts."""
    tables: dict[str, Any] = field(default_factory=dict)  # from Python: what the names of files in `yaml` stand for
    shorter: Callable[[Mapping[str, str], str, int | None], StartingConfig] | None = None
    """Writes the config of a table once more without reading it again: without some contestants (name -> how long they
    would take), with a sentence about the time that the others take, and with so many epochs, if fewer than usual."""

    @property
    def values(self) -> dict[str, Any]:
        """Return the config as `bakeoff.run` and `bakeoff.plan` take it, with the tables themselves in it."""
        values: dict[str, Any] = yaml.safe_load(self.yaml)
        data = {
            key: self.tables.get(value, value) if isinstance(value, str) else value
            for key, value in values["data"].items()
        }
        return {**values, "data": data}


def starting_config(
    source: str,
    text: Sequence[str] | None = None,
    label: str | list[str] | None = None,
    *,
    validation: str | None = None,
    test: str | None = None,
    names: Mapping[str, str] | None = None,
    choices: Choices = _AS_PROPOSED,
) -> StartingConfig:
    """Look at a table or a text, and write a config for it.

    The data are read and split as in a run, so that whatever a run would refuse is refused here.

    Args:
        source: Anything that a config's `data.table` or `data.text` may name.
        text: Columns of the texts, if known.
        label: Column of the labels, or a column of 0 and 1 for each label, if known.
        validation, test: Tables of these splits, where `source` has the training rows only.
        names: What the config calls sources, where that is not their path.
        choices: What somebody decided instead of taking what is proposed.

    Raises:
        UserError: the source cannot be read, has no texts, or labels that cannot be learned.
    """
    names = names or {}
    text = list(dict.fromkeys(text or []))  # a column that is named twice is one
    labels = list(dict.fromkeys(_listed(label)))
    label = labels[0] if len(labels) == 1 else labels or None
    others = {key: file for key, file in (("validation", validation), ("test", test)) if file is not None}
    if _is_text(source):
        if others:
            raise _not_a_table(source)
        return _language_model(source, None, choices=choices)
    table = read_raw_table(source)
    with naming_sheets(table.other_sheets):
        if not text and label is None and (found := find_examples(table)):
            return _examples(source, table, found, others, names, choices)
        return _labeled_table(source, table, text, label, others, names, choices)


def _examples(
    source: str,
    table: RawTable,
    found: ExampleColumns,
    others: Mapping[str, str],
    names: Mapping[str, str],
    choices: Choices,
) -> StartingConfig:
    """Write a config for a table of prompts and answers, or of chats."""
    files = {"train": source, **others} if others else {"examples": source}
    if any(read_raw_table(other).format != table.format for other in others.values()):
        table = dataclasses.replace(table, format=None)  # a run finds how each is written
    with _explained_files():
        seen, facts = look_at_examples(table, found, files, names, _SEED)
    lines = _files_yaml(seen, "examples") + _format_line(seen.format)
    return _written(seen, EXAMPLES_LINEUP, partial(examples_yaml, found, facts, lines, scalar), choices)


def _labeled_table(
    source: str,
    table: RawTable,
    text: Sequence[str] | None,
    label: str | list[str] | None,
    others: Mapping[str, str],
    names: Mapping[str, str],
    choices: Choices,
) -> StartingConfig:
    """Write a config for a table of texts with labels; for one without, that of a language model."""
    try:
        roles = guess_columns(table, text, label)
    except UserError:
        if not text and label is None:
            refuse_other_shapes(table.columns, "text", source, "--text")  # chats have a better answer
        raise
    if roles.label is None:
        if others:
            raise _not_a_table(source)
        if not text:
            refuse_other_shapes(table.columns, "text", source, "--text")
        if len(roles.text) > 1:
            raise UserError(
                f"{source} has no label, and a language model reads one column, not {listed(roles.text)}.",
                "Name one of them: --text COLUMN. If there is a label, name it: --label COLUMN",
            )
        if table.files and not Path(source).expanduser().exists():  # a pattern, or a URL
            raise UserError(
                f"{source} has no label, and a language model reads one file or folder on this machine.",
                "Put the rows in one file here. If there is a label, name it: --label COLUMN",
            )
        return _language_model(source, roles.text[0], list(table.columns), names, choices)
    columns: str | list[str] = roles.text[0] if len(roles.text) == 1 else roles.text
    taken = {*roles.text, *_listed(roles.label), *_listed(roles.split), *roles.unused_splits}
    others_usable = usable_columns(table.columns, taken)
    files = {"train": source, **others} if others else {}
    format, labels = table.format, LabelFormat(separator=roles.separator)
    if files:
        tables = [read_raw_table(other) for other in others.values()]
        others_usable = [name for name in others_usable if all(other.has_column(name) for other in tables)]
        if any(other.format != format for other in tables):
            format = None  # one setting cannot describe them all, so a run finds each again
        with _explained_files():
            data = TableData(
                text=columns,
                label=roles.label,
                labels=labels,
                format=format or TableFormat(),
                features=others_usable or None,
                **files,
            )
        roles = dataclasses.replace(roles, split=None)  # the files say it
    else:
        if choices.split:
            roles = dataclasses.replace(roles, split=None)
        elif roles.split is None and roles.unused_splits:
            why = f"{roles.unused_splits[0]} does not divide the rows with a label into train and test"
            roles.reasons.append(f"split: at random, because column {why}")
        data = TableData(
            table=source,
            format=format or TableFormat(),
            text=columns,
            label=roles.label,
            labels=labels,
            features=others_usable or None,
            split=TableSplit(column=roles.split, **choices.split),
        )
    split, report = prepare_table(data, _SEED)
    apart = 2 if report.folds else 3  # with folds, train and validation are all rows already
    classes: Counter[str] = Counter()
    for part in report.splits[:apart]:
        classes.update(part.labels)
    rows = sum(part.rows for part in report.splits[:apart]) + sum(report.skipped.values())
    leaks = leaking_columns(split) if split.features else {}
    texts = [text for part in (split.train, split.validation, split.test)[:apart] for text in part.texts]
    seen = _seen(report, "classification", rows, texts)
    seen.features = [name for name in split.features if name not in leaks]
    seen.columns, seen.text, seen.label, seen.split = list(table.columns), roles.text, roles.label, roles.split
    seen.source = names.get(source, source)
    seen.format, seen.reasons = format, roles.reasons
    seen.separator, seen.multilabel = roles.separator, report.multilabel
    if format is not None or not files:  # the rows were read with the format that was found, which is no news then
        seen.notes = [*(note for note in table.notes if note not in report.notes), *report.notes]
    seen.notes = [*seen.notes, *map(leak_note, leaks.items())]
    seen.files = {key: names.get(file, file) for key, file in files.items()}
    seen.classes = dict(classes.most_common())
    seen.english = look_english(split.train.texts) if choices.english is None else choices.english
    facts = _facts(seen, split.train)
    others_read = [name for name in table.columns if name not in taken]
    wordiest = max(others_read, key=lambda name: mean_words(table.columns[name]), default="title")

    def write(
        decided: Choices, left_out: Mapping[str, str] = MappingProxyType({}), time: str = "", epochs: int | None = None
    ) -> StartingConfig:
        timed = dataclasses.replace(seen, left_out=dict(left_out), time=time, epochs=epochs)
        lineup = _lineup(facts, left_out, decided)
        page = _classification_yaml(timed, facts, wordiest, lineup, decided)

        def among(names: Collection[str]) -> StartingConfig:
            return write(dataclasses.replace(decided, contestants=names))

        return StartingConfig(page, timed, lineup, among, shorter=partial(write, decided))

    return write(choices)


def _not_a_table(source: str) -> UserError:
    return UserError(
        f"{source} is not a table with labels, so it has no separate validation and test tables.",
        "For a text in several files, give the folder that holds them. If there is a label, name it: --label COLUMN",
    )


@contextlib.contextmanager
def _explained_files() -> Iterator[None]:
    """Turn what is wrong with the files of several splits, such as the same for two of them, into a UserError."""
    try:
        yield
    except ValidationError as error:
        raise UserError(
            f"These files make no config: {error.errors()[0]['msg'].removeprefix('Value error, ')}."
        ) from None


def _is_text(source: str) -> bool:
    path = Path(source).expanduser()
    if source in PACKAGED_TEXTS or source in HUB_NAMES:
        return True
    if ending_of(source) in TEXT_ENDINGS:
        return not (path.is_file() and is_fasttext(unpack(read_bytes(path), source, ())[0]))
    return path.is_dir() and not (path / "train").is_dir()  # aclImdb, a folder that is a table, has train/


def _language_model(
    source: str,
    column: str | None,
    columns: Sequence[str] = (),
    names: Mapping[str, str] = MappingProxyType({}),
    choices: Choices = _AS_PROPOSED,
) -> StartingConfig:
    path = Path(source).expanduser()
    if column is not None:
        data = TextData(text=source, column=column)
    elif path.is_file():
        _, encoding = decode_found(unpack(read_bytes(path), source, TEXT_ENDINGS)[0], source)
        data = TextData(text=source, encoding=None if encoding == "utf-8" else encoding)
    else:
        data = TextData(text=source)
    split, report = prepare_corpus(data, _SEED)
    corpora = [split.train, split.validation, *([split.test] if split.test else [])]
    texts = [document.text for corpus in corpora for document in corpus.documents]
    seen = _seen(report, "language-model", len(texts), texts)
    seen.source = names.get(source, seen.source)
    seen.columns, seen.text = list(columns), [column] if column else []
    if data.encoding:
        seen.format = TableFormat(encoding=data.encoding)
        seen.notes.insert(0, f"Read as: {data.encoding}.")
    evaluated = split.test or split.validation
    body = partial(
        _language_model_yaml,
        seen,
        training_words=len(split.train.stream.split()),
        evaluated_words=len(evaluated.stream.split()),
        has_test=split.test is not None,
    )
    return _written(seen, _LANGUAGE_MODELS, body, choices)


def _written(
    seen: Seen,
    proposals: Sequence[Proposal],
    body: Callable[[Sequence[Proposal], Choices], str],
    choices: Choices,
) -> StartingConfig:
    """Write the config of a language model.

    Args:
        proposals: All contestants.
        body: Returns the keys for those that were chosen.
    """
    lineup = _chosen(proposals, choices)

    def among(names: Collection[str]) -> StartingConfig:
        return _written(seen, proposals, body, dataclasses.replace(choices, contestants=names))

    return StartingConfig(_page(seen, body(lineup, choices)), seen, lineup, among)


def _seen(report: DataReport, task: str, rows: int, texts: Sequence[str]) -> Seen:
    return Seen(
        source=report.source,
        task=task,
        rows=rows,
        words=word_counts(texts),
        skipped=report.skipped,
        duplicate_texts=report.duplicate_texts,
        near_duplicate_texts=report.near_duplicate_texts,
        notes=report.notes,
    )


def _chosen(proposals: Sequence[Proposal], choices: Choices) -> list[Proposal]:
    return [each for each in proposals if choices.contestants is None or each.name in choices.contestants]


def _facts(seen: Seen, training: LabeledTexts) -> TableFacts:
    """Return what the methods need to know to propose contestants."""
    assert seen.words is not None
    return TableFacts(
        training_rows=len(training),
        training_words=sum(len(text.split()) for text in training.texts),
        smallest_class=min(filter(None, training.label_counts(len(seen.classes)))),
        long_text=seen.words.percentile_95,
        is_english=bool(seen.english),
        has_gpu=Path("/proc/driver/nvidia/gpus").exists(),  # torch, which would know, takes seconds to import
        has_language_model=has_small_language_model(),
        multilabel=seen.multilabel,
    )


def _lineup(facts: TableFacts, left_out: Mapping[str, str], choices: Choices) -> list[Proposal]:
    """Return the contestants that the methods propose for such a table.

    Raises:
        UserError: one was chosen that is made of others, and too few of those were.
    """
    methods = (get_classification_method(name) for name in method_names("classification"))
    able = (method for method in methods if method.multilabel or not facts.multilabel)
    kinds = {type(method): method for method in able}  # lstm and gru are names of one method
    proposed = [each for method in kinds.values() for each in method.propose(facts)]
    alone = [each for each in _chosen(proposed, choices) if each.name not in left_out]
    joint = [each for method in kinds.values() for each in method.propose_jointly(alone)]
    if choices.contestants is not None:
        of_all = [each for method in kinds.values() for each in method.propose_jointly(proposed)]
        missing = {each.name for each in _chosen(of_all, choices)} - {each.name for each in joint}
        if missing:
            members = [each.name for each in alone if not each.is_baseline]
            raise UserError(
                f"Choose more contestants: {listed(sorted(missing))} is made of others that learn, and of those "
                f"{f'only {listed(members)} was' if members else 'none was'} chosen."
            )
    return [*alone, *(each for each in _chosen(joint, choices) if each.name not in left_out)]


def _classification_yaml(
    seen: Seen, facts: TableFacts, wordiest: str, lineup: Sequence[Proposal], choices: Choices
) -> str:
    """Write the config.

    Args:
        wordiest: The column with the most words besides the text and the label.
    """
    labels = seen.label if isinstance(seen.label, list) else [seen.label or ""]
    label = scalar(labels[0]) if len(labels) == 1 else f"[{', '.join(map(scalar, labels))}] # yes or no in each"
    if seen.separator is not None:
        label += f"\n  labels: {{separator: {scalar(seen.separator)}}} # between several labels of one text"
    text = scalar(seen.text[0]) if len(seen.text) == 1 else f"[{', '.join(map(scalar, seen.text))}]"
    several = f"[{scalar(wordiest)}, {scalar(seen.text[0])}]"
    rows = seen.rows - sum(seen.skipped.values())
    if seen.files:
        split = "{validation: 0.1, test: 0.2} # shares of all rows; only for a split that has no file"
    elif seen.split:
        split = f"{{column: {scalar(seen.split)}}} # names the split of each row; without it: 10 % and 20 % at random"
    elif choices.folds or (rows < _ROWS_FOR_ONE_TEST and not choices.split):
        folds = choices.folds or _FOLDS
        split = (
            f"{{folds: {folds}, validation: 0.1}} # {'' if choices.folds else 'few rows: '}each is tested once, by "
            f"models trained on the others ({folds + 1} trainings of each contestant); for one: "
            "{validation: 0.1, test: 0.2}"
        )
    else:
        split = (
            f"{{validation: 0.1, test: {choices.test or 0.2:g}}} # random, stratified by class, near-duplicates kept "
            "together"
        )
    if choices.epochs is not None:
        epochs, why = choices.epochs, "as chosen; the best epoch is kept"
    elif seen.epochs is not None:
        epochs, why = seen.epochs, "fewer passes than usual, for lack of time; the best epoch is kept"
    elif facts.training_rows < _VERY_FEW_ROWS:
        epochs, why = 30, "very few rows, so many passes over them; the best epoch is kept"
    elif facts.training_rows < _FEW_ROWS:
        epochs, why = 10, "few rows, so more passes over them; the best epoch is kept"
    elif facts.training_words > _MANY_WORDS:
        epochs, why = 3, f"{facts.training_words / 1e6:.0f} million words per epoch: check the time with `bakeoff plan`"
    else:
        epochs, why = 5, "passes over the training rows for every contestant; the best epoch is kept"
    return _page(
        seen,
        f"""\
task: classification
data:
{_files_yaml(seen)}{_format_line(seen.format)}
  text: {text} # several columns are joined: {several}
  label: {label}
{_features_line(seen)}  split: {split}
budget: {{epochs: {epochs}}} # {why}
contestants: # to change a setting: lstm: {{hidden_size: 64}}
{lineup_yaml(choices.applied(lineup))}
{_text_only_line(seen, lineup)}\
{choices.evaluation_yaml}seed: {_SEED} # for the split, the weights and the order of texts
{choices.repeats_yaml}""",
    )


def _listed(columns: str | list[str] | None) -> list[str]:
    return [columns] if isinstance(columns, str) else columns or []


def _features_line(seen: Seen) -> str:
    """Propose columns to read beside the text, in a comment: only their owner knows when they are filled in."""
    if not seen.features:
        return ""
    columns = ", ".join(map(scalar, seen.features))
    return f"  # features: [{columns}] # read beside the text: if they are known whenever a text is classified\n"


def _text_only_line(seen: Seen, lineup: Sequence[Proposal]) -> str:
    """Propose the contestant which shows what columns bring, in a comment."""
    if not seen.features or "linear" not in [each.name for each in lineup]:
        return ""
    return "  # linear-text-only: {method: linear, features: false} # with features: shows what they bring\n"


def _files_yaml(seen: Seen, whole: str = "table") -> str:
    first, *others = (seen.files or {whole: seen.source}).items()
    lines = [f"  {first[0]}: {scalar(first[1])} # relative to the folder where you run bakeoff"]
    return "\n".join([*lines, *(f"  {key}: {scalar(file)}" for key, file in others)])


def _format_line(format: TableFormat | None) -> str:
    """Return the key `format` on a line of its own, or nothing where files say themselves how they are written."""
    if format is None or not (values := format.model_dump(exclude_none=True)):
        return ""
    settings = ", ".join(
        f"{key}: {str(value).lower() if isinstance(value, bool) else scalar(value)}" for key, value in values.items()
    )
    return f"\n  format: {{{settings}}} # as found: a run does not guess again"


def _language_model_yaml(
    seen: Seen,
    lineup: Sequence[Proposal],
    choices: Choices,
    *,
    training_words: int,
    evaluated_words: int,
    has_test: bool,
) -> str:
    few = training_words < _FEW_TOKENS
    budget = (
        f"{{epochs: {choices.epochs or 3}}} # passes over the text"
        if few or choices.epochs
        else f"{{tokens: {_FEW_TOKENS}, evaluations: 4}} # for a first look"
    )
    column = f"\n  column: {scalar(seen.text[0])} # each row is a document" if seen.text else ""
    if seen.format:
        column = f"\n  encoding: {scalar(str(seen.format.encoding))} # as found: a run does not guess again"
    # A word is at least one token, so there is at least one window to score.
    long = evaluated_words >= _LONGEST_WINDOW
    protocols = "[document, window] # the first one ranks" if long else "[document] # `window` needs a longer text"
    evaluated_split = "" if has_test else "\n  split: validation # there is no test split"
    return f"""\
task: language-model
model: smollm2-135m # or a hub id, a local folder, a GGUF file
data:
  text: {scalar(seen.source)} # relative to the folder where you run bakeoff{column}
budget: {budget}; the same for every contestant
contestants: # to change a setting: lora: {{r: 64}}
{lineup_yaml(choices.applied(lineup))}
evaluation:
  protocols: {protocols}{evaluated_split}
  prompts: [] # texts that every contestant continues
seed: {_SEED} # for the split and the order of texts
{choices.repeats_yaml}"""


def _page(seen: Seen, body: str) -> str:
    options = (f"--{key} {shown(file)}" for key, file in seen.files.items() if key != "train")
    command = " ".join(["bakeoff init", shown(seen.files.get("train", seen.source)), *options])
    comments = [
        f"Written by `{command}`. Every key and its default: python -m bakeoff.config.reference",
        "Estimate time and memory: bakeoff plan THIS-FILE. Run it: bakeoff run THIS-FILE",
        "",
        "What was found:",
        *(f"  {line}" for line in describe(seen)),
        *(["", seen.time] if seen.time else []),
        *(f"Left out for lack of time: {shown(name)}, {seconds}" for name, seconds in seen.left_out.items()),
    ]
    return "".join(f"# {line}".rstrip() + "\n" for line in comments) + "\n" + body


def scalar(value: str) -> str:
    """Return a string as YAML on one line, which also works inside brackets."""

    style: dict[str, Any] = {"allow_unicode": True} if value.isprintable() else {"default_style": '"'}
    page: str = yaml.safe_dump([value], default_flow_style=True, width=10**9, **style)
    return page.strip()[1:-1]
