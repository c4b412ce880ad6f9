"""Set the texts apart that belong to no class, where a label marks them (`data.out_of_scope`)."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.data.cells import check_occurs
from bakeoff.data.dividing import SPLITS, RowsBySplit
from bakeoff.errors import UserError


def check_label(source: str, label: str, labels: Sequence[str] | None) -> None:
    """Refuse a label that no row has.

    Args:
        labels: The label of each row; None where a text can have several.

    Raises:
        UserError: no row has it, or a text can have several labels.
    """
    if labels is None:
        raise UserError(
            f"data.out_of_scope: '{label}' needs one label for each text, but in {source} a text can have several.",
            "Leave it out: a text without any label is already none of these.",
        )
    check_occurs(source, "data.out_of_scope", label, labels)


def set_apart(parts: RowsBySplit, labels: Sequence[int], label: int) -> tuple[RowsBySplit, RowsBySplit, int]:
    """Take the rows that belong to no class out of all splits, and move those of the training split to validation.

    Args:
        labels: The label of each row of the table.
        label: The one that is no class.

    Returns:
        The rows of the classes by split, all rows by split after the move, and how many were moved.
    """
    inside = {name: [row for row in parts[name] if labels[row] != label] for name in SPLITS}
    moved = [row for row in parts["train"] if labels[row] == label]
    whole = {"train": inside["train"], "validation": [*parts["validation"], *moved], "test": parts["test"]}
    return inside, whole, len(moved)


def missing_texts(source: str, label: str, inside: RowsBySplit, whole: RowsBySplit) -> UserError | None:
    """Return what to say where no text that belongs to no class can choose the threshold, or measure it."""
    uses = {
        "validation": "training or validation row, which choose the threshold",
        "test": "test row, which measures it",
    }
    for name, use in uses.items():
        if len(whole[name]) == len(inside[name]):
            return UserError(
                f"{source}: '{label}' (data.out_of_scope) is the label of no {use}.",
                "Give more different texts with that label, or leave data.out_of_scope out.",
            )
    return None


def moved_note(label: str, moved: int) -> list[str]:
    """Say how the rows of the training split that belong to no class are used."""
    used = f" {moved:,} training rows that have it were moved to the validation split." if moved else ""
    return [f"The label '{label}' (out of scope) is no class: no contestant learns it. It chooses a threshold.{used}"]
