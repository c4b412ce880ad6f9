"""contestants/NAME/pretraining/: the training that comes before a contestant's own, and what goes on from it.

The folder is removed with the contestant's checkpoint, when its result is there. The metrics lie beside it and stay.
"""

from __future__ import annotations

from pydantic import Field

from bakeoff.runs.folder import ContestantFolder, write_text
from bakeoff.runs.record import Record
from bakeoff.runs.results import TrainingCost


class PretrainingSummary(Record):
    """What a finished pretraining leaves beside its weights."""

    source: str = Field(description="Where the unlabeled texts came from.")
    texts: int = Field(description="Unlabeled texts that were used.")
    training_texts: int = Field(description="Texts of the training split, used as well.")
    held_out: int = Field(description="Unlabeled texts not used because they stand in the validation or test split.")
    words: int = Field(description="Words of all texts used.")
    loss: float = Field(description="The best loss of held-out words, in nats per word.")
    cost: TrainingCost


class PretrainingFolder(ContestantFolder):
    """For the training loop it is a contestant's folder; it never holds a result."""

    def __init__(self, contestant: ContestantFolder) -> None:
        super().__init__(contestant.pretraining, writes=contestant.writes)
        self._metrics = contestant.path / "pretraining.jsonl"
        self._summary = self.path / "summary.json"

    def write_summary(self, summary: PretrainingSummary) -> None:
        """The last file of a pretraining: its presence says that the weights in ``model`` are final."""
        write_text(self._summary, summary.model_dump_json(indent=2) + "\n")

    def summary(self) -> PretrainingSummary | None:
        if not self._summary.exists():
            return None
        return PretrainingSummary.model_validate_json(self._summary.read_text(encoding="utf-8"))
