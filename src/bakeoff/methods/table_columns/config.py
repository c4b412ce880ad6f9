"""The setting `features` of the methods that read columns beside the text."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

ReadsFeatures = Annotated[
    bool,
    Field(
        description="Read the columns of `data.features` beside the text. With `false`, the contestant shows what they "
        "are worth."
    ),
]
