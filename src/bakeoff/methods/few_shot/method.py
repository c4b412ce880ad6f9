"""Method `few-shot`: the model without any training, with examples in its prompt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bakeoff.errors import UserError
from bakeoff.methods.context import Context
from bakeoff.methods.few_shot.config import FewShotConfig
from bakeoff.methods.pretrained.method import UntrainedMethod

if TYPE_CHECKING:
    from bakeoff.data.types import SplitCorpus

POOL = 2_000
"""Most training examples among which similar ones are looked for; of more, so many are drawn at random."""


class FewShotMethod(UntrainedMethod[FewShotConfig]):
    """In-context learning (Brown et al. 2020). Its model/ points at the base model and holds the examples."""

    config: ClassVar[type[FewShotConfig]] = FewShotConfig
    uses_seed = True
    exports = ()  # no format has a place for the examples

    def check(self, name: str, config: FewShotConfig, data: SplitCorpus) -> None:
        if not data.train.has_examples:
            raise UserError(
                f"contestants.{name}: method few-shot needs prompts with answers, and the data are a plain text.",
                "Name a table of them as data.examples, or remove the contestant.",
            )
        if config.examples > len(data.train.documents):
            raise UserError(
                f"contestants.{name}: there are {len(data.train.documents)} training examples, fewer than "
                f"{config.examples}.",
                f"Lower contestants.{name}.examples.",
            )

    def write_more(self, config: FewShotConfig, data: SplitCorpus, context: Context, folder: Path) -> None:
        """Draw the examples, or compute the vectors of those that can be chosen."""
        import numpy as np

        from bakeoff.data.shared_words import SharedWords, find_shared_words
        from bakeoff.lm.shots import Shots
        from bakeoff.pretrained.sentence_vectors import text_vectors

        documents, similar = data.train.documents, config.choose == "similar"
        size = min(POOL, len(documents)) if similar else config.examples
        rows = np.random.default_rng(context.seed).permutation(len(documents))[:size].tolist()
        texts = [documents[row].text + data.train.separator for row in rows]
        vectors = None
        shared = SharedWords()
        if similar:
            context.progress.stage("embedding examples")
            shared = find_shared_words(document.question for document in documents)
            vectors = text_vectors([shared.rest(documents[row].question) for row in rows])
        Shots(texts, config.examples, vectors, shared).write(folder)

    def prompt_factor(self, config: FewShotConfig) -> float:
        # Examples that are the same for every prompt are computed once.
        return 1.0 if config.choose == "random" else 1.0 + config.examples

    def describe(self, config: FewShotConfig) -> str:
        chosen = "drawn at random" if config.choose == "random" else "those most similar to each prompt"
        return f"The pretrained model itself, with {config.examples} training examples in its prompt, {chosen}"
