"""Read unlabeled texts for pretraining, without those used for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.data.splitting import folded
from bakeoff.data.types import SplitTable, TextTable
from bakeoff.data.unlabeled import read_texts
from bakeoff.methods.recurrent.config import Pretraining


@dataclass(frozen=True)
class PretrainingTexts:
    """The texts that a contestant is pretrained on, besides those of the training split."""

    source: str
    texts: list[str]
    held_out: int  # texts left out because they are identical to one of the validation or test split


def pretraining_texts(pretrain: Pretraining, data: SplitTable) -> PretrainingTexts:
    """Read the unlabeled texts, and leave out those that occur in the validation or test split, of no class too.

    As in splitting, two texts are identical if they differ in white space alone.

    Raises:
        UserError: as `read_pretraining_texts`.
    """
    table = read_pretraining_texts(pretrain, data.text_columns)
    texts = [text for text in table.texts if text]
    # With folds, these are the data of the model that is kept, which is not tested: the folds have tables of their own.
    splits = [data.validation] if data.folds else [data.validation, data.test]
    if data.out_of_scope:
        splits += [data.out_of_scope.choosing, data.out_of_scope.test]
    evaluated = {folded(text) for split in splits for text in split.texts}
    used = [text for text in texts if folded(text) not in evaluated]
    return PretrainingTexts(table.source, used, len(texts) - len(used))


def read_pretraining_texts(pretrain: Pretraining, trained_on: str | Sequence[str] | None) -> TextTable:
    """Read the unlabeled texts.

    Args:
        trained_on: Column or columns of the labeled texts, used if `pretrain` names none.

    Raises:
        UserError: the file is missing, empty or malformed, or has no such column.
    """

    def listed(columns: str | Sequence[str] | None) -> list[str]:
        return [columns] if isinstance(columns, str) else list(columns or [])

    key = "contestants.NAME.pretrain.column"
    return read_texts(pretrain.path, listed(pretrain.column), listed(trained_on), key)
