"""Settings of method `estimator`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from bakeoff.methods.base import MethodConfig


class EstimatorConfig(MethodConfig):
    """A scikit-learn estimator or pipeline of your own that is fitted on a list of texts. Runs the code you name."""

    method: Literal["estimator"] = "estimator"
    reads_code: ClassVar[bool] = True
    estimator: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="Import path of a function or class that returns the estimator, or of the estimator itself: "
        "`models:make_pipeline` is `make_pipeline` in `models.py` next to the config.",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Arguments of the function or class; of an estimator itself, its parameters (`clf__C: 10`).",
    )
    features: bool = Field(
        False,
        description="Fit it on data frames instead of lists of texts: the texts are column `text`, and the columns of "
        "`data.features` stand beside it, numbers and dates (in days since 1970) as floats, categories as strings, "
        "what is missing as NaN or None.",
    )
    folder: str = Field(
        ".", description="Folder with the module, relative to the config's. Installed modules are found first."
    )

    def local_paths(self) -> dict[str, str]:
        return {"folder": self.folder}
