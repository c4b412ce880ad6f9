"""Unlabeled texts for pretraining, without those that are held out to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.data.splitting import folded
from bakeoff.data.types import SplitTable
from bakeoff.data.unlabeled import TextTable, read_texts
from bakeoff.methods.recurrent.config import Pretraining


@dataclass(frozen=True)
class PretrainingTexts:
    """What a contestant is pretrained on, beside the texts of the training split."""

    source: str
    texts: list[str]
    held_out: int  # texts that were left out because they are identical to one of the validation or test split


def pretraining_texts(pretrain: Pretraining, data: SplitTable) -> PretrainingTexts:
    """Read the unlabeled texts and leave out those that stand in the validation or test split.

    Two texts are the same if they differ in nothing but white space, as when the data were divided.

    Raises:
        UserError: as `read_pretraining_texts`.
    """
    table = read_pretraining_texts(pretrain, data.text_columns)
    texts = [text for text in table.texts if text]
    judged_by = {folded(text) for side in (data.validation, data.test) for text in side.texts}
    used = [text for text in texts if folded(text) not in judged_by]
    return PretrainingTexts(table.table.source, used, len(texts) - len(used))


def read_pretraining_texts(pretrain: Pretraining, trained_on: str | Sequence[str] | None) -> TextTable:
    """Read the unlabeled texts.

    Args:
        trained_on: The column or columns of the labeled texts, which are tried where `pretrain` names none.

    Raises:
        UserError: the file is missing, empty or malformed, or a column is not there.
    """

    def listed(columns: str | Sequence[str] | None) -> list[str]:
        return [columns] if isinstance(columns, str) else list(columns or [])

    key = "contestants.NAME.pretrain.column"
    return read_texts(pretrain.path, listed(pretrain.column), listed(trained_on), key)
