"""The smallest real model, a GPT-2 with the same vocabulary, and a text of a few articles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from bakeoff.data.types import Corpus, Document, SplitCorpus
from bakeoff.lm.batching import TokenBatch, pack_rows
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.scoring_plan import Row
from bakeoff.lm.sources import load_language_model, ready

ARTICLES = {
    "Harbour": (
        " = Harbour = \n \n The old harbour lies north of the town , and the ships that come in bring salt , wool and "
        "news . In 1870 a wall was built against the storms . \n \n Today the boats are small . \n"
    ),
    "Lily": (
        " = Lily = \n \n Once upon a time , there was a little girl named Lily . She loved to play outside in the "
        "park . One day , she saw a big , red ball . She wanted to play with it , but it was too high . \n "
        "Lily was sad . \n"
    ),
    "Café": " = Café = \n \n Der Kaffee schmeckt süß – ein Café für alle . \n \n \n 東京 was not named . \n",
}


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread: for models this small, more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def stories() -> LanguageModel:
    return load_language_model("stories260k")


@pytest.fixture(scope="session")
def gpt2(stories: LanguageModel) -> LanguageModel:
    """GPT-2 with random weights, large enough for confident predictions, and the tokenizer of stories260k."""
    return ready(random_gpt2(), stories.tokenizer, name="random", reference="random", precision="fp32")


def pack_texts(texts: Sequence[Sequence[int]]) -> TokenBatch:
    """Put texts one after the other into a single row; the first token of a text is not predicted."""
    arrays = [np.array(text) for text in texts]
    return pack_rows([Row(ids, ids[1:], np.arange(len(ids) - 1)) for ids in arrays])


def random_gpt2() -> transformers.GPT2LMHeadModel:
    torch.manual_seed(5)
    config = transformers.GPT2Config(
        vocab_size=512,
        n_positions=64,
        n_embd=32,
        n_layer=2,
        n_head=4,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
    )
    return transformers.GPT2LMHeadModel(config).eval()


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return corpus_of(ARTICLES)


def corpus_of(articles: dict[str, str]) -> Corpus:
    documents = [
        Document(name, text, ["" if not line.strip() else line for line in text.splitlines(keepends=True)])
        for name, text in articles.items()
    ]
    return Corpus("the test text", documents, separator="")


@pytest.fixture(scope="session")
def split(corpus: Corpus) -> SplitCorpus:
    return SplitCorpus(train=corpus, validation=corpus_of({"Lily": ARTICLES["Lily"]}), test=corpus)


@pytest.fixture
def stories_folder(tmp_path: Path) -> Path:
    """A copy of stories260k that a test may damage."""
    import shutil

    from bakeoff.pretrained.packaged_models import packaged_folder

    return Path(shutil.copytree(packaged_folder("stories260k"), tmp_path / "stories"))
