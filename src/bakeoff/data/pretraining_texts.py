"""Unlabeled texts for pretraining, without those that are held out to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.config.classification import ClassificationConfig
from bakeoff.data.splitting import folded
from bakeoff.data.types import SplitTable
from bakeoff.data.unlabeled import TextTable, read_texts
from bakeoff.methods.recurrent.config import Pretraining, RecurrentConfig


@dataclass(frozen=True)
class PretrainingTexts:
    """What a contestant is pretrained on, beside the texts of the training split."""

    source: str
    texts: list[str]
    held_out: int  # texts that were left out because they are identical to one of the validation or test split


def pretrainings(config: ClassificationConfig) -> list[Pretraining]:
    """Every contestant's request for pretraining."""
    contestants = config.contestants.values()
    return [each.pretrain for each in contestants if isinstance(each, RecurrentConfig) and each.pretrain]


def pretraining_files(config: ClassificationConfig) -> dict[str, str]:
    """The files of unlabeled texts, read once to see that they can be, and the SHA-256 of their content.

    Raises:
        UserError: one is missing, empty or malformed, or a column is not there.
    """
    files: dict[str, str] = {}
    for pretrain in pretrainings(config):
        files.update(_read(pretrain, config.data.text).table.files)
    return files


def pretraining_texts(
    pretrain: Pretraining, trained_on: str | Sequence[str] | None, data: SplitTable
) -> PretrainingTexts:
    """Read the unlabeled texts and leave out those that stand in the validation or test split.

    Two texts are the same if they differ in nothing but white space, as when the data were divided.

    Args:
        trained_on: The config's `data.text`.

    Raises:
        UserError: as `pretraining_files`.
    """
    table = _read(pretrain, trained_on)
    texts = [text for text in table.texts if text]
    judged_by = {folded(text) for side in (data.validation, data.test) for text in side.texts}
    used = [text for text in texts if folded(text) not in judged_by]
    return PretrainingTexts(table.table.source, used, len(texts) - len(used))


def _read(pretrain: Pretraining, trained_on: str | Sequence[str] | None) -> TextTable:
    def listed(columns: str | Sequence[str] | None) -> list[str]:
        return [columns] if isinstance(columns, str) else list(columns or [])

    key = "contestants.NAME.pretrain.column"
    return read_texts(pretrain.path, listed(pretrain.column), listed(trained_on), key)
