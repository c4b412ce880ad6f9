"""Settings of method `linear`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bakeoff.methods.base import MethodConfig
from bakeoff.sections import ClassWeights, PositiveFloat, PositiveInt


class LinearConfig(MethodConfig):
    """TF-IDF of word n-grams and logistic regression (scikit-learn)."""

    method: Literal["linear"] = "linear"
    max_ngram: Annotated[int, Field(ge=1, le=5)] = Field(3, description="Longest n-gram, in words.")
    min_document_frequency: PositiveInt = Field(2, description="Ignore n-grams that occur in fewer training texts.")
    naive_bayes: bool = Field(
        True, description="Weight each n-gram by its naive Bayes log-count ratio (NBSVM, Wang and Manning 2012)."
    )
    inverse_regularization: PositiveFloat = Field(
        10.0, description="Inverse strength of the L2 penalty, C in scikit-learn."
    )
    class_weights: ClassWeights = "none"
