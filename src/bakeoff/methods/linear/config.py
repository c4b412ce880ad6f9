"""Settings of method `linear`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bakeoff.methods.base import MethodConfig
from bakeoff.methods.search_space import Choice, Range, SearchSpace
from bakeoff.methods.table_columns.config import ReadsFeatures
from bakeoff.sections import ClassWeights, PositiveFloat, PositiveInt


class LinearConfig(MethodConfig):
    """TF-IDF of n-grams of words or characters and logistic regression (scikit-learn)."""

    method: Literal["linear"] = "linear"
    ngrams: Literal["auto", "words", "characters", "both"] = Field(
        "auto",
        description="What the n-grams consist of. `auto` chooses from the training split: characters for scripts "
        "without spaces between words, such as Chinese or Thai; both for up to a million words; words for more.",
    )
    max_ngram: Annotated[int, Field(ge=1, le=5)] = Field(3, description="Longest n-gram of words, in words.")
    max_characters: Annotated[int, Field(ge=1, le=8)] = Field(
        5, description="Longest n-gram of characters, within a word and the spaces around it."
    )
    min_document_frequency: PositiveInt = Field(2, description="Ignore n-grams that occur in fewer training texts.")
    naive_bayes: bool | None = Field(
        None,
        description="Weight each n-gram by its naive Bayes log-count ratio (NBSVM, Wang and Manning 2012). If absent, "
        "yes, except for characters alone, and for both kinds of n-grams with fewer than 200 texts per class.",
    )
    inverse_regularization: PositiveFloat | None = Field(
        None,
        description="Inverse strength of the L2 penalty, C in scikit-learn. If absent, 10, and 3 for characters alone.",
    )
    class_weights: ClassWeights = "none"
    features: ReadsFeatures = True
    search_space: ClassVar[SearchSpace] = {
        "ngrams": Choice(("words", "characters", "both")),
        "max_ngram": Range(1, 3),
        "max_characters": Range(3, 6),
        "min_document_frequency": Range(1, 5),
        "naive_bayes": Choice((True, False)),
        "inverse_regularization": Range(0.3, 100.0, log=True),
    }
