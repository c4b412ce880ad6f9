"""Settings of method `estimator`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from bakeoff.methods.base import MethodConfig


class EstimatorConfig(MethodConfig):
    """A scikit-learn estimator or pipeline of your own that is fitted on a list of texts. Runs the code you name."""

    method: Literal["estimator"] = "estimator"
    estimator: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="Import path of a function or class that returns the estimator, or of the estimator itself: "
        "`models:make_pipeline` is `make_pipeline` in `models.py` next to the config.",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Arguments of the function or class; of an estimator itself, its parameters (`clf__C: 10`).",
    )
    folder: str = Field(
        ".", description="Folder with the module, relative to the config's. Installed modules are found first."
    )

    def local_paths(self) -> dict[str, str]:
        return {"folder": self.folder}
