"""Settings of method `predictions`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.methods.base import MethodConfig
from bakeoff.sections import ColumnOrColumns


class PredictionsConfig(MethodConfig):
    """A file of somebody else's answers, judged like all others: of a commercial API, an older model, a person."""

    method: Literal["predictions"] = "predictions"
    file: str = Field(
        description="Table with a row for each text: whatever `data.table` may name. Relative to the config's folder."
    )
    id: str | None = Field(
        None,
        description="Column with the ids of the data's rows. If absent, by text, or by `id` where texts agree.",
    )
    text: ColumnOrColumns = Field(
        None, description="Column of the texts, or several, as `data.text`. If absent, that one or a usual name."
    )
    label: str | None = Field(
        None, description="Column of the answers. If absent, `predicted`, `pred`, `answer` or another usual name."
    )
    confidence: str | None = Field(
        None,
        description="Column with the probability of the answer, which then counts instead of columns for each class. "
        "If absent, those or `confidence` or `probability`. Not where a text can have several labels.",
    )
    labels_only: bool = Field(False, description="Ignore the file's probabilities.")

    def local_paths(self) -> dict[str, str]:
        return {"file": self.file}
