"""Settings of method `fasttext`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from bakeoff.methods.base import MethodConfig
from bakeoff.methods.search_space import Range, SearchSpace
from bakeoff.sections import PositiveFloat

Integer = Annotated[int, Field(gt=0, lt=2**31)]  # of C++


class FastTextConfig(MethodConfig):
    """fastText (Joulin et al. 2016): the mean of vectors of words and hashed n-grams, and a softmax."""

    search_space: ClassVar[SearchSpace] = {
        "learning_rate": Range(0.05, 1.0, log=True),
        "max_ngram": Range(1, 3),
        "embedding_size": Range(5, 100, log=True),
    }

    method: Literal["fasttext"] = "fasttext"
    embedding_size: Integer = Field(10, description="Size of a vector; `-dim` of fastText.")
    max_ngram: Annotated[int, Field(ge=1, le=5)] = Field(
        2, description="Longest n-gram of words, in words; `-wordNgrams`."
    )
    min_subword: Annotated[int, Field(ge=0, le=10)] = Field(
        0, description="Shortest n-gram of characters inside a word, for its vector; `-minn`."
    )
    max_subword: Annotated[int, Field(ge=0, le=10)] = Field(
        0, description="Longest n-gram of characters inside a word; `-maxn`. 0: none."
    )
    min_frequency: Integer = Field(1, description="Ignore words that occur less often; `-minCount`.")
    learning_rate: PositiveFloat = Field(0.5, description="Falls to 0 during the training; `-lr`.")
    buckets: Integer | None = Field(
        None,
        description="Number of vectors that all n-grams share by their hash; `-bucket`. If absent, the number of words "
        "in the training texts, at least 100,000 and at most 2 million.",
    )

    @model_validator(mode="after")
    def _has_a_range(self) -> FastTextConfig:
        if self.max_subword and not 1 <= self.min_subword <= self.max_subword:
            raise ValueError(f"min_subword must be from 1 to max_subword ({self.max_subword}), not {self.min_subword}")
        if self.min_subword and not self.max_subword:
            raise ValueError("min_subword needs max_subword")
        return self
